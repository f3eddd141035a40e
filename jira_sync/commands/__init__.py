"""The commands of `jira-sync`, one module each. No command imports another."""
