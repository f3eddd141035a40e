"""What every story of a crash has: two sites and one sync, all new, worker runs that may crash, and a verdict.

A story is told in acts. After each act a worker runs one cycle.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import multiprocessing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pymongo import MongoClient
from pymongo.database import Database

from benchmarks.rig import crashing_worker
from benchmarks.rig.processes import ANN_ACCOUNT, SYNC_ACCOUNT, Rig
from benchmarks.scenario.definitions import login_of_ann, site_seeds, sync_under_test, with_files, write
from benchmarks.verdict.demands import FileDemands
from benchmarks.verdict.evidence import MARKER, RunFacts
from benchmarks.verdict.judge import judge
from jira_simulator.client import Person, SimulatorControl

LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""
A_MINUTE = 60.0
A_DAY = 25 * 3600.0
TOMORROW = email.utils.format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
SIGN_IN = {"status": 302, "headers": {"Location": "https://sso.invalid/login", "Date": TOMORROW}}
BLOCKED = {"status": 403, "headers": {"Content-Type": "text/html"}, "body": "<title>Request blocked</title>"}
EMPTY = {"status": 200, "body": "{}"}
"""What a login gateway, a firewall and a proxy answer in Jira's place."""

# Each worker is forked from a server process, which is warm. The stories are imported there beforehand, with the worker
# and all else that the command imports: multiprocessing has every child import the command's own module again.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["benchmarks.scenario.crash_stories", "benchmarks.rig.warm_worker"])


class CrashStory(ABC):
    """One story: its sites, its sync with its database, and `acts`, in their order: what people do in each.

    `kind` is that of the facet that it is about. `told` is the story in words, `changes` what the sync's file says
    besides the shipped one, `files` what is demanded of files under `attachments`. `expected` says of the counts of the
    verdict what they must be in the end.
    """

    kind: ClassVar[str]
    told: ClassVar[Sequence[str]]
    changes: ClassVar[Mapping[str, Any]] = {}
    files: ClassVar[FileDemands | None] = None
    expected: ClassVar[Mapping[str, int]]

    def __init__(self, rig: Rig, control: SimulatorControl, flavors: str, number: int) -> None:
        self.rig, self.control = rig, control
        user, dev = (f"{flavor}-{side}{number}" for flavor, side in zip(flavors.split("-"), "ud", strict=True))
        shipped = sync_under_test(number, "shipped", user, dev)
        self.sync = with_files(replace(shipped, name=f"crash-{number}"), self.files)
        for seed in site_seeds([self.sync]):
            control.add_site(**seed)
        self.file = write(rig, self.sync, initialSyncEnabled=True, syncIntervalMinutes=600, **self.changes)
        self._steps_file = rig.folder / f"steps-{number}.json"
        self.keys: list[str] = []
        self.ids: list[str] = []
        self.deleted: set[tuple[str, str]] = set()
        self._clock_offset = 0.0

    @property
    @abstractmethod
    def acts(self) -> Sequence[Callable[[], object]]:
        """What people do, in its order. After each of these, a worker runs a cycle."""

    def run_cycle(self, die_at: int | None = None) -> tuple[int | None, list[str]]:
        """Have a worker run one cycle. Return its exit code, and its steps unless `die_at` is None."""
        arguments = (self.file, self.rig.folder, self.rig.database_url, self._steps_file, die_at)
        process = context.Process(target=crashing_worker.run_one_cycle, args=arguments)
        process.start()
        process.join()
        return process.exitcode, json.loads(self._steps_file.read_text())

    def pass_time(self, seconds: float = LONG_ENOUGH) -> None:
        self._clock_offset += seconds
        for site in self.sync.sites.values():
            self.control.clock(site, self._clock_offset)

    def wrong(self) -> list[str]:
        """Say what is not as it must be after the last act, and drop the database."""
        dumps = {site: self.control.issues(site) for site in self.sync.sites.values()}
        verdict = judge(self.sync, dumps, RunFacts(deleted=frozenset(self.deleted)))
        found = [str(violation) for violation in [*verdict.violations, *verdict.overtaken]]
        found += [
            f"{verdict.counts[name]} {name}, not {count}"
            for name, count in self.expected.items()
            if verdict.counts[name] != count
        ]
        with self.database() as database:
            found += [f"{issue['key']} is still pending" for issue in database["issues"].find({"pending": {"$ne": []}})]
            database.client.drop_database(database.name)
        return found

    @contextlib.contextmanager
    def database(self) -> Iterator[Database[dict[str, Any]]]:
        """Open the sync's database."""
        with MongoClient[dict[str, Any]](self.rig.database_url) as client:
            yield client[self.sync.database]

    def ask(self, kind: str, *about: str) -> None:
        """A person asks something of the worker."""
        with self.database() as database:
            database["requests"].insert_one({"kind": kind, "issues": list(about), "by": "ann"})

    @contextlib.contextmanager
    def ann(self, side: str) -> Iterator[Person]:
        """Let a person use the site of one side."""
        site = self.sync.sites[side]
        with self.control.person(site, login_of_ann(site), ANN_ACCOUNT["token"]) as ann:
            yield ann

    def spoil(self, side: str, path: str, answer: Mapping[str, Any]) -> None:
        """Have something answer in Jira's place once Jira has carried out the next such request of the worker."""
        options = {"times": 1, "user": SYNC_ACCOUNT["name"], "method": "POST", "path": path}
        self.control.fault(self.sync.sites[side], "answer_after", **options, **answer)

    def report(self, *summaries: str) -> None:
        """A customer reports issues, with a file each, and they are accepted."""
        with self.ann("user") as ann:
            for summary in summaries:
                key = ann.create(self.sync.projects["user"], summary, description="Since yesterday.")
                ann.attach(key, "log.txt", b"log" * 1000)
                ann.move(key, "Will Do")
                self.keys.append(key)
                self.ids.append(self.control.issue(self.sync.sites["user"], key)["id"])

    def wait(self) -> None:
        """Nobody does anything: the worker sees what it has written itself, and tries again what was not answered."""
        self.pass_time(A_MINUTE)

    def wait_long(self) -> None:
        self.pass_time()

    def wait_for_census(self) -> None:
        self.pass_time(A_DAY)

    def move_counterpart(self, *statuses: str) -> None:
        """A developer moves the counterpart of the first issue through `statuses`."""
        with self.ann("dev") as ann:
            for status in statuses:
                ann.move(self.key_on("dev"), status)

    def key_on(self, side: str) -> str:
        """Return the key that the first issue has now, or its counterpart."""
        issues = self.control.issues(self.sync.sites[side])
        if side == "user":
            return str(next(issue["key"] for issue in issues if issue["id"] == self.ids[0]))
        return str(next(issue["key"] for issue in issues if _is_made_for(issue, self.ids[0])))


def _is_made_for(issue: dict[str, Any], user_id: str) -> bool:
    return bool((issue["properties"].get(MARKER) or {}).get("issue") == user_id)
