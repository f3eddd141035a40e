"""Own moves: the status changes that we have made on an issue, or may have made, until its history shows them.

They are remembered like items of the issue (`core.items`), by the id of the cause that called for each, for the id of
the change is not known yet. `version` is the status, `attempt` stays while it is not known whether the move was made,
`is_copy` says that it was, and `twin` is the id of the change once the history shows it. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sync_model.definition import fold
from sync_worker.core.causes import Attempt
from sync_worker.core.issue import StatusChange
from sync_worker.core.items import Handled, Items


def expected(to_status: str, to_id: str = "", *, since: datetime) -> Handled:
    """Return what is remembered of a move that is about to be made. `to_id` is the id of the status, "" if unknown."""
    return Handled(_version(to_status, to_id), attempt=Attempt(since))


def made(to_status: str, to_id: str = "") -> Handled:
    """Return what is remembered of a move that was made."""
    return Handled(_version(to_status, to_id), is_copy=True)


def has_landed(move: Handled | None) -> bool:
    return move is not None and move.twin is not None


def cause_of(change: StatusChange, moves: Items) -> str | None:
    """Return the cause of the move that `change` may be: the first one into that status that has not shown up yet."""
    return next((cause for cause, move in moves.items() if not has_landed(move) and _led_to(move, change)), None)


def landed(moves: Items, cause: str, change: StatusChange) -> Items:
    """Return these moves with the one for `cause` seen as `change`; without it if it is known to have been made."""
    move = moves[cause]
    others = {name: other for name, other in moves.items() if name != cause}
    return others if move.is_copy else {**others, cause: replace(move, attempt=None, twin=change.id)}


def _version(to_status: str, to_id: str) -> str:
    return f"{to_id} {to_status}"


def _led_to(move: Handled, change: StatusChange) -> bool:
    to_id, _, to_status = move.version.partition(" ")
    return to_id == change.to_id if to_id and change.to_id else fold(to_status) == fold(change.to_status)
