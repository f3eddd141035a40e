"""How commands speak: tables and colours where a person watches, plain lines or JSON where a script reads."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.running.errors import NoAnswer, NotRunning, Unusable
from generator.running.terminal import complain, print_json, printable, warn

__all__ = ["complain", "for_people", "notes", "out", "print_json", "printable", "table", "warn", "who"]

WIDE = 4000
"""Columns where nobody watches: lines are as long as they are."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
"""For answers. rich leaves colours out where the output is no terminal, and where NO_COLOR is set."""
notes = Console(highlight=False, stderr=True)
"""For what is only worth seeing while it happens."""


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


def who() -> str:
    """Return who types this, for the record: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Return a table without frames: what a script cuts by columns, and a person reads.

    On a terminal that is too narrow, the last column goes over several lines.
    """
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns[:-1]:
        made.add_column(column, no_wrap=True)
    made.add_column(columns[-1], no_wrap=not out.is_terminal, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made
