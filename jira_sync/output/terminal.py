"""Prints for all commands: tables and colours on a terminal, plain lines or JSON for scripts."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.running.errors import NoAnswer, NotRunning, Unusable
from generator.running.terminal import complain, print_json, printable, warn

__all__ = [
    "agrees",
    "complain",
    "current_user",
    "for_people",
    "notes",
    "out",
    "print_json",
    "print_line",
    "printable",
    "table",
    "warn",
]

WIDE = 4000
"""Columns if standard output is no terminal, so that no line is wrapped."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
"""Prints answers. rich leaves colours out if standard output is no terminal or NO_COLOR is set."""
notes = Console(highlight=False, stderr=True)
"""Prints progress, which matters only while a command runs."""


def for_people(error: Exception) -> Sequence[str] | None:
    """Return what to say of an error that a person can do something about, or None."""
    from sync_worker.core.errors import LeaseLost, Paused, SyncError

    match error:
        case Unusable():
            return error.problems
        case NotRunning():
            return ["no group runs here; start one: jira-sync start"]
        case NoAnswer() | SyncError() | LeaseLost() | Paused():
            return [str(error)]
        case OSError():
            return [f"{error.filename}: {error.strerror}" if error.filename else str(error)]
    return None


def current_user() -> str:
    """Return who runs this command, as user@host. The journal records it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def agrees(question: str) -> bool:
    """Ask a person. Raises Unusable when nobody is there to be asked."""
    if not (out.is_terminal and os.isatty(0)):
        raise Unusable("nobody is there to be asked: say --yes if that is what you want")
    return typer.confirm(question)


def print_line(text: str) -> None:
    """Print `text` without markup and without control characters."""
    out.print(printable(text), markup=False)


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Return a table without frames, which scripts can cut by columns.

    If a terminal is too narrow, the last column is wrapped.
    """
    unframed = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns[:-1]:
        unframed.add_column(column, no_wrap=True)
    unframed.add_column(columns[-1], no_wrap=not out.is_terminal, overflow="fold")
    for row in rows:
        unframed.add_row(*row)
    return unframed
