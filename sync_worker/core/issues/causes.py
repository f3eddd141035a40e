"""A cause: one change of an issue that a rule may answer, with how far its answer has come.

A cause is remembered in the same write that marks the change as seen, so that a crash can lose neither. It stays until
all of its actions are carried out. Its marks say which actions were begun and which are done: an action is carried out
at most once per cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class CauseKind(StrEnum):
    STATUS = "status"  # the status changed
    FIRST = "first"  # seen for the first time
    UPDATE = "update"  # anything else changed
    MOVED = "moved"  # it has another key than before
    GONE = "gone"  # it is gone, or not visible to us
    RESYNC = "anew"  # a person asked for it to be carried over again


ASKED_FOR = -1
"""The `wave` of a cause that a person has asked for: it is held by no brake."""
REFUSED = "refused"
"""The mark of a cause of which some items cannot be carried over, or wait for a person: its `refusal` says why.

It is given up with that once all else is done.
"""
STATUS_CAUSES = frozenset({CauseKind.STATUS, CauseKind.FIRST, CauseKind.RESYNC})


@dataclass(frozen=True)
class Attempt:
    """How far one action of a cause has come: begun (its request may be under way), or done.

    `ended` is when its request came to an end, as far as that is known, without saying what became of it. `missed` is
    when what the request would have left was first looked for in vain. `refusal`: what something else than Jira said
    when it refused the request. `at_once` counts the issues that the request was to create. `after`: the id of the last
    comment that was there before, where comments cannot be marked.
    """

    at: datetime
    done: bool = False
    ended: datetime | None = None
    missed: datetime | None = None
    refusal: str = ""
    at_once: int = 1
    after: str = ""


@dataclass(frozen=True)
class Failure:
    """Why the last attempt at a cause failed, after how many attempts, and when the next one may be."""

    error: str
    attempts: int
    first_at: datetime
    last_at: datetime
    next_try: datetime


@dataclass(frozen=True)
class Cause:
    """One change to answer. `id` is Jira's own id of the status change where there is one.

    `may_move` is False when it must not move the counterpart: the update may be nothing but the echo of our own
    writes, or the issue's status was set since by a later change on the other side. `wave` counts the confirmations of
    creations (`core.decisions.brakes`) before the cause was noted.
    """

    id: str
    kind: CauseKind
    at: datetime
    from_status: str | None
    to_status: str
    is_done: bool = False
    may_move: bool = True
    marks: Mapping[str, Attempt] = field(default_factory=dict)
    failure: Failure | None = None
    wave: int = 0

    def __str__(self) -> str:
        """Say what changed, for people."""
        if self.kind is CauseKind.STATUS and self.from_status:
            return f"{self.from_status} → {self.to_status}"
        words = {
            CauseKind.FIRST: "first seen in",
            CauseKind.UPDATE: "edited in",
            CauseKind.MOVED: "got a new key in",
            CauseKind.RESYNC: "asked for again in",
            CauseKind.GONE: "gone, or not visible to us, last in",
        }
        return f"{words.get(self.kind, self.kind)} {self.to_status}".strip()

    @property
    def may_change_places(self) -> bool:
        """Whether nothing of it may be under way, so that another cause may come first."""
        return all(mark.done for mark in self.marks.values())

    @property
    def next_try(self) -> datetime | None:
        """When it may be tried again; None for one that has not failed."""
        return self.failure.next_try if self.failure else None

    def due_at_once(self) -> Cause:
        failure = self.failure and replace(self.failure, next_try=self.failure.last_at)
        return replace(self, failure=failure)

    def begun(self, action: str) -> Attempt | None:
        return self.marks.get(action)

    def has_done(self, action: str) -> bool:
        mark = self.marks.get(action)
        return mark is not None and mark.done

    def marked(self, action: str, mark: Attempt | None) -> Cause:
        """Return this cause with `action`'s mark set, or taken away when `mark` is None."""
        others = {name: mark for name, mark in self.marks.items() if name != action}
        return replace(self, marks=others if mark is None else {**others, action: mark})


def without_refusals(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """Return these causes with what was refused for good to be tried again."""
    return tuple(cause.marked(REFUSED, None) for cause in causes)


def without_moves(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    return tuple(replace(cause, may_move=False) if cause.kind in STATUS_CAUSES else cause for cause in causes)


def in_turn(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """Return these causes with news of items before, or behind, those that have failed, as whose next try comes first.

    All others stay in their order: one that fails holds up those after it. But items need not wait for a status that
    may never be carried over, nor the other way round.
    """
    items = next((cause for cause in causes if cause.kind is CauseKind.UPDATE and not cause.may_move), None)
    others = tuple(cause for cause in causes if cause is not items)
    if not (items and others and others[0].next_try):
        return causes
    if not (items.may_change_places and others[0].may_change_places):
        return causes
    is_first = items.next_try is None or items.next_try <= others[0].next_try
    return (items, *others) if is_first else (*others, items)
