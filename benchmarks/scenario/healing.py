"""After the trouble: wait until the syncs have nothing left to do, with the sites' clocks running ahead.

What the worker waits for on Jira's clock (a search that may lag, a retry, a daily look around) passes quickly
this way. A sync is at rest when nothing is pending in its database and further cycles write nothing to Jira.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient

from benchmarks.rig.processes import SYNC, Rig
from benchmarks.scenario.pairings import SIDES, Pairing
from benchmarks.scenario.workers import Workers
from benchmarks.verdict.evidence import Gone

STEPS = (0.0, 200.0, 200.0, 4000.0, 4000.0, 90_000.0, 4000.0)
"""Seconds by which the clocks are moved on, one after the other: search lag, hourly and daily work, what follows."""
LONGEST_STEP = 4000.0
CYCLES_AFTER_A_STEP = 1
QUIET_CYCLES = 2
DEADLINE = 240.0
CYCLES_DEADLINE = 60.0
LOOK_EVERY = 0.05
NO_WAY = "cannot get from"
READING = ("/search/jql", "/issue/bulkfetch", "/comment/list", "/changelog/bulkfetch")


class NotAtRest(Exception):
    """A sync still had something to do after a long time."""


@dataclass
class Healing:
    """`gone` is what people took away: what is pending about that may stay so."""

    rig: Rig
    workers: Workers
    pairings: Sequence[Pairing]
    gone: Gone
    _ahead: float = 0.0

    def wait(self) -> list[str]:
        """Wait until all is at rest. Returns what was given up, or is pending because a workflow has no way.

        Raises NotAtRest.
        """
        deadline = time.monotonic() + DEADLINE
        for step in STEPS:
            self._pass_time(step)
            self._let_work(CYCLES_AFTER_A_STEP)
        while True:
            for site in self._sites:
                self.rig.control.forget_calls(site)
            self._let_work(QUIET_CYCLES)
            pending = list(self._pending())
            if not self._has_written() and all(NO_WAY in each for each in pending):
                return [*pending, *self._given_up()]
            if time.monotonic() > deadline:
                raise NotAtRest("pending: " + "; ".join(pending[:10]) if pending else "the workers keep writing")
            self._pass_time(LONGEST_STEP)

    def _pass_time(self, seconds: float) -> None:
        self._ahead += seconds
        for site in self._sites:
            self.rig.control.clock(site, self._ahead)

    @property
    def _sites(self) -> set[str]:
        return {site for each in self.pairings for site in each.sites.values()}

    def _let_work(self, cycles: int) -> None:
        """Wait until each sync has completed so many cycles more, the one under way not counted."""
        deadline = time.monotonic() + CYCLES_DEADLINE
        goals = {name: self.workers.cycles(name) + cycles + 1 for name in self.workers.names}
        while late := [name for name, goal in goals.items() if self.workers.cycles(name) < goal]:
            if time.monotonic() > deadline:
                raise NotAtRest(f"no cycle comes to its end: {', '.join(late)}")
            self.workers.tend()
            time.sleep(LOOK_EVERY)

    def _has_written(self) -> bool:
        return any(_is_write(call) for site in self._sites for call in self.rig.control.calls(site))

    def _pending(self) -> Iterator[str]:
        for pair, found in self._documents("pending"):
            yield f"{pair.name}: {found['key']}: {_error(found['pending'][0])}"

    def _given_up(self) -> Iterator[str]:
        for pair, found in self._documents("dead"):
            for cause in found["dead"]:
                yield f"{pair.name}: {found['key']}: given up: {_error(cause)}"

    def _documents(self, field: str) -> Iterator[tuple[Pairing, dict[str, Any]]]:
        """Return what the syncs remember of issues that have something in `field`, and are still there."""
        with MongoClient[dict[str, Any]](self.rig.mongod.url) as client:
            for pair in self.pairings:
                excluded = self._excluded(pair, client)
                for found in client[pair.database]["issues"].find({f"{field}.0": {"$exists": True}}):
                    if found["_id"] not in excluded:
                        yield pair, found

    def _excluded(self, pair: Pairing, client: MongoClient[dict[str, Any]]) -> Collection[str]:
        """Return the issues that are gone, and those whose counterpart is."""
        pairs = [{side: each[f"{side}_id"] for side in SIDES} for each in client[pair.database]["pairs"].find()]
        deleted = {
            (side, identity) for side in SIDES for site, identity in self.gone.deleted if site == pair.sites[side]
        }
        bereft = {each for pair_ids in pairs for each in pair_ids.items() if deleted & set(pair_ids.items())}
        return {f"{side}:{identity}" for side, identity in deleted | bereft}


def _is_write(call: dict[str, Any]) -> bool:
    return call["user"] == SYNC["name"] and call["method"] != "GET" and not call["endpoint"].endswith(READING)


def _error(cause: dict[str, Any]) -> str:
    return str((cause.get("failure") or {}).get("error", "not tried yet"))
