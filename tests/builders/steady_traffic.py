"""Customers who report issues on every sync without a pause, while machines fail, and what became of their issues.

Each sync gets an issue every three seconds: for how long nobody served one can be told to about that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from benchmarks.rig.processes import ANN_ACCOUNT, Rig
from benchmarks.scenario.definitions import is_cloud, login_of_ann, site_names, write
from benchmarks.verdict.demands import SIDES, SyncUnderTest
from benchmarks.verdict.evidence import Dumps, counterparts, cross_links, issues_of, sync_comments
from benchmarks.verdict.judge import Violation, judge
from jira_simulator.client import Person
from simulated_sites import LONG_ENOUGH

SECONDS_BETWEEN = 3.0
SECONDS_TO_SERVE = 600.0
LOOK_EVERY = 1.0
CLOCK_STEP_EVERY = 4.0
SECONDS_UNDER_WAY = 150.0
"""For so long after a machine is reached again, what it had sent before may still arrive."""


def write_configs(rig: Rig, syncs: Sequence[SyncUnderTest], folder: Path, token: str) -> None:
    """Write the files of the syncs into `folder`. `token` refers to the token of their account."""
    folder.mkdir(exist_ok=True)
    for sync in syncs:
        accounts = {side: rig.account(site, bearer=not is_cloud(site)) for side, site in sync.sites.items()}
        jira = {f"{side}Jira": {**account, "apiToken": token} for side, account in accounts.items()}
        write(rig, sync, **jira, syncIntervalMinutes=0.05, searchLagMinutes=0.05).rename(folder / f"{sync.name}.json")


Reported = tuple[str, str]
"""A sync, and the key of an issue that was reported on it."""


class SteadyTraffic:
    """Reports issues from a thread of its own until it is stopped. `rig` has the simulator with the sites."""

    def __init__(self, rig: Rig, syncs: Sequence[SyncUnderTest]) -> None:
        self._control, self.syncs = rig.control, syncs
        self._reported: list[Reported] = []
        self._clock_offset, self._under_way_until = 0.0, 0.0
        self._stopped = Event()
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name="traffic", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def __len__(self) -> int:
        return len(self._reported)

    def _run(self) -> None:
        sites = site_names(self.syncs)
        people = {site: self._control.person(site, login_of_ann(site), ANN_ACCOUNT["token"]) for site in sites}
        try:
            while not self._stopped.is_set():
                for sync in self.syncs:
                    self._report(people[sync.sites["user"]], sync)
                    self._stopped.wait(SECONDS_BETWEEN / len(self.syncs))
        except Exception as error:  # noqa: BLE001 - the test that waits for the issues tells of it
            self._error = error
        finally:
            for person in people.values():
                person.http.close()

    def _report(self, person: Person, sync: SyncUnderTest) -> None:
        key = person.create(sync.projects["user"], f"Broken {len(self._reported)}")
        person.move(key, "Will Do")
        self._reported.append((sync.name, key))

    def wait_until_served(self) -> None:
        """Wait until all that was reported so far is carried over, whole. Raises AssertionError.

        A request that was under way when its worker died may still be at work: Jira's clock passes, so that the worker
        may be certain that it is not. That is done only where the sync has carried over what was reported later.
        """
        wanted = list(self._reported)
        deadline, stepped_at = time.monotonic() + SECONDS_TO_SERVE, time.monotonic()
        while left := self._left(wanted):
            assert self._error is None, repr(self._error)
            assert time.monotonic() < deadline, f"not served: {left[:10]} and more: {len(left)}"
            may_step = time.monotonic() > max(stepped_at + CLOCK_STEP_EVERY, self._under_way_until)
            if may_step and self._are_overtaken(left):
                self._pass_time(LONG_ENOUGH)
                stepped_at = time.monotonic()
            time.sleep(LOOK_EVERY)

    @contextmanager
    def requests_under_way(self) -> Iterator[None]:
        """Let no clock be moved while a machine is cut off, and for a while after.

        What its workers have sent may arrive all the same. Nobody may be made certain that it will not.
        """
        self._under_way_until = math.inf
        try:
            yield
        finally:
            self._under_way_until = time.monotonic() + SECONDS_UNDER_WAY

    def _left(self, wanted: Sequence[Reported]) -> list[Reported]:
        """Return which of the wanted issues lack a counterpart, a link or the comment."""
        done = self._done()
        return [issue for issue in wanted if issue not in done]

    def _done(self) -> set[Reported]:
        dumps = self.dumps()
        return {(sync.name, key) for sync in self.syncs for key in _carried_over(sync, dumps)}

    def _are_overtaken(self, left: Sequence[Reported]) -> bool:
        """Tell whether each sync that has issues left has carried over one that was reported later than all of them."""
        reported, done = list(self._reported), self._done()
        newest_done = {name: number for number, (name, key) in enumerate(reported) if (name, key) in done}
        newest_left = {name: reported.index((name, key)) for name, key in left}
        return all(newest_done.get(name, -1) > number for name, number in newest_left.items())

    def _pass_time(self, seconds: float) -> None:
        self._clock_offset += seconds
        for site in site_names(self.syncs):
            self._control.clock(site, self._clock_offset)

    def dumps(self) -> Dumps:
        return {site: self._control.issues(site) for site in site_names(self.syncs)}

    def violations(self) -> list[Violation]:
        """Judge all issues. While customers report more, those that are not whole yet are left out.

        What has several counterparts is never left out.
        """
        dumps = self.dumps()
        return [each for sync in self.syncs for each in judge(sync, self._settled(sync, dumps)).violations]

    def _settled(self, sync: SyncUnderTest, dumps: Dumps) -> Dumps:
        if self._stopped.is_set():
            return dumps
        made, whole = counterparts(sync, dumps), _carried_over(sync, dumps)
        users = issues_of(sync, "user", dumps)
        young = {user["id"] for user in users if user["key"] not in whole and len(made.get(user["id"], ())) < 2}
        young_counterparts = {counterpart["id"] for source in young for counterpart in made.get(source, ())}
        left_out = {"user": young, "dev": young_counterparts}
        return {
            sync.sites[side]: [issue for issue in issues_of(sync, side, dumps) if issue["id"] not in left_out[side]]
            for side in SIDES
        }


def _carried_over(sync: SyncUnderTest, dumps: Dumps) -> set[str]:
    """Return the keys of the user issues that have all that the rules demand."""
    made = counterparts(sync, dumps)
    return {
        issue["key"]
        for issue in issues_of(sync, "user", dumps)
        if (found := made.get(issue["id"]))
        and sync_comments(issue)
        and cross_links(issue)
        and all(cross_links(counterpart) for counterpart in found)
    }
