"""`jira-sync schema`: the JSON Schema by which editors complete, explain and check a sync's file."""

from __future__ import annotations

import typer

from jira_sync.context.command_line import Panel
from jira_sync.output.terminal import print_json


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.SETUP)(schema)


def schema() -> int:
    """Print the JSON Schema of a sync's file, by which editors complete and check it.

    configs/sync.schema.json holds a copy. In a file that begins with
    "$schema": "./sync.schema.json", VS Code and others complete keys, explain
    them, and mark what is wrong as you type.

    Example: jira-sync schema > configs/sync.schema.json
    """
    from sync_model.definition.schema import json_schema

    print_json(json_schema())
    return 0
