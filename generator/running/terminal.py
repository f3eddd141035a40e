"""How commands write to a terminal. File names and answers of sites may hold characters that steer a terminal: none
of them gets through.
"""

from __future__ import annotations

import json
import sys
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def complain(sentence: str) -> None:
    """Print to standard error what is wrong and what to do."""
    print(f"error: {one_line(sentence)}", file=sys.stderr)


def warn(sentence: str) -> None:
    """Print to standard error what deserves a look."""
    print(f"warning: {one_line(sentence)}", file=sys.stderr)


def printable(text: str) -> str:
    """Return `text` without characters that steer a terminal. It keeps its lines."""
    return "".join(character if _is_harmless(character) else REPLACEMENT for character in text)


def one_line(text: str) -> str:
    """Return `text` without characters that steer a terminal, and without line breaks."""
    return "".join(character if character.isprintable() else REPLACEMENT for character in text)


def print_json(value: Any) -> None:
    """Print `value` as one JSON document. What JSON does not know is printed as its string."""
    text = json.dumps(value, indent=2, default=str, ensure_ascii=False)
    # json.dumps escapes only the first 32 characters. Others steer a terminal, too, such as U+009B.
    print("".join(character if _is_harmless(character) else json.dumps(character)[1:-1] for character in text))


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character == "\n"
