"""How commands speak: tables and colours where a person watches, plain lines or JSON where a script reads."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 4000
"""Columns where nobody watches: lines are as long as they are."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
"""For answers. rich leaves colours out where the output is no terminal, and where NO_COLOR is set."""
notes = Console(highlight=False, stderr=True)
"""For what is only worth seeing while it happens."""


def complain(sentence: str) -> None:
    """Say on standard error what is wrong and what to do."""
    print(f"error: {printable(sentence)}", file=sys.stderr)


def warn(sentence: str) -> None:
    print(f"warning: {printable(sentence)}", file=sys.stderr)


def printable(text: str) -> str:
    """Return `text` so that it can do nothing to a terminal: what Jira and files say may hold anything."""
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def for_people(error: Exception) -> Sequence[str] | None:
    """Return what to say of an error that a person can do something about, or None."""
    from generator.running.settings import Unusable
    from generator.running.supervisor_rpc import NoAnswer, NotRunning
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


def print_json(value: Any) -> None:
    """Print `value` as one JSON document; what JSON does not know is printed as its string."""
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))


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
