"""What happens in a run, and when: all of it is drawn from one seed before the run begins. Pure.

Each event has a seed of its own, so that what is drawn when its time has come changes nothing for the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

EDITS_A_SECOND = 7.5
SECONDS_FOR_A_KILL = 1.2
LEASE_SECONDS = 20.0

EDITS = {
    "create": 14, "move": 36, "clash": 8, "comment": 12, "attach": 13, "files on both sides": 6, "remove file": 5,
    "summary": 9, "developer's own": 2, "move project": 4, "delete": 1,
}  # fmt: skip
"""Kind of edit → its weight."""

# kind: (how many for each kill, the least number, seconds that it lasts)
FAULTS = {
    "kill": (1.0, 0, (0.0, 0.0)),
    "terminate": (0.2, 1, (0.0, 0.0)),
    "pause": (0.05, 1, (LEASE_SECONDS + 2.0, LEASE_SECONDS + 10.0)),
    "second worker": (0.1, 2, (2.0, 25.0)),
    "mongod stopped": (0.03, 1, (0.5, 6.0)),
    "mongod killed": (0.05, 1, (0.5, 6.0)),
    "failover": (0.12, 3, (1.0, 8.0)),
    "clock": (0.3, 4, (1.0, 10.0)),
    "hidden": (0.1, 2, (2.0, 15.0)),
    "jira": (2.4, 8, (2.0, 8.0)),
    "token": (0.08, 1, (1.0, 5.0)),
    "index": (0.15, 2, (5.0, 90.0)),
}
SWITCHES = {"second-worker": "second worker", "pause": "pause", "move": "move project", "delete": "delete"}
"""What can be left out, as people write it, and the kind of event that it stands for."""


@dataclass(frozen=True)
class TimelineEvent:
    """`at` and `duration` in seconds; `seed` is for whatever is drawn once its time has come."""

    at: float
    kind: str
    seed: int
    duration: float = 0.0

    @property
    def random(self) -> Random:
        return Random(self.seed)


@dataclass(frozen=True)
class Timeline:
    """What people edit, and which faults there are, each in the order of time; `duration` in seconds."""

    edits: Sequence[TimelineEvent]
    faults: Sequence[TimelineEvent]
    duration: float


def draw(seed: int, edits: int, kills: int, without: Collection[str] = ()) -> Timeline:
    random = Random(seed)
    left_out = {SWITCHES[switch] for switch in without}
    duration = max(edits / EDITS_A_SECOND, kills * SECONDS_FOR_A_KILL)
    weights = {kind: weight for kind, weight in EDITS.items() if kind not in left_out}
    kinds = random.choices(list(weights), list(weights.values()), k=edits)
    edit_events = [_event(random, kind, duration, (0.0, 0.0)) for kind in kinds]
    fault_events = [
        _event(random, kind, duration, durations)
        for kind, (share, least, durations) in FAULTS.items()
        if kind not in left_out
        for _ in range(max(least, round(share * kills)) if kills else 0)
    ]
    return Timeline(_ordered(edit_events), _ordered(fault_events), duration)


def _event(random: Random, kind: str, end: float, durations: tuple[float, float]) -> TimelineEvent:
    at = random.uniform(0, end)
    return TimelineEvent(at, kind, random.getrandbits(48), min(random.uniform(*durations), end - at))


def _ordered(events: list[TimelineEvent]) -> list[TimelineEvent]:
    return sorted(events, key=lambda event: event.at)
