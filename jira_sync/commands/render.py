"""`jira-sync render`: the text of supervisord.conf."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from jira_sync.context.command_line import Panel


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(render)


def render(
    stdout: Annotated[bool, typer.Option("--stdout", help="Print it instead.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print what would change in it instead.")] = False,
    to_stdout: Annotated[
        bool, typer.Option("--to-stdout", help="Have programs log to standard output, not to files.")
    ] = False,
) -> int:
    """Write supervisord.conf, if it changes.

    Example, what an edit would change in the process group: jira-sync render --diff
    """
    from generator.deploy import commands

    return commands.render(os.environ, to_stdout=stdout, diff=diff, log_to_stdout=to_stdout)
