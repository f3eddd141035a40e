"""Jira over HTTP: one client for Cloud and Data Center, on `/rest/api/2` of both."""

from sync_worker.jira.client import JiraClient

__all__ = ["JiraClient"]
