"""One Jira site in memory: its issues, its rules and its permissions. No HTTP."""
