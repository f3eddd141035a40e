"""`jira-sync stop`: stops the group."""

from __future__ import annotations

import os

import typer

from jira_sync.context.command_line import Panel


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(stop)


def stop() -> int:
    """Stop the group, and whatever an earlier one has left behind; its data stays.

    Example, one sync only: supervisorctl stop sync-ab
    """
    from generator.deploy import commands

    return commands.stop(os.environ)
