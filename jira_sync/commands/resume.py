"""`jira-sync resume`: a paused sync works again."""

from __future__ import annotations

import typer

from jira_sync.context.command_line import AllSyncs, AsJson, Names, Panel
from jira_sync.context.control import control_each
from jira_sync.output.terminal import current_user


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.CONTROL)(resume)


def resume(names: Names = None, everything: AllSyncs = False, as_json: AsJson = False) -> int:
    """Let a paused sync go on where it was.

    Example: jira-sync resume --all
    """
    return control_each(names, lambda control: control.resume(current_user()), everything=everything, as_json=as_json)
