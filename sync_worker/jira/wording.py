"""What the body of an error says, in one line, whoever wrote it. None of our secrets gets through."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from sync_model.secrecy.redaction import redacted

LONGEST = 200
LONGEST_REASON = 60
TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
SEARCHED = 64 * 1024
"""Bytes at the beginning of a page that are searched for its title."""
DEEPEST = 3
NAMES = ("detail", "errorMessage", "error_description", "message", "error", "title")
"""Where other APIs than Jira's say what is wrong, the most telling first: RFC 9457, OAuth, Atlassian's gateways."""


def said(body: bytes, data: Any, content_type: str) -> str:
    """Return what a body says. `data` is its JSON, None when it is none."""
    kind = content_type.partition(";")[0].strip().lower()
    if data is not None:
        return _in_json(data)
    if b"<html" in body[:SEARCHED].lower() or kind == "text/html":
        return title(body)
    return one_line(body[:SEARCHED].decode(errors="replace")) if kind.startswith("text/") else ""


def title(page: bytes) -> str:
    """Return the title of a web page; nothing when it has none."""
    found = TITLE.search(page[:SEARCHED])
    return one_line(html.unescape(found[1].decode(errors="replace"))) if found else ""


def reason(phrase: str) -> str:
    return one_line(phrase)[:LONGEST_REASON]


def one_line(text: str) -> str:
    """Return the beginning of `text` in one line, without what could steer a terminal."""
    return _printable(text)[:LONGEST]


def _printable(text: str) -> str:
    """Return the beginning of `text` in one line of what can be printed, before it is cut to what is shown.

    JSON can name half of a character, which nobody can keep.
    """
    text = redacted(text[:SEARCHED])
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def explanation(body: Mapping[str, Any]) -> str:
    """Return what the body of an error in Jira's own form says is wrong, in one line."""
    errors, messages, own = body.get("errors"), body.get("errorMessages"), body.get("message")
    fields = [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, Mapping) else []
    parts = [*(messages if isinstance(messages, list) else []), *fields, own if isinstance(own, str) else ""]
    return _printable("; ".join(str(part) for part in parts if part))


def about_fields(body: Mapping[str, Any]) -> dict[str, str]:
    """Return what the body of an error in Jira's own form says of single fields, by their names."""
    errors = body.get("errors")
    found = errors.items() if isinstance(errors, Mapping) else ()
    return {name: one_line(text) for name, text in found if isinstance(text, str)}


def _in_json(data: Any, depth: int = 0) -> str:
    if isinstance(data, str):
        return one_line(data)
    if depth == DEEPEST:
        return ""
    if isinstance(data, list):
        return one_line("; ".join(filter(None, (_in_json(part, depth + 1) for part in data[:3]))))
    if not isinstance(data, Mapping):
        return ""
    told = (_in_json(data[name], depth + 1) for name in NAMES if name in data)
    return one_line(explanation(data)) or next(filter(None, told), "")
