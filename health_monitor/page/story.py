"""What became of a sync's changes, as its own page tells it: what failed, and what was done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_model.definition import Side
from sync_model.judgement import Level
from sync_worker.core.records import JournalEntry, PastCycle
from sync_worker.core.state import IssueState

DEEDS = {
    "create": "create counterpart",
    "move": "move counterpart",
    "link": "link both",
    "attachments": "copy file",
    "change": "the change as a whole",
}
RESULTS = {
    "done": (Level.OK, "ok"),
    "found": (Level.OK, "ok"),
    "skipped": (Level.OFF, "stopped"),
    "asked": (Level.OFF, "standby"),
    "refused": (Level.ATTENTION, "attention"),
    "failed": (Level.ATTENTION, "attention"),
    "given up": (Level.ERROR, "error"),
}
"""The level and the shape of what came of an action."""
COUNTS = ("created", "moved", "commented", "attached", "linked")


@dataclass(frozen=True)
class Failed:
    """One change that failed. `next_try` is None when it was given up; `behind` counts the issue's later changes."""

    side: Side
    key: str
    cause: str
    error: str
    attempts: int
    first_at: datetime
    next_try: datetime | None
    behind: int = 0


def failed(memories: Iterable[IssueState]) -> list[Failed]:
    """Return what failed: what was given up first, then what is tried again, the next one first."""
    found = [each for memory in memories for each in _failed_of(memory)]
    return sorted(found, key=lambda each: (each.next_try is not None, each.next_try or each.first_at, each.key))


def _failed_of(memory: IssueState) -> Iterable[Failed]:
    for cause in (*memory.dead, *memory.pending[:1]):
        if failure := cause.failure:
            is_dead = cause in memory.dead
            yield Failed(
                memory.side,
                memory.key,
                str(cause),
                failure.error,
                failure.attempts,
                failure.first_at,
                None if is_dead else failure.next_try,
                0 if is_dead else len(memory.pending) - 1,
            )


def failed_words(found: Sequence[Failed], queued: int) -> str:
    """Say how many changes failed and what becomes of them, and how many issues wait in all."""
    dead = sum(each.next_try is None for each in found)
    again = len(found) - dead
    said = []
    if dead:
        said.append(f"{_changes(dead)} given up: nobody carries {'it' if dead == 1 else 'them'} over unless you retry")
    if again:
        said.append(f"{_changes(again)} failed so far, to be tried again")
    if (others := queued - again) > 0:
        said.append(f"{others:,} more issue{'' if others == 1 else 's'} with changes waiting")
    return f"{'; '.join(said)}."


def deed(entry: JournalEntry) -> str:
    return DEEDS.get(entry.what, entry.what)


def result_level(entry: JournalEntry) -> str:
    return RESULTS.get(entry.result, (Level.OFF, ""))[0]


def result_shape(entry: JournalEntry) -> str:
    return RESULTS.get(entry.result, ("", "unknown"))[1]


def done(cycle: PastCycle) -> str:
    """Say what a cycle did."""
    said = [f"{count:,} {name}" for name in COUNTS if (count := cycle.counts.get(name, 0))]
    if count := cycle.counts.get("failed", 0):
        said.append(f"{count:,} failed")
    if count := cycle.counts.get("left", 0):
        said.append(f"{count:,} left for the next")
    return ", ".join(said) or ("" if cycle.error else "nothing to do")


def _changes(number: int) -> str:
    return f"{number:,} change{'' if number == 1 else 's'}"
