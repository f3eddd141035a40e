"""After the last fault: wait until the syncs have nothing left to do, with the sites' clocks put forward.

What the worker waits for on Jira's clock (search that may lag, a retry, the daily scan) passes quickly this way. A sync
has settled when nothing is pending in its database and further cycles write nothing to Jira.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pymongo import MongoClient

from benchmarks.rig.processes import SYNC_ACCOUNT, Rig
from benchmarks.scenario.definitions import site_names
from benchmarks.verdict.demands import SIDES, SyncUnderTest
from benchmarks.verdict.evidence import RunFacts

STEPS = (0.0, 200.0, 200.0, 4000.0, 4000.0, 90_000.0, 4000.0)
"""Seconds by which the clocks are put forward, one after the other: search lag, hourly and daily work, what follows."""
LONGEST_STEP = 4000.0
CYCLES_AFTER_A_STEP = 1
QUIET_CYCLES = 2
DEADLINE = 240.0
CYCLES_DEADLINE = 60.0
LOOK_EVERY = 0.05
NO_TRANSITION = "cannot get from"
READING = ("/search/jql", "/issue/bulkfetch", "/comment/list", "/changelog/bulkfetch")


class NotSettled(Exception):
    """A sync still had something to do after a long time."""


class Workers(Protocol):
    """The workers of the syncs, whoever runs them."""

    @property
    def names(self) -> Sequence[str]: ...

    def cycles(self, name: str) -> int:
        """Return how many cycles the sync has completed."""

    def start_ended(self) -> None:
        """Start every worker that has ended and that nobody else starts again."""


@dataclass
class Settling:
    """`facts` say what people deleted: what is pending about that may stay so.

    `steps` are the seconds by which the clocks are put forward first. `deadline` is that of the whole wait, and
    `cycles_deadline` that of a few cycles, both in seconds.
    """

    rig: Rig
    workers: Workers
    syncs: Sequence[SyncUnderTest]
    facts: RunFacts
    steps: Sequence[float] = STEPS
    deadline: float = DEADLINE
    cycles_deadline: float = CYCLES_DEADLINE
    _clock_offset: float = 0.0

    def wait(self) -> list[str]:
        """Wait until all syncs have settled. Returns what is a dead letter, or pending because a workflow has no way.

        Raises NotSettled.
        """
        deadline = time.monotonic() + self.deadline
        for step in self.steps:
            self.pass_time(step)
            self._wait_for_cycles(CYCLES_AFTER_A_STEP)
        while True:
            for site in self._sites:
                self.rig.control.forget_calls(site)
            self._wait_for_cycles(QUIET_CYCLES)
            pending = list(self._pending())
            if not self._has_written() and all(NO_TRANSITION in line for line in pending):
                return [*pending, *self._dead_letters()]
            if time.monotonic() > deadline:
                raise NotSettled("pending: " + "; ".join(pending[:10]) if pending else "the workers keep writing")
            self.pass_time(LONGEST_STEP)

    def pass_time(self, seconds: float) -> None:
        """Put the clocks of the sites forward."""
        self._clock_offset += seconds
        for site in self._sites:
            self.rig.control.clock(site, self._clock_offset)

    @property
    def _sites(self) -> list[str]:
        return site_names(self.syncs)

    def _wait_for_cycles(self, count: int) -> None:
        """Wait until each sync has completed `count` more cycles, the one under way not counted."""
        deadline = time.monotonic() + self.cycles_deadline
        goals = {name: self.workers.cycles(name) + count + 1 for name in self.workers.names}
        while late := [name for name, goal in goals.items() if self.workers.cycles(name) < goal]:
            if time.monotonic() > deadline:
                raise NotSettled(f"no cycle comes to its end: {', '.join(late)}")
            self.workers.start_ended()
            time.sleep(LOOK_EVERY)

    def _has_written(self) -> bool:
        return any(_is_write(call) for site in self._sites for call in self.rig.control.calls(site))

    def _pending(self) -> Iterator[str]:
        for sync, issue in self._issues_with("pending"):
            yield f"{sync.name}: {issue['key']}: {_error(issue['pending'][0])}"

    def _dead_letters(self) -> Iterator[str]:
        for sync, issue in self._issues_with("dead"):
            for cause in issue["dead"]:
                yield f"{sync.name}: {issue['key']}: given up: {_error(cause)}"

    def _issues_with(self, field: str) -> Iterator[tuple[SyncUnderTest, dict[str, Any]]]:
        """Yield what the syncs remember of issues that have something in `field` and still exist."""
        with MongoClient[dict[str, Any]](self.rig.database_url) as client:
            for sync in self.syncs:
                excluded = self._excluded(sync, client)
                for issue in client[sync.database]["issues"].find({f"{field}.0": {"$exists": True}}):
                    if issue["_id"] not in excluded:
                        yield sync, issue

    def _excluded(self, sync: SyncUnderTest, client: MongoClient[dict[str, Any]]) -> Collection[str]:
        """Return the issues that were deleted, and those whose counterpart was."""
        pairs = [{side: pair[f"{side}_id"] for side in SIDES} for pair in client[sync.database]["pairs"].find()]
        deleted = {
            (side, issue_id) for side in SIDES for site, issue_id in self.facts.deleted if site == sync.sites[side]
        }
        orphaned = {end for pair in pairs for end in pair.items() if deleted & set(pair.items())}
        return {f"{side}:{issue_id}" for side, issue_id in deleted | orphaned}


def _is_write(call: dict[str, Any]) -> bool:
    return call["user"] == SYNC_ACCOUNT["name"] and call["method"] != "GET" and not call["endpoint"].endswith(READING)


def _error(cause: dict[str, Any]) -> str:
    return str((cause.get("failure") or {}).get("error", "not tried yet"))
