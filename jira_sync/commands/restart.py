"""`jira-sync restart`: syncs of the running group begin anew, as they were applied."""

from __future__ import annotations

import os

import typer

from jira_sync.context.command_line import AllSyncs, AsJson, Names, Panel


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(restart)


def restart(names: Names = None, everything: AllSyncs = False, as_json: AsJson = False) -> int:
    """Restart syncs of the group that runs, or start them if they are stopped.

    A sync runs what was applied last, not an edit of its file: that is
    jira-sync apply NAME. With --all, what was stopped by a person stays so.
    The whole group, with its MongoDB: jira-sync stop, then jira-sync start.

    Example: jira-sync restart sync-ab
    """
    from generator.deploy import commands

    return commands.restart_some(os.environ, names or [], everything=everything, as_json=as_json)
