"""The checks of `jira-sync doctor`. They change nothing on Jira, and each finding that is bad has advice."""
