"""Format 2: what is remembered of an issue's items, and of what we did to it, stands in one place: `handled`.

Format 1 knows files in four fields: `copied` maps those that have a copy to it, `received` lists those that are copies,
`uncopied` those that cannot be copied, and `uploads` maps those that may have been sent to the attempt. It does without
the versions of items, and without what is gone. Our own status changes stand in `own_moves`, in a form of their own.
`wrote_until`, the time of our last own write, has nothing in its place: what we have written is read back.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

Document = dict[str, Any]

FILES, MOVES = "attachments", "move"
UNKNOWN_CHANGE = "?"
"""What stands for the id of a status change of which format 1 only says that it was seen."""
OF_FORMAT_1 = frozenset({"copied", "received", "uncopied", "uploads", "own_moves", "wrote_until"})


def lift_issue(document: Document) -> Document:
    """Return a document of an issue in format 1 as one of format 2, and one of format 2 as it is."""
    if document.keys().isdisjoint(OF_FORMAT_1):
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
    found = {FILES: dict(items), MOVES: _moves_of_format_1(document)}
    return {**others, "handled": {kind: items for kind, items in found.items() if items} | others.get("handled", {})}


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
        "own_moves": [_move_of_format_1(cause, move) for cause, move in document["handled"].get(MOVES, {}).items()],
        "wrote_until": None,
    }


def _moves_of_format_1(document: Document) -> Any:
    moves = document.get("own_moves") or []
    try:
        return {move["cause"]: _move_of_format_2(move, document["updated"]) for move in moves}
    except (TypeError, KeyError):
        return moves  # it does not fit, and is reported so


def _move_of_format_2(move: Document, updated: datetime) -> Document:
    item: Document = {"version": f"{move.get('to_id', '')} {move['to_status']}"}
    if move.get("landed"):
        return {**item, "twin": UNKNOWN_CHANGE}
    return {**item, "is_copy": True} if move.get("settled") else {**item, "attempt": {"at": updated}}


def _move_of_format_1(cause: str, move: Document) -> Document:
    to_id, _, to_status = move["version"].partition(" ")
    state = {"landed": bool(move.get("twin")), "settled": bool(move.get("is_copy"))}
    return {"cause": cause, "to_status": to_status, **state, "to_id": to_id}


def _mapping(document: Document, name: str) -> list[tuple[str, Any]]:
    found = document.get(name)
    return list(found.items()) if isinstance(found, dict) else []
