"""Halves of characters in Jira's answers, which no encoding can say.

Jira cuts texts by UTF-16 units, and so cuts an emoji in half. JSON can carry the half, as `\\ud83d`. Neither a request
nor MongoDB nor a page can. So it is replaced where it comes in, by the sign for a character that is not known.
"""

from __future__ import annotations

import re
from typing import Any

HALF = re.compile("[\ud800-\udfff]")
HALF_IN_JSON = re.compile(rb"\\u[dD][89a-fA-F]")
UNKNOWN = "\ufffd"


def without_halves(data: Any, text: bytes) -> Any:
    """Return `data`, which was read from the JSON `text`, with whole characters only."""
    return _mended(data) if HALF_IN_JSON.search(text) else data


def _mended(data: Any) -> Any:
    # Where two halves make a character, reading the JSON has joined them.
    match data:
        case str():
            return HALF.sub(UNKNOWN, data)
        case list():
            return [_mended(value) for value in data]
        case dict():
            return {_mended(name): _mended(value) for name, value in data.items()}
        case _:
            return data
