"""`jira-sync check`: what is wrong with the files, and what would run."""

from __future__ import annotations

import os

import typer

from jira_sync.context.command_line import AsJson, Panel


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(check)


def check(as_json: AsJson = False) -> int:
    """Say what is wrong with the files in CONFIG_DIR, in all of them at once, and what would run.

    Nothing is changed. Exit code 1 when any file has a problem.

    Example: CONFIG_DIR=/tmp/new jira-sync check
    """
    from generator.deploy import commands

    return commands.check(os.environ, as_json=as_json)
