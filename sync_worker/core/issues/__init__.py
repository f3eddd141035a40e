"""What a sync knows of an issue: as Jira tells it, its pair, its causes and actions, what is remembered of it."""
