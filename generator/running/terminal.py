"""How commands write to a terminal. File names and answers of sites may hold characters that steer a terminal, or may
repeat secrets of ours: none of them gets through.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from sync_model.redaction import all_redacted, redacted

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def complain(sentence: str) -> None:
    """Print to standard error what is wrong and what to do."""
    note(f"error: {sentence}")


def warn(sentence: str) -> None:
    """Print to standard error what deserves a look."""
    note(f"warning: {sentence}")


def note(sentence: str) -> None:
    """Print one line to standard error, at once."""
    print(one_line(sentence), file=sys.stderr, flush=True)


def print_line(line: str) -> None:
    """Print one line, whatever is in it."""
    print(one_line(line))


def print_lines(text: str) -> None:
    """Print a text that has lines of its own."""
    print(printable(text), end="" if text.endswith("\n") or not text else "\n")


def printable(text: str) -> str:
    """Return `text` without characters that steer a terminal. It keeps its lines."""
    return "".join(character if _is_harmless(character) else REPLACEMENT for character in redacted(text))


def one_line(text: str) -> str:
    """Return `text` without characters that steer a terminal, and without line breaks."""
    return "".join(character if character.isprintable() else REPLACEMENT for character in redacted(text))


def print_json(value: Any) -> None:
    """Print `value` as one JSON document. What JSON does not know is printed as its string."""
    text = json.dumps(all_redacted(value), indent=2, default=str, ensure_ascii=False)
    print_json_text(text)


def print_json_text(text: str) -> None:
    """Print JSON as it was written. What may stand in it as it is, and steers a terminal, is escaped."""
    # json.dumps escapes only the first 32 characters. Others steer a terminal, too, such as U+009B.
    print("".join(character if _is_harmless(character) else json.dumps(character)[1:-1] for character in text))


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character == "\n"
