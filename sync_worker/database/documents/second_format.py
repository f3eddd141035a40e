"""Format 2: what is remembered of an issue's items, and of what we did to it, stands in one place: `handled`.

Format 1 knows files in four fields: `copied` maps those that have a copy to it, `received` lists those that are copies,
`uncopied` those that cannot be copied, and `uploads` maps those that may have been sent to the attempt. It does without
the versions of items, and without what is gone. Our own status changes stand in `own_moves`, and the `updated` that our
last other write left in `wrote_until`.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sync_worker.core.issues.own_writes import LAST, MOVES, UPDATES, last_write

Document = dict[str, Any]

FILES = "attachments"
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
    found = {FILES: dict(items), MOVES: _lifted_moves(document), UPDATES: _lifted_update(document)}
    others = {name: value for name, value in document.items() if name not in OF_FORMAT_1}
    handled, found = others.get("handled", {}), {kind: known for kind, known in found.items() if known}
    return {**others, "handled": found | handled if isinstance(handled, dict) else handled}


def lower_issue(document: Document) -> Document:
    """Return a document of an issue in format 2 as one of format 1."""
    handled = document["handled"]
    items, last = handled.get(FILES, {}), handled.get(UPDATES, {}).get(LAST)
    others = {name: value for name, value in document.items() if name != "handled"}
    return {
        **others,
        "copied": {key: item["twin"] for key, item in items.items() if item.get("twin") and not item.get("is_copy")},
        "received": [key for key, item in items.items() if item.get("is_copy")],
        "uncopied": [key for key, item in items.items() if item.get("is_refused")],
        "uploads": {key: item["attempt"] for key, item in items.items() if item.get("attempt")},
        "own_moves": [_lowered_move(cause, move) for cause, move in handled.get(MOVES, {}).items()],
        "wrote_until": datetime.fromisoformat(last["version"]) if last else None,
    }


def _lifted_moves(document: Document) -> Any:
    moves = document.get("own_moves") or []
    try:
        return {move["cause"]: _lifted_move(move, document["updated"]) for move in moves}
    except (TypeError, KeyError):
        return moves  # it does not fit, and is reported so


def _lifted_move(move: Document, updated: datetime) -> Document:
    to_status, to_id = move["to_status"], move.get("to_id") or ""
    if not isinstance(to_status, str) or not isinstance(to_id, str):
        raise TypeError("a status is named by texts")
    item: Document = {"version": f"{to_id} {to_status}"}
    if move.get("landed"):
        return {**item, "twin": UNKNOWN_CHANGE}
    return {**item, "is_copy": True} if move.get("settled") else {**item, "attempt": {"at": updated}}


def _lowered_move(cause: str, move: Document) -> Document:
    to_id, _, to_status = move["version"].partition(" ")
    state = {"landed": bool(move.get("twin")), "settled": bool(move.get("is_copy"))}
    return {"cause": cause, "to_status": to_status, **state, "to_id": to_id}


def _lifted_update(document: Document) -> Any:
    until = document.get("wrote_until")
    if until is None or not isinstance(until, datetime):
        return until  # what is no time does not fit, and is reported so
    return {key: {"version": last.version, "is_copy": True} for key, last in last_write(until).items()}


def _mapping(document: Document, name: str) -> list[tuple[str, Any]]:
    found = document.get(name)
    return list(found.items()) if isinstance(found, dict) else []
