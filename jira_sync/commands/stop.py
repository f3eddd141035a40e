"""`jira-sync stop`: stops the group."""

from __future__ import annotations

import os

import typer

from jira_sync.context.command_line import AllSyncs, AsJson, Panel, SomeNames


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(stop)


def stop(names: SomeNames = None, everything: AllSyncs = False, as_json: AsJson = False) -> int:
    """Stop the group, and whatever an earlier one has left behind; its data stays.

    With names, or --all, it stops only these syncs. The group goes on, and
    they stay stopped, also when their files are edited and applied, until
    jira-sync start NAME, or until the group itself is started anew.

    Example, one sync only: jira-sync stop sync-ab
    """
    from generator.deploy import commands

    if names or everything:
        return commands.stop_some(os.environ, names or [], everything=everything, as_json=as_json)
    return commands.stop(os.environ, as_json=as_json)
