"""The questions, proposals and checks of `jira-sync init`."""
