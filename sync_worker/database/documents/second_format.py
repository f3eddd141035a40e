"""Format 2: what is remembered of an issue's items stands in one place, `handled`, for all kinds of them.

Format 1 knows files alone, in four fields: `copied` maps those that have a copy to it, `received` lists those that are
copies, `uncopied` those that cannot be copied, and `uploads` maps those that may have been sent to the attempt. It does
without the versions of items, and without what is gone.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

Document = dict[str, Any]

FILES = "attachments"
OF_FORMAT_1 = ("copied", "received", "uncopied", "uploads")


def lift_issue(document: Document) -> Document:
    """Return a document of an issue in format 1 as one of format 2, and one of format 2 as it is."""
    if "handled" in document:
        return document
    items: dict[str, Document] = defaultdict(dict)
    for key, twin in _mapping(document, "copied"):
        items[key]["twin"] = twin
    for key in document.get("received") or ():
        items[key]["is_copy"] = True
    for key in document.get("uncopied") or ():
        items[key]["is_refused"] = True
    for key, attempt in _mapping(document, "uploads"):
        # The versions before wrote only when an upload was begun.
        items[key]["attempt"] = {"at": attempt} if isinstance(attempt, datetime) else attempt
    others = {name: value for name, value in document.items() if name not in OF_FORMAT_1}
    return {**others, "handled": {FILES: dict(items)} if items else {}}


def lower_issue(document: Document) -> Document:
    """Return a document of an issue in format 2 as one of format 1."""
    items = document["handled"].get(FILES, {})
    copies = [key for key, item in items.items() if item.get("is_copy")]
    others = {name: value for name, value in document.items() if name != "handled"}
    return {
        **others,
        "copied": {key: item["twin"] for key, item in items.items() if item.get("twin") and not item.get("is_copy")},
        "received": copies,
        "uncopied": [key for key, item in items.items() if item.get("is_refused")],
        "uploads": {key: item["attempt"] for key, item in items.items() if item.get("attempt")},
    }


def _mapping(document: Document, name: str) -> list[tuple[str, Any]]:
    found = document.get(name)
    return list(found.items()) if isinstance(found, dict) else []
