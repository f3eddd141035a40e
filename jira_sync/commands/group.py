"""Commands about the group as a whole: what it should be, and making it so. `generator` does the work."""

from __future__ import annotations

import os
from typing import Annotated

import typer

PANEL = "The group"
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (check, render, start, apply, stop):
        app.command(rich_help_panel=PANEL)(command)


def check(as_json: AsJson = False) -> int:
    """Say what is wrong with the files in CONFIG_DIR, in all of them at once, and what would run.

    Nothing is changed. Exit code 1 when any file has a problem.

    Example: CONFIG_DIR=/tmp/new jira-sync check
    """
    return _generate("check", {"--json": as_json})


def render(
    stdout: Annotated[bool, typer.Option("--stdout", help="Print it instead.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print what would change in it instead.")] = False,
) -> int:
    """Write supervisord.conf, if it changes.

    Example, what an edit would change in the process group: jira-sync render --diff
    """
    return _generate("render", {"--stdout": stdout, "--diff": diff})


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
    return _generate("start", {"--foreground": foreground, "--strict": strict})


def apply(
    strict: Annotated[bool, typer.Option("--strict", help="Change nothing if any file has a problem.")] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Stop all syncs if the folder is empty.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make the running group follow the files; only what an edit touched restarts.

    A sync whose file is broken goes on as it was.

    Example: jira-sync apply --strict
    """
    return _generate("apply", {"--strict": strict, "--allow-empty": allow_empty, "--json": as_json})


def stop() -> int:
    """Stop the group, and whatever an earlier one has left behind; its data stays.

    Example, one sync only: supervisorctl stop sync-ab
    """
    return _generate("stop", {})


def _generate(command: str, options: dict[str, bool]) -> int:
    from generator.__main__ import main

    return main([command, *(name for name, is_given in options.items() if is_given)], os.environ)
