"""What became of a sync's changes, as its own page tells it: what failed, what was done, and what it runs by. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from sync_model.connection import resolve
from sync_model.definition import Side, Sync, is_reference
from sync_model.judgement import Level
from sync_worker.journal import PastCycle
from sync_worker.memory import Entry, Memory

DEEDS = {
    "create": "counterpart created",
    "move": "counterpart moved",
    "link": "cross-linked",
    "attachments": "file copied",
    "comment": "comment posted",
    "change": "change",
}
RESULTS = {
    "done": (Level.OK, "ok"),
    "found": (Level.OK, "ok"),
    "skipped": (Level.OFF, "stopped"),
    "asked": (Level.OFF, "standby"),
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


@dataclass(frozen=True)
class Links:
    """Where a person sees the issues of either side; a side whose site is not known has no entry."""

    sites: Mapping[Side, str]

    def url(self, side: Side | None, key: str) -> str | None:
        site = self.sites.get(side) if side else None
        return f"{site}/browse/{key}" if site else None


def links(sync: Sync | None, environ: Mapping[str, str]) -> Links:
    found = {side: resolve(sync, side, environ).connection for side in Side} if sync else {}
    return Links({side: each.site_url for side, each in found.items() if each})


def failed(memories: Iterable[Memory]) -> list[Failed]:
    """Return what failed: what was given up first, then what is tried again, the next one first."""
    found = [each for memory in memories for each in _failed_of(memory)]
    return sorted(found, key=lambda each: (each.next_try is not None, each.next_try or each.first_at, each.key))


def _failed_of(memory: Memory) -> Iterable[Failed]:
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


def deed(entry: Entry) -> str:
    return DEEDS.get(entry.what, entry.what)


def result_level(entry: Entry) -> str:
    return RESULTS.get(entry.result, (Level.OFF, ""))[0]


def result_shape(entry: Entry) -> str:
    return RESULTS.get(entry.result, ("", "unknown"))[1]


def done(cycle: PastCycle) -> str:
    """Say what a cycle did."""
    said = [f"{count:,} {name}" for name in COUNTS if (count := cycle.counts.get(name, 0))]
    if count := cycle.counts.get("failed", 0):
        said.append(f"{count:,} failed")
    if count := cycle.counts.get("left", 0):
        said.append(f"{count:,} left for the next")
    return ", ".join(said) or ("" if cycle.error else "nothing to do")


def configuration(sync: Sync) -> str:
    """Return what a sync runs by as JSON. A token is not in it, but where it comes from is."""

    def readable(value: object) -> object:
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            return secret if is_reference(secret) else "(not shown)"
        if isinstance(value, Mapping):
            return {key: readable(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [readable(each) for each in value]
        return value

    said = sync.model_dump(by_alias=True, exclude_none=True)
    return json.dumps(readable(said), indent=2, ensure_ascii=False)


def _changes(number: int) -> str:
    return f"{number:,} change{'' if number == 1 else 's'}"
