"""The shapes of Jira's JSON: objects, lists, ids, keys, texts, times.

What has another shape raises whatever Python raises then, as ODD lists it. `answers.parsed` surrounds all of it, and
makes one error of that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from sync_model.secrecy.redaction import redacted
from sync_worker.core.timing import EARLIEST, LATEST

T = TypeVar("T")
ID = re.compile("[0-9]{1,20}")
KEY = re.compile(r"[^\W\d_]\w*-[0-9]{1,20}")
"""The pattern of keys is a site's own choice; letters, digits and _ are what Jira takes."""
LONGEST_NAME = 255
SHORTEST_IN_LABELS = 12
ODD = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""What comes up in Python when JSON has another shape than Jira's."""


def an_object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TypeError("no object")
    return data


def objects(data: Any) -> list[dict[str, Any]]:
    if not isinstance(data, list):
        raise TypeError("no list")
    return [an_object(item) for item in data]


def identified(data: Any) -> list[dict[str, Any]]:
    """Return the objects in a list, all of which have an id."""
    found = objects(data)
    for item in found:
        identity(item)
    return found


def list_of(make: Callable[[Mapping[str, Any]], T]) -> Callable[[Any], list[T]]:
    """Return a function that makes a value of each object in a list."""
    return lambda data: [make(item) for item in objects(data)]


def nothing(data: Any) -> None:
    """Accept an answer without a body."""
    if data is not None:
        raise ValueError("a body where none is expected")


def identity(data: Mapping[str, Any]) -> str:
    """Return the id of an issue, a comment, a file. In some answers it is a number, in others a string."""
    given = data["id"]
    if isinstance(given, bool) or not ID.fullmatch(str(given)):
        raise ValueError("no id")
    return str(given)


def key(data: Mapping[str, Any]) -> str:
    """Return the key of an issue. It becomes a part of addresses, of searches and of lines for people."""
    given = string(data["key"])
    if len(given) > LONGEST_NAME or not KEY.fullmatch(given):
        raise ValueError("no key")
    return given


def name_of(value: Any) -> str:
    """Return what names an account or a status: a site may choose it freely, but it is one line that can be seen."""
    given = string(value)
    if len(given) > LONGEST_NAME or not given.isprintable():
        raise ValueError("no name")
    return given


def label(value: Any) -> str:
    """Return a name that people of a site choose freely, as that of a status. It is compared, and it is stored.

    So a secret of ours in it is masked where it is read, always in the same way. A short one may be a word of the name:
    rules must go on to find `Waiting for password reset`, whatever the password of the database is.
    """
    return redacted(string(value), SHORTEST_IN_LABELS)


def string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def text(value: Any) -> str | None:
    """Return a text. Where a site gives the tree of a rich text in its place, this is the text in that tree."""
    if isinstance(value, dict):
        return "".join(_text_in(value)).strip("\n")
    return None if value is None else string(value)


def _text_in(node: Any) -> Iterable[str]:
    """Yield the pieces of text in a node of Atlassian's document format; a block ends its line."""
    match node:
        case {"type": "text", "text": str(words)}:
            yield words
        case {"type": "mention" | "emoji" | "status", "attrs": {"text": str(words)}}:
            yield words
        case {"type": "inlineCard" | "blockCard", "attrs": {"url": str(address)}}:
            yield address
        case {"type": "hardBreak"}:
            yield "\n"
        case {"type": str(kind)}:
            for child in node.get("content") or ():
                yield from _text_in(child)
            if kind in LINES:
                yield "\n"
        case _:
            raise TypeError("no text")


LINES = frozenset({"paragraph", "heading", "codeBlock", "rule", "tableRow", "mediaSingle", "mediaGroup"})
"""Nodes after which a new line begins."""


def account(user: Mapping[str, Any]) -> str | None:
    """Return the id of an account: `accountId` on Cloud, `key` on Data Center. None when there is none."""
    found = user.get("accountId") or user.get("key") or user.get("name")
    return name_of(found) if found else None


def time_of(text: str) -> datetime:
    """Parse a time such as `2024-11-29T10:44:51.887+0000`. Raises ValueError when it has no zone."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time without a zone says nothing")
    # What an import left at the end of what can be told is brought so far from there that one can reckon with it.
    return min(max(value, EARLIEST), LATEST)
