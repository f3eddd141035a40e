"""`jira-sync apply`: makes the running group follow the files."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from jira_sync.context.command_line import AsJson, Panel


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(apply)


def apply(
    strict: Annotated[bool, typer.Option("--strict", help="Change nothing if any file has a problem.")] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Stop all syncs if the folder is empty.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make the running group follow the files; only what an edit touched restarts.

    A sync whose file is broken goes on as it was.

    Example: jira-sync apply --strict
    """
    from generator.deploy import commands

    return commands.apply(os.environ, strict=strict, allow_empty=allow_empty, as_json=as_json)
