"""How commands speak: tables and colours where a person watches, plain lines or JSON where a script reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
"""For answers. rich leaves colours out where the output is no terminal, and where NO_COLOR is set."""


def complain(sentence: str) -> None:
    """Say on standard error what is wrong and what to do."""
    print(f"error: {sentence}", file=sys.stderr)


def warn(sentence: str) -> None:
    print(f"warning: {sentence}", file=sys.stderr)


def printable(text: str) -> str:
    """Return `text` so that it can do nothing to a terminal: what Jira and files say may hold anything."""
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def print_json(value: Any) -> None:
    """Print `value` as one JSON document; what JSON does not know is printed as its string."""
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Return a table without frames: what a script cuts by columns, and a person reads."""
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made
