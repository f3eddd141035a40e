"""A running group that goes to another version, and back, while people work: as docs/upgrading.md says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from pymongo import MongoClient

from benchmarks.rig.installations import Installation
from benchmarks.rig.processes import SYNC_ACCOUNT, Rig
from benchmarks.rig.waiting import wait_until
from benchmarks.scenario.definitions import site_names
from benchmarks.scenario.installed_group import InstalledGroup
from benchmarks.scenario.settling import READING, Settling
from benchmarks.scenario.upgrade_people import UpgradePeople
from benchmarks.verdict.demands import SyncUnderTest
from benchmarks.verdict.evidence import Dumps, RunFacts
from benchmarks.verdict.judge import Violation, judge
from benchmarks.verdict.upgrade_report import UpgradeStep, moved_back_and_forth
from sync_model.health.heartbeat import Heartbeat
from sync_model.shards import MAIN_FLEET
from sync_worker.database.shared.fleet import Fleet

PATIENCE = 3600.0
SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_BETWEEN_COUNTS = 1.0
SEARCH_LAG = 15.0
"""Seconds after which search shows what was changed, while people work and before the group is stopped."""
MOST_ROUNDS = 20
UNCERTAIN = {
    "user": SYNC_ACCOUNT["name"],
    "method": "POST",
    "path": "/(transitions|comment|attachments)$",
    "status": 503,
    "probability": 0.3,
}
"""What Jira does with some of our requests meanwhile: it carries them out, and says that it did not."""
SETTLING_STEPS = (0.0, 200.0, 200.0, 4000.0)
LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which a restored database knows what was done since."""
WAITS = "the database was restored"
GivenUp = frozenset[tuple[str, str, str]]
"""The changes that were given up: sync, issue, cause."""


class UpgradeRun:
    """What happens to the group `group` of `syncs`. `steps` are the changes of its version so far."""

    def __init__(
        self,
        rig: Rig,
        group: InstalledGroup,
        syncs: Sequence[SyncUnderTest],
        people: UpgradePeople,
        client: MongoClient[dict[str, Any]],
    ) -> None:
        self._rig, self._group, self._syncs, self._people, self._client = rig, group, syncs, people, client
        self._sites = site_names(syncs)
        self._settling = Settling(
            rig, group, syncs, RunFacts(), steps=SETTLING_STEPS, deadline=PATIENCE, cycles_deadline=PATIENCE
        )
        self._given_up_when_raised: GivenUp = frozenset()
        self.steps: list[UpgradeStep] = []

    @property
    def formats(self) -> set[int]:
        """Return the formats of the databases of all syncs; 0 stands for one that is not there yet."""
        found = (self._client[sync.database]["progress"].find_one({"_id": "sync"}) or {} for sync in self._syncs)
        return {document.get("format", 0) for document in found}

    def begin(self, title: str, version: Installation, pairs: int) -> int:
        """Have a version run until all is paired, and some changes are given up; return its format."""
        self._people.report_first(pairs)
        self._group.use(version)
        step = self._watched(UpgradeStep(title, 0), self._group.start)
        projects = [(sync.sites["dev"], sync.projects["dev"]) for sync in self._syncs]
        wait_until(
            lambda: all(self._rig.control.counts(site).get(project, 0) >= pairs for site, project in projects),
            "all issues to have counterparts",
            PATIENCE,
            SECONDS_BETWEEN_COUNTS,
        )
        self._settling.wait()
        self._people.learn(self._dumps())
        self._people.withdraw()
        self._people.work()
        self._settle()
        self._end(step, frozenset())
        return step.format

    def go(self, title: str, version: Installation, number: int, *, restores: bool = False, **environ: str) -> None:
        """Have another version go on, which is to write the format `number`. `environ` is what is set for it."""
        self._keep_busy()
        stop, restore = self._stop(restores=restores)
        self._calm_down()
        left, before, given_up = self._left(), self._sizes()[0], self._given_up()
        missed = self._people.work()
        self._group.use(version)

        def start() -> None:
            self._group.start(**environ)
            if restores:
                self._let_search_catch_up()

        step = self._watched(UpgradeStep(title, number), start)
        step.stop, step.restore, step.left, step.before, step.missed = stop, restore, left, before, missed
        if restores and given_up != self._given_up_when_raised:
            step.verdict.violations.append(Violation("all", "wrong dead letters", "-", "they are not those that were"))
        if step.raised is not None and not restores:
            self._given_up_when_raised = given_up
        self._people.work()
        self._settle()
        self._end(step, given_up)

    @contextmanager
    def beside(self, other: InstalledGroup, shard: str) -> Iterator[None]:
        """Have another container of the fleet, with no sync of its own, until the end of the block."""
        other.start(SHARD=shard)
        wait_until(Fleet(self._client, MAIN_FLEET).containers, "the other container to be seen")
        yield
        other.stop()

    def _keep_busy(self) -> None:
        """Have people work until the syncs are in the middle of it: many moves not seen yet, attempts not settled."""
        for site in self._sites:
            self._rig.control.index(site, lag=SEARCH_LAG)
            self._rig.control.fault(site, "status_after", **UNCERTAIN)
        for _ in range(MOST_ROUNDS):
            self._people.work()
            with suppress(TimeoutError):
                wait_until(self._is_in_the_middle, deadline=2 * SEARCH_LAG)
                return
        raise TimeoutError("the syncs are never in the middle of their work")

    def _is_in_the_middle(self) -> bool:
        left = self._left()
        return bool(left["own moves"] >= self._people.per_round * len(self._syncs) and left["attempts"])

    def _calm_down(self) -> None:
        for site in self._sites:
            self._rig.control.index(site, lag=0.0)
            self._rig.control.heal(site)

    def _stop(self, *, restores: bool) -> tuple[float, float | None]:
        """Stop the group; return how many seconds that took, and how many it took to put the former format back."""
        names, began = self._group.names, time.monotonic()
        if not restores:
            self._group.stop()
            return time.monotonic() - began, None
        self._group.run("stop", *names)
        stopped = time.monotonic()
        for name in names:
            self._group.run("restore", name, "--previous-format")
        restored = time.monotonic()
        self._group.stop()
        return time.monotonic() - began - (restored - stopped), restored - stopped

    def _let_search_catch_up(self) -> None:
        """Put the clocks of the sites forward, once all workers wait until search shows what was done since."""

        def all_wait() -> bool:
            reasons = [heartbeat.reason or "" for heartbeat in self._group.heartbeats().values()]
            return len(reasons) == len(self._group.names) and all(WAITS in reason for reason in reasons)

        wait_until(all_wait, "all workers to wait for search", PATIENCE, SECONDS_BETWEEN_LOOKS)
        self._settling.pass_time(LONG_ENOUGH)
        self._group.run("sync-now", *self._group.names)

    def _watched(self, step: UpgradeStep, start: Callable[[], None]) -> UpgradeStep:
        """Call `start`, and measure meanwhile, until each worker has served a change and completed a cycle.

        The step's format is the one that the databases are to get; 0 stands for any.
        """
        is_raised, first = self.formats == {step.format} or not step.format, dict[str, Heartbeat]()
        for site in self._sites:
            self._rig.control.forget_calls(site)
        began = time.monotonic()
        with ThreadPoolExecutor(1) as background:
            starting = background.submit(start)
            while None in (step.served, step.first_cycle) or not (is_raised and starting.done()):
                if time.monotonic() > began + PATIENCE:
                    raise TimeoutError(f"{step}: {self._group.log_end()}")
                if starting.done():
                    starting.result()
                passed = time.monotonic() - began
                if step.served is None and self._has_served():
                    step.served = passed
                if not is_raised and self.formats == {step.format}:
                    step.raised, is_raised = passed, True
                found = self._group.heartbeats()
                first = {**{name: each for name, each in found.items() if each.totals.cycles}, **first}
                if step.first_cycle is None and len(first) == len(self._group.names):
                    step.first_cycle = passed
                time.sleep(SECONDS_BETWEEN_LOOKS)
        cycles = [each.last_cycle for each in first.values() if each.last_cycle]
        step.calls, step.fetched = sum(each.calls for each in cycles), sum(each.fetched for each in cycles)
        step.peak = self._group.largest_worker()
        return step

    def _settle(self) -> None:
        """Wait until nothing is left to do, and what no workflow has a way for is given up: more waits behind it."""
        for _ in range(MOST_ROUNDS):
            self._settling.wait()
            if not self._left()["waiting"]:
                return
        raise TimeoutError(f"changes still wait: {self._left()}")

    def _has_served(self) -> bool:
        """Tell whether the syncs have written to a site. Nobody else writes meanwhile."""
        calls = (call for site in self._sites for call in self._rig.control.call_summary(site)["byEndpoint"])
        return any(not call.startswith("GET ") and not call.endswith(READING) for call in calls)

    def _left(self) -> Counter[str]:
        """Count the issues that are not over: what was begun about them, what waits, what was given up."""
        left = Counter[str]()
        for sync in self._syncs:
            issues = self._client[sync.database]["issues"]
            moves = [{"own_moves.0": {"$exists": True}}, {"handled.move": {"$exists": True}}]
            left["own moves"] += issues.count_documents({"$or": moves})
            for issue in issues.find({"pending.0": {"$exists": True}}):
                left["waiting"] += 1
                marks = (mark for cause in issue["pending"] for mark in (cause.get("marks") or {}).values())
                left["attempts"] += any(not mark["done"] for mark in marks)
        left["dead letters"] = len(self._given_up())
        return left

    def _given_up(self) -> GivenUp:
        """Return the status changes that were given up."""
        return frozenset(
            (sync.name, issue["_id"], cause["id"])
            for sync in self._syncs
            for issue in self._client[sync.database]["issues"].find({"dead.0": {"$exists": True}})
            for cause in issue["dead"]
            if cause["kind"] == "status"
        )

    def _sizes(self) -> tuple[int, int]:
        """Return the bytes of all documents of the syncs' databases, and what these take on the disk with indexes."""
        stats = [self._client[sync.database].command("dbStats") for sync in self._syncs]
        return sum(int(each["dataSize"]) for each in stats), sum(int(each["totalSize"]) for each in stats)

    def _dumps(self) -> Dumps:
        return {site: self._rig.control.issues(site) for site in self._sites}

    def _end(self, step: UpgradeStep, given_up: GivenUp) -> None:
        """Note what there is now, and judge it. `given_up` must still be there."""
        dumps, found, verdict = self._dumps(), self.formats, step.verdict
        step.after, step.on_disk = self._sizes()
        step.format = step.format or max(found)
        for sync in self._syncs:
            verdict.add(judge(sync, dumps))
            verdict.add(moved_back_and_forth(sync, dumps))
        if found != {step.format}:
            verdict.violations.append(Violation("all", "wrong format", "-", f"{found} instead of {step.format}"))
        for sync_name, issue, cause in sorted(given_up - self._given_up()):
            verdict.violations.append(Violation(sync_name, "lost dead letter", issue, cause))
        self._people.learn(dumps)
        self.steps.append(step)
