"""Jira's own REST API, version 2, on both flavours: Cloud and Data Center."""
