"""One process, one sync: it asks both Jira projects what changed and carries out what the rules call for."""
