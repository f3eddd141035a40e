"""The command line `jira-sync`. Each command is thin: it finds its target and calls the packages below."""
