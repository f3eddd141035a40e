"""The front door: the one command `jira-sync`. Thin: each command finds the group and asks a room below."""
