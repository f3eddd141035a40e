"""`jira-sync pause`: a sync does no work until `jira-sync resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.context.command_line import AllSyncs, AsJson, Names, Panel
from jira_sync.context.control import control_each
from jira_sync.output.terminal import current_user

if TYPE_CHECKING:
    pass


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.CONTROL)(pause)


def pause(
    names: Names = None,
    everything: AllSyncs = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever finds it paused.")] = "",
    as_json: AsJson = False,
) -> int:
    """Keep a sync from working until jira-sync resume, whatever is restarted meanwhile. Nothing is lost by it.

    Example: jira-sync pause sync-ab --reason "the workflow is rebuilt"
    """
    return control_each(
        names, lambda control: control.pause(current_user(), reason), everything=everything, as_json=as_json
    )
