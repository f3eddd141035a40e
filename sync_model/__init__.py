"""The vocabulary that all other packages share: syncs and their files, heartbeats, and the judgement of both.

A *sync* is one pair of Jira projects kept in step, written down in one JSON file. A *rule* says what a
status change on one side calls for. An *action* is one thing a rule calls for. A *cycle* is one pass of a
worker over both projects. A *heartbeat* is what a worker last said of itself.
"""

VERSION = "0.1.0"
