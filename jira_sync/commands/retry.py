"""`jira-sync retry`: changes that failed or were given up are tried again at once."""

from __future__ import annotations

import typer

from jira_sync.context.command_line import AllIssues, AsJson, FailedIssues, Name, Panel
from jira_sync.context.failure_requests import request_for_failed


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.CONTROL)(retry)


def retry(name: Name, issues: FailedIssues = None, everything: AllIssues = False, as_json: AsJson = False) -> int:
    """Try again at once what failed, was given up or cannot be handled, and say what came of it.

    Without issues, list it.

    Exit code 1 when something failed again.

    Example: jira-sync retry sync-ab SUP-17 DEV-23
    """
    return request_for_failed("retry", name, issues or [], everything=everything, as_json=as_json)
