"""`jira-sync start`: starts the group."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from jira_sync.context.command_line import Panel


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(start)


def start(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Become supervisord, and log to standard output, as in a container.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Start nothing if a file has a problem (STRICT=1).")] = False,
) -> int:
    """Start the group: one process per sync, and its own MongoDB unless DATABASE_URL names one.

    A file with a problem does not keep the others from starting, but makes the exit code 1.

    Example: DATABASE_URL=mongodb://db.example.com jira-sync start
    """
    from generator.deploy import commands

    return commands.start(os.environ, foreground=foreground, strict=strict)
