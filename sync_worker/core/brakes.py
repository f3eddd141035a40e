"""Brakes: what a sync holds until a person confirms it, because it may be a mistake around it.

Many issues of pairs that are gone at once may be hidden by a permission scheme. Many counterparts to be created at once
may be the fruit of a wrong rule, or of a mass edit. A confirmation is about what is held then. What comes later is told
from it by a number, which is written on what is held, and not by a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

MOST_NAMED = 5
"""Of what is held, so many are named."""
LEAST_DISAPPEARANCES = 10
SHARE_OF_DISAPPEARANCES = 0.02


def most_gone_at_once(living: int) -> int:
    """Return how many of so many issues of pairs may be gone at once without a person's word."""
    return max(LEAST_DISAPPEARANCES, int(living * SHARE_OF_DISAPPEARANCES))


@dataclass(frozen=True)
class Hold:
    """What is held: how many, since when on the user side's clock, and the keys of the first ones.

    `allowed`: so many would not have been held.
    """

    number: int
    since: datetime
    first: tuple[str, ...] = ()
    allowed: int = 0

    @classmethod
    def of(cls, before: Hold | None, keys: Sequence[str], number: int, now: datetime, allowed: int) -> Hold:
        """Return the hold as it is now, which has been there since `before`, if that is there."""
        return cls(number, before.since if before else now, tuple(keys[:MOST_NAMED]), allowed)


@dataclass(frozen=True)
class Brakes:
    """All that is held. `gone` maps a side to the issues there that are gone, or not visible to us.

    `creation_releases` and `gone_releases` count the confirmations. What was noted at a lower count is released.
    `confirmed` is the id of the last request that confirmed anything, so that it is not carried out twice.
    """

    creations: Hold | None = None
    gone: Mapping[str, Hold] = field(default_factory=dict)
    creation_releases: int = 0
    gone_releases: int = 0
    confirmed: str = ""

    def with_gone(self, side: str, hold: Hold | None) -> Brakes:
        others = {name: held for name, held in self.gone.items() if name != side}
        return replace(self, gone=others if hold is None else {**others, side: hold})
