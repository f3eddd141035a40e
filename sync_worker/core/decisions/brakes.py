"""Brakes: what a sync holds until a person confirms it, because it may be a mistake around it.

Many issues of pairs that are gone at once may be hidden by a permission scheme. Many counterparts to be created at once
may be the fruit of a wrong rule, or of a mass edit. A confirmation is about what is held then. What comes later is told
from it by a number, which is written on what is held, and not by a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock

from sync_worker.core.issues.pairs import Writes
from sync_worker.core.timing import LONG_AGO

CREATIONS, GONE = "creations", "gone"
"""The names of holds. That of a disappearance has the side after it: `gone.user`."""
MOST_NAMED = 5
"""Of what is held, so many are named."""
LEAST_DISAPPEARANCES = 10
SHARE_OF_DISAPPEARANCES = 0.02


def most_gone_at_once(living: int) -> int:
    """Return how many of so many issues of pairs may be gone at once without a person's word."""
    return max(LEAST_DISAPPEARANCES, int(living * SHARE_OF_DISAPPEARANCES))


class WritesAtOnce:
    """How many writes came to be done at once: in one cycle, and in those that go on with it, within an hour."""

    def __init__(self) -> None:
        self._writes, self._lock = Writes(LONG_AGO, 0), Lock()

    def reserve(self, wanted: int, most: int, now: datetime) -> int:
        """Return how many of so many writes may be done, of `most` at once."""
        with self._lock:
            writes = self._writes.at(now)
            granted = min(wanted, writes.left(most))
            self._writes = writes.more(granted)
        return granted

    def give_back(self, count: int) -> None:
        """Note that so many of the writes that were reserved were certainly not done."""
        with self._lock:
            self._writes = self._writes.more(-count)

    def begin_anew(self) -> None:
        self._writes = Writes(LONG_AGO, 0)


@dataclass(frozen=True)
class Hold:
    """What is held: how many, since when on the user side's clock, and the keys of the first ones.

    `allowed`: so many would not have been held.
    """

    number: int
    since: datetime
    first: tuple[str, ...] = ()
    allowed: int = 0

    def __str__(self) -> str:
        """Name the first ones, and say how many others there are."""
        others = self.number - len(self.first)
        return ", ".join(self.first) + (f" and {others} more" if others else "")

    @classmethod
    def of(cls, before: Hold | None, keys: Sequence[str], number: int, now: datetime, allowed: int) -> Hold:
        """Return the hold as it is now, which has been there since `before`, if that is there."""
        return cls(number, before.since if before else now, tuple(keys[:MOST_NAMED]), allowed)


@dataclass(frozen=True)
class HeldWork:
    """A hold with its name, by which a person confirms it, and with a sentence that says what it is."""

    name: str
    hold: Hold
    text: str


@dataclass(frozen=True)
class Brakes:
    """All that is held. `gone` maps a side to the issues there that are gone, or not visible to us.

    `creation_releases`, and `gone_releases` for each side, count the confirmations. What was noted at a lower count is
    released. `confirmed` is the id of the last request that confirmed anything, so that it is not carried out twice.
    """

    creations: Hold | None = None
    gone: Mapping[str, Hold] = field(default_factory=dict)
    creation_releases: int = 0
    gone_releases: Mapping[str, int] = field(default_factory=dict)
    confirmed: str = ""

    def with_gone(self, side: str, hold: Hold | None) -> Brakes:
        others = {name: held for name, held in self.gone.items() if name != side}
        return replace(self, gone=others if hold is None else {**others, side: hold})

    @property
    def held(self) -> tuple[HeldWork, ...]:
        """All that is held."""
        found = [HeldWork(f"{GONE}.{side}", hold, _gone_at_once(side, hold)) for side, hold in self.gone.items()]
        if self.creations:
            found.insert(0, HeldWork(CREATIONS, self.creations, _created_at_once(self.creations)))
        return tuple(found)

    def released(self, said: Mapping[str, int], request: str) -> tuple[Brakes, list[HeldWork]]:
        """Return the brakes after a person has confirmed what `said` names, and what is held by them no more.

        `said` maps the names of holds to the numbers that the person saw. A hold that has grown by more than would be
        let through without a word stays. `request` is what the person asked by.
        """
        released = [held for held in self.held if held.hold.number <= said.get(held.name, -1) + held.hold.allowed]
        names = {held.name for held in released}
        brakes = replace(self, confirmed=request)
        if CREATIONS in names:
            brakes = replace(brakes, creations=None, creation_releases=self.creation_releases + 1)
        if names - {CREATIONS}:
            confirmed = [side for side in self.gone if f"{GONE}.{side}" in names]
            gone = {side: hold for side, hold in self.gone.items() if side not in confirmed}
            counts = {side: self.gone_releases.get(side, 0) + 1 for side in confirmed}
            brakes = replace(brakes, gone=gone, gone_releases={**self.gone_releases, **counts})
        return brakes, released


def _created_at_once(hold: Hold) -> str:
    allowed = f"more than mostCreationsAtOnce ({hold.allowed})"
    return f"{hold.number} counterparts would be created at once, {allowed}: for {hold}"


def _gone_at_once(side: str, hold: Hold) -> str:
    allowed = f"more than {hold.allowed}"
    return f"{hold.number} issues of the {side} side are gone, or not visible to us, {allowed} at once: {hold}"
