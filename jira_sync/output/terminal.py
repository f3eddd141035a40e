"""Prints for all commands: tables and colours on a terminal, plain lines or JSON for scripts."""

from __future__ import annotations

import errno
import getpass
import os
import socket
import sys
from collections.abc import Sequence

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from generator.running.errors import NoAnswer, NotRunning, Unusable
from generator.running.terminal import (
    as_typed,
    complain,
    note,
    one_line,
    print_json,
    print_json_text,
    printable,
    say_commands_as,
    warn,
    write_log_lines,
)

__all__ = [
    "agrees",
    "as_typed",
    "ask",
    "complain",
    "confirms",
    "current_user",
    "for_people",
    "harmless",
    "note",
    "notes",
    "one_line",
    "out",
    "print_as_written",
    "print_json",
    "print_json_text",
    "print_line",
    "print_rendered",
    "printable",
    "say_commands_as",
    "show",
    "table",
    "warn",
    "write_log_lines",
]

WIDE = 4000
"""Columns if standard output is no terminal, so that no line is wrapped."""


class PrintingConsole(Console):
    """A console that leaves it to the command what it means that nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


out = PrintingConsole(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
"""Prints answers. rich leaves colours out if standard output is no terminal or NO_COLOR is set."""
notes = PrintingConsole(highlight=False, stderr=True)
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


def agrees(question: str, unasked: str = "nobody is there to be asked") -> bool:
    """Ask a person. Raises Unusable when nobody is there to be asked; `unasked` says why that matters."""
    if not (out.is_terminal and os.isatty(0)):
        raise Unusable(f"{unasked}: say --yes if that is what you want")
    return confirms(question)


def confirms(question: str, *, default: bool | None = False) -> bool:
    """Ask a question that is answered with yes or no."""
    return typer.confirm(one_line(question), default=default)


def ask(question: str, *, default: str | None = None, is_secret: bool = False) -> str:
    """Return what a person types. A default that cannot be shown as it is is none."""
    shown = default if default == one_line(default or "") else None
    answer: str = typer.prompt(one_line(question), default=shown, show_default=bool(shown), hide_input=is_secret)
    return answer.strip()


def print_line(line: str | Text, style: str = "") -> None:
    """Print one line, whatever is in it: nothing in it begins another one, is markup, or steers the terminal."""
    out.print(harmless(line, style))


def show(*parts: str | Table | Text) -> Group:
    """Return tables and lines as one thing to be shown in place of the last one."""
    return Group(*(part if isinstance(part, Table) else harmless(part) for part in parts))


def print_rendered(*parts: str | Table | Text) -> None:
    """Print tables, whose cells `table` has made harmless, and lines."""
    for part in show(*parts).renderables:
        out.print(part)


def print_as_written(text: str) -> None:
    """Print lines of a log, which have been made harmless and may have colours."""
    print(text)


def harmless(line: str | Text, style: str = "") -> Text:
    """Return one line as it may be printed."""
    if isinstance(line, str):
        return Text(one_line(line), style)
    text = line.copy()
    text.plain = one_line(text.plain)
    return text


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Return a table without frames, which scripts can cut by columns.

    If a terminal is too narrow, the last column is wrapped.
    """
    unframed = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns[:-1]:
        unframed.add_column(column, no_wrap=True)
    unframed.add_column(columns[-1], no_wrap=not out.is_terminal, overflow="fold")
    for row in rows:
        unframed.add_row(*map(harmless, row))
    return unframed
