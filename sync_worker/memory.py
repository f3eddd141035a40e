"""What a worker remembers between two looks at an issue, as values; `store` keeps them.

A *cause* is one change that a rule may answer. It is remembered in the same write that marks the change as
seen, so a crash can lose neither, and it stays until all of its actions are carried out. What was begun and
what is done stands in its marks: an action is carried out at most once per cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sync_model.definition import Side


class CauseKind(StrEnum):
    STATUS = "status"  # the status changed
    FIRST = "first"  # seen for the first time
    UPDATE = "update"  # anything else changed


@dataclass(frozen=True)
class Mark:
    """How far one action of a cause has come: begun (its request may be under way), or done."""

    at: datetime
    done: bool = False


@dataclass(frozen=True)
class Failure:
    """Why the last attempt at a cause failed, after how many attempts, and when the next one may be."""

    error: str
    attempts: int
    first_at: datetime
    next_try: datetime


@dataclass(frozen=True)
class Cause:
    """One change to answer. `id` is Jira's own id of the status change where there is one.

    `may_move` is False when the update may be nothing but the echo of our own writes.
    """

    id: str
    kind: CauseKind
    at: datetime
    from_status: str | None
    to_status: str
    is_done: bool = False
    may_move: bool = True
    marks: Mapping[str, Mark] = field(default_factory=dict)
    failure: Failure | None = None

    def begun(self, action: str) -> Mark | None:
        return self.marks.get(action)

    def has_done(self, action: str) -> bool:
        mark = self.marks.get(action)
        return mark is not None and mark.done

    def marked(self, action: str, mark: Mark | None) -> Cause:
        """Return this cause with `action`'s mark set, or taken away when `mark` is None."""
        others = {name: each for name, each in self.marks.items() if name != action}
        return replace(self, marks=others if mark is None else {**others, action: mark})


@dataclass(frozen=True)
class OwnMove:
    """A status that we set on behalf of a cause: no cause itself once it shows up in the issue's history.

    `landed`: it has shown up. `settled`: we know that it was carried out. With both it can be forgotten.
    """

    cause: str
    to_status: str
    landed: bool = False
    settled: bool = False


@dataclass(frozen=True)
class Memory:
    """What is remembered of one issue.

    `updated` is the newest `updated` that a direct read gave. `seen` holds the ids of the status changes no
    older than an hour before `seen_until`; older ones count as seen by their time. `copied` maps attachments
    to their copies on the counterpart, `received` lists the ones that are copies themselves, `uploads` those
    whose upload was begun.
    """

    side: Side
    id: str
    key: str
    status: str
    updated: datetime
    seen_until: datetime
    seen: tuple[str, ...] = ()
    own_moves: tuple[OwnMove, ...] = ()
    wrote_until: datetime | None = None
    copied: Mapping[str, str] = field(default_factory=dict)
    received: tuple[str, ...] = ()
    uploads: Mapping[str, datetime] = field(default_factory=dict)
    pending: tuple[Cause, ...] = ()

    def with_cause(self, cause: Cause) -> Memory:
        """Return this memory with `cause` in the place of the pending one of the same id."""
        return replace(self, pending=tuple(cause if each.id == cause.id else each for each in self.pending))

    def without_cause(self, cause_id: str) -> Memory:
        return replace(self, pending=tuple(each for each in self.pending if each.id != cause_id))

    def own_move(self, cause: str) -> OwnMove | None:
        return next((each for each in self.own_moves if each.cause == cause), None)

    def with_own_move(self, move: OwnMove) -> Memory:
        """Return this memory with `move` in the place of an earlier one of the same cause."""
        return replace(self, own_moves=(*self.without_own_move(move.cause).own_moves, move))

    def without_own_move(self, cause: str) -> Memory:
        return replace(self, own_moves=tuple(each for each in self.own_moves if each.cause != cause))


@dataclass(frozen=True)
class Pair:
    """Two issues that are each other's counterpart, by immutable ids; unique on both sides.

    `linked` maps a side to the key of its counterpart that the remote link there was given.
    """

    user_id: str
    dev_id: str
    user_key: str
    dev_key: str
    created: datetime
    linked: Mapping[str, str] = field(default_factory=dict)

    def id(self, side: Side) -> str:
        return self.user_id if side is Side.USER else self.dev_id

    def key(self, side: Side) -> str:
        return self.user_key if side is Side.USER else self.dev_key


@dataclass(frozen=True)
class Progress:
    """How far the sync as a whole has come.

    `cursors` maps a side to the time, on its Jira's clock, up to which every change is remembered. `baseline`
    is set when the first look only took note of what was there: changes before it are no cause.
    """

    cursors: Mapping[str, datetime] = field(default_factory=dict)
    baselines: Mapping[str, datetime] = field(default_factory=dict)
