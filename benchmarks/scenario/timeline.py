"""What is to happen in a run, and when: drawn from one seed before it begins. Pure.

An event carries dice of its own, so that what one draws when its time has come changes nothing for the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

EDITS_A_SECOND = 7.5
SECONDS_FOR_A_KILL = 1.2
LEASE_SECONDS = 20.0

EDITS = {
    "create": 14, "move": 36, "clash": 8, "comment": 12, "attach": 13, "summary": 9, "developer's own": 2,
    "move project": 4, "delete": 1,
}  # fmt: skip

# kind: (how many for each kill, the least, seconds that it lasts)
TROUBLES = {
    "kill": (1.0, 0, (0.0, 0.0)),
    "terminate": (0.2, 1, (0.0, 0.0)),
    "pause": (0.05, 1, (LEASE_SECONDS + 2.0, LEASE_SECONDS + 10.0)),
    "second worker": (0.1, 2, (2.0, 25.0)),
    "mongod stopped": (0.03, 1, (0.5, 6.0)),
    "mongod killed": (0.05, 1, (0.5, 6.0)),
    "jira": (2.4, 8, (2.0, 8.0)),
    "token": (0.08, 1, (1.0, 5.0)),
    "index": (0.15, 2, (5.0, 90.0)),
}
SWITCHES = {"second-worker": "second worker", "pause": "pause", "move": "move project", "delete": "delete"}
"""What can be left out, as people write it, and the kind of event that it stands for."""


@dataclass(frozen=True)
class Event:
    """`at` and `lasts` in seconds; `seed` is for whatever is drawn once its time has come."""

    at: float
    kind: str
    seed: int
    lasts: float = 0.0

    @property
    def dice(self) -> Random:
        return Random(self.seed)


@dataclass(frozen=True)
class Timeline:
    """What people do, and what goes wrong, each in the order of time; `lasts` in seconds."""

    edits: Sequence[Event]
    troubles: Sequence[Event]
    lasts: float


def draw(seed: int, edits: int, kills: int, without: Collection[str] = ()) -> Timeline:
    dice = Random(seed)
    left_out = {SWITCHES[each] for each in without}
    lasts = max(edits / EDITS_A_SECOND, kills * SECONDS_FOR_A_KILL)
    weights = {kind: weight for kind, weight in EDITS.items() if kind not in left_out}
    kinds = dice.choices(list(weights), list(weights.values()), k=edits)
    changes = [_event(dice, kind, lasts, (0.0, 0.0)) for kind in kinds]
    troubles = [
        _event(dice, kind, lasts, length)
        for kind, (share, least, length) in TROUBLES.items()
        if kind not in left_out
        for _ in range(max(least, round(share * kills)) if kills else 0)
    ]
    return Timeline(_ordered(changes), _ordered(troubles), lasts)


def _event(dice: Random, kind: str, end: float, length: tuple[float, float]) -> Event:
    at = dice.uniform(0, end)
    return Event(at, kind, dice.getrandbits(48), min(dice.uniform(*length), end - at))


def _ordered(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda each: each.at)
