"""`jira-sync dismiss`: changes that were given up are forgotten."""

from __future__ import annotations

import typer

from jira_sync.context.command_line import AllIssues, AsJson, FailedIssues, Name, Panel
from jira_sync.context.failure_requests import request_for_failed


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.CONTROL)(dismiss)


def dismiss(name: Name, issues: FailedIssues = None, everything: AllIssues = False, as_json: AsJson = False) -> int:
    """Forget what was given up, and what cannot be handled, so that nobody is reminded of it any more.

    Later changes of the same issues are carried over as ever. Without issues, list it.

    Example: jira-sync dismiss sync-ab DEV-23
    """
    return request_for_failed("dismiss", name, issues or [], everything=everything, as_json=as_json)
