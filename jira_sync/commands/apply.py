"""`jira-sync apply`: makes the running group follow the files."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from jira_sync.context.command_line import AsJson, Panel, SomeNames


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(apply)


def apply(
    names: SomeNames = None,
    strict: Annotated[bool, typer.Option("--strict", help="Change nothing if any file has a problem.")] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Stop all syncs if the folder is empty.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make the running group follow the files; only what an edit touched restarts.

    A sync whose file is broken goes on as it was. With names, only their
    edits are applied: all other syncs stay as they are, whatever their files
    say, until jira-sync apply without names.

    Example: jira-sync apply sync-ab
    """
    from generator.deploy import commands
    from jira_sync.context.fetching import fetch

    return commands.apply(os.environ, names or [], strict=strict, allow_empty=allow_empty, as_json=as_json, fetch=fetch)
