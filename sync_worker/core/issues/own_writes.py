"""Own writes: what we have done to an issue ourselves, until a look at it has shown that. It is nobody's change.

It is remembered beside what is remembered of the issue's items (`core.issues.items`), in kinds of its own.

`move`     our status changes. Each is named by the id of the cause, one of the counterpart's, that called for it: the
           id of the change is not known before the history shows it. `version` is the status, `attempt` stays while it
           is not known whether the move was made, `is_copy` says that it was, `twin` is the id of the change by then
`update`   our last write of anything else: `version` is the `updated` that it left

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from sync_model.definition.sync import fold
from sync_worker.core.issues.actions import Move
from sync_worker.core.issues.causes import Attempt, CauseKind
from sync_worker.core.issues.issue import StatusChange
from sync_worker.core.issues.items import Handled, Items

MOVES, UPDATES = Move.kind, CauseKind.UPDATE.value
KINDS = frozenset({MOVES, UPDATES})
LAST = "last"
"""The key of our last write."""


def expected_move(to_status: str, to_id: str = "", *, since: datetime) -> Handled:
    """Return what is remembered of a move that is about to be made. `to_id` is the id of the status, "" if unknown."""
    return Handled(f"{to_id} {to_status}", attempt=Attempt(since))


def made_move(to_status: str, to_id: str = "") -> Handled:
    """Return what is remembered of a move that was made."""
    return Handled(f"{to_id} {to_status}", is_copy=True)


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


def last_write(updated: datetime) -> Items:
    """Return what is remembered of our last write, after which the issue had this `updated`."""
    return {LAST: Handled(_text(updated), is_copy=True)}


def is_last_write(updated: datetime, handled: Mapping[str, Items]) -> bool:
    """Tell whether an issue of which this is remembered has this `updated` by our last write."""
    last = handled.get(UPDATES, {}).get(LAST)
    return last is not None and last.version == _text(updated)


def only_own_writes(handled: Mapping[str, Items]) -> dict[str, Items]:
    """Return what is remembered of an issue without its items."""
    return {kind: known for kind, known in handled.items() if kind in KINDS}


def _led_to(move: Handled, change: StatusChange) -> bool:
    to_id, _, to_status = move.version.partition(" ")
    return to_id == change.to_id if to_id and change.to_id else fold(to_status) == fold(change.to_status)


def _text(updated: datetime) -> str:
    return updated.astimezone(UTC).isoformat(timespec="milliseconds")
