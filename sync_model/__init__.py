"""The shared vocabulary: what a sync is, a folder of them, and what a worker says of itself.

A *sync* is one pair of Jira projects kept in step, written down in one JSON file. A *rule* says what a
status change on one side calls for. An *action* is one thing a rule calls for. A *cycle* is one pass of a
worker over both projects. A *heartbeat* is what a worker last said of itself.
"""

VERSION = "0.1.0"
