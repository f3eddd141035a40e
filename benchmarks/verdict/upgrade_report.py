"""What was measured while the version of jira-sync changed, and the tables that show it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.rig.output import MEGABYTE, table
from benchmarks.verdict.demands import SyncUnderTest
from benchmarks.verdict.evidence import Dumps, RunFacts, judged_pairs
from benchmarks.verdict.judge import RunVerdict, Violation

TITLES = [
    "step", "format", "stop", "restore", "started to first change served", "to the format", "to the first cycle's end",
    "calls of first cycles", "issues read by them", "databases before", "after", "of it on disk",
    "peak RSS of a worker",
]  # fmt: skip
LEFT_TITLES = [
    "step", "changes meanwhile", "own moves not seen yet", "attempts not settled", "issues that wait",
    "dead letters", "pairs afterwards", "moves by people", "moves by the syncs", "wrong",
]  # fmt: skip


@dataclass
class UpgradeStep:
    """What was measured of one change of the version.

    Times in seconds, sizes in bytes; None where there was nothing of the kind. `left` counts what was not over yet when
    the group was stopped, `missed` the changes of people while nothing ran.
    """

    title: str
    format: int
    stop: float | None = None
    restore: float | None = None
    served: float | None = None
    raised: float | None = None
    first_cycle: float | None = None
    calls: int = 0
    fetched: int = 0
    before: int = 0
    after: int = 0
    on_disk: int = 0
    peak: int = 0
    left: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    verdict: RunVerdict = field(default_factory=RunVerdict)

    def row(self) -> list[str]:
        return [
            self.title,
            str(self.format),
            *(_seconds(value) for value in (self.stop, self.restore, self.served, self.raised, self.first_cycle)),
            f"{self.calls:,}",
            f"{self.fetched:,}",
            *(f"{size / MEGABYTE:.1f} MB" for size in (self.before, self.after, self.on_disk)),
            f"{self.peak / MEGABYTE:.0f} MB",
        ]

    def left_row(self) -> list[str]:
        counts = [self.left[name] for name in ("own moves", "attempts", "waiting", "dead letters")]
        found = [self.verdict.counts[name] for name in ("pairs", "moves by people", "moves by the syncs")]
        numbers = [self.missed, *counts, *found, len(self.verdict.violations)]
        return [self.title, *(f"{number:,}" for number in numbers)]


def moved_back_and_forth(sync: SyncUnderTest, dumps: Dumps) -> RunVerdict:
    """Count the moves of a sync and of people, and report each pair that the sync has moved more often than people.

    One change calls for one move of the counterpart. A sync that takes a move of its own for a person's makes more.
    """
    verdict = RunVerdict()
    for pair in judged_pairs(sync, dumps, RunFacts()):
        by_people = len(pair.by_people)
        own = sum(len(pair.changes(side, own=True)) for side in pair.issues)
        verdict.counts += Counter({"moves by people": by_people, "moves by the syncs": own})
        if own > by_people:
            detail = f"people moved it {by_people} times, and the sync {own} times"
            verdict.violations.append(Violation(sync.name, "moved back and forth", pair.name, detail))
    return verdict


def tables(steps: Sequence[UpgradeStep]) -> str:
    return "\n\n".join(
        [
            table(TITLES, [step.row() for step in steps]),
            table(LEFT_TITLES, [step.left_row() for step in steps]),
        ]
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
