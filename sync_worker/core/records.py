"""What is recorded for people, and what people ask of a sync: journal entries, past cycles, requests, a pause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync_model.definition.sync import Side

WORKER = "worker"
"""Who did what the journal names, unless a person did."""
INSTANT = timedelta(milliseconds=1)
"""The least difference between two times in the journal."""


@dataclass(frozen=True)
class SaidOfItself:
    """What a worker said last of itself, as JSON, and when, on its own monotonic clock."""

    content: bytes
    at: float


@dataclass(frozen=True)
class Request:
    """What an operator asked for: `kind` is `retry`, `dismiss`, `resync`, `remember` or `forget`.

    `issues` are named like `user:10001`; `forget` has keys, too, like `user/SUP-1`. Without issues, `retry` and
    `dismiss` mean all issues. `by` names the operator.
    """

    id: str
    kind: str
    issues: tuple[str, ...] = ()
    by: str = ""


@dataclass(frozen=True)
class JournalEntry:
    """One thing that was done for an issue, or was not, and why.

    `who` is the worker, or the person who asked. `what` is an action's kind, or what was asked for. `result` is `done`,
    `found` (an earlier attempt had done it), `skipped`, `failed` or `given up`. `issue` and `counterpart` are the keys
    of that time. `side` is the issue's; None for what is about the sync as a whole. `rule` called for it, in answer to
    `cause`. `text` says the rest in words: a status, a file, an error.
    """

    at: datetime
    who: str
    what: str
    result: str = "done"
    side: Side | None = None
    issue: str | None = None
    counterpart: str | None = None
    rule: str | None = None
    cause: str | None = None
    text: str = ""


@dataclass(frozen=True)
class Pause:
    """Who paused the sync, when, and why, if they said."""

    by: str
    at: datetime
    reason: str = ""

    def __str__(self) -> str:
        return f"paused by {self.by} at {self.at:%Y-%m-%d %H:%M} UTC{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True)
class PastCycle:
    """One cycle that ended; `error` says why it failed, if it did. `duration` in seconds."""

    started: datetime
    duration: float
    counts: dict[str, int]
    error: str | None = None


def one_after_the_other(entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """Return entries of one moment in their order: the journal is sorted by time."""
    return [replace(entry, at=entry.at + number * INSTANT) for number, entry in enumerate(entries)]
