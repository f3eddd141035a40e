"""`jira-sync start`: starts the group."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from jira_sync.context.command_line import AllSyncs, AsJson, Panel, SomeNames


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(start)


def start(
    names: SomeNames = None,
    everything: AllSyncs = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Become supervisord, and log to standard output, as in a container.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Start nothing if a file has a problem (STRICT=1).")] = False,
    as_json: AsJson = False,
) -> int:
    """Start the group: one process per sync, and its own MongoDB unless DATABASE_URL names one.

    A file with a problem does not keep the others from starting, but makes
    the exit code 1. With names, or --all, it starts syncs of the group that
    runs, which were stopped: as they were applied last.

    Example: DATABASE_URL=mongodb://db.example.com jira-sync start
    """
    from generator.deploy import commands
    from generator.running.errors import NotUnderstood
    from jira_sync.context.fetching import fetch

    if foreground and as_json:
        raise NotUnderstood("--foreground logs and prints no document; leave out --json")
    if not names and not everything:
        return commands.start(os.environ, foreground=foreground, strict=strict, as_json=as_json, fetch=fetch)
    if foreground or strict:
        raise NotUnderstood("--foreground and --strict are about the whole group; leave out the names, or --all")
    return commands.start_some(os.environ, names or [], everything=everything, as_json=as_json)
