"""What `jira-sync doctor` looks at, part by part. Nothing is changed on Jira; every finding says what to do."""
