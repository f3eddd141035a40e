"""What several commands share on the command line: help panels, arguments, options, completion of names."""

from __future__ import annotations

import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jira_sync.context.target import find_target


class Panel(StrEnum):
    """The panels of `jira-sync --help`."""

    GROUP = "The group"
    FLEET = "Files for several containers"
    MONITORING = "Looking"
    CONTROL = "Steering"
    SETUP = "Setting up"
    ISSUES = "Carrying over"
    DATABASE = "The memory of a sync"
    MIGRATION = "Moving in"


def complete_name(incomplete: str) -> list[str]:
    """Return the names of syncs that begin with `incomplete`; none if anything fails, as a shell shows no errors."""
    with suppress(Exception):
        return [name for name in find_target(os.environ, is_quiet=True).names() if name.startswith(incomplete)]
    return []


def seen_from_here(path: Path | None) -> Path | None:
    """Return a path of the command line as an absolute one: a command goes to the folder of its group."""
    return path and path.absolute()


Name = Annotated[str, typer.Argument(metavar="NAME", help="The sync.", autocompletion=complete_name)]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="The syncs that are meant.", autocompletion=complete_name)
]
SomeNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Only these syncs.", show_default=False, autocompletion=complete_name),
]
AllSyncs = Annotated[bool, typer.Option("--all", help="All syncs.")]
FailedIssues = Annotated[
    list[str] | None, typer.Argument(metavar="ISSUE", help="Keys or ids. Without any, what failed is only listed.")
]
AllIssues = Annotated[bool, typer.Option("--all", help="All issues.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
