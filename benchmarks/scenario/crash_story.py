"""A story in acts on two sites and one sync, all new. After each act a worker runs one cycle, and may crash in it."""

from __future__ import annotations

import contextlib
import email.utils
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient

from benchmarks.rig import crashing_worker
from benchmarks.rig.processes import ANN_ACCOUNT, SYNC_ACCOUNT, Rig
from benchmarks.scenario.definitions import login_of_ann, site_seeds, sync_under_test, write
from benchmarks.verdict.evidence import MARKER, RunFacts
from benchmarks.verdict.judge import judge
from jira_simulator.client import Person, SimulatorControl
from sync_worker.core.identity import Decision

LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""
A_DAY = 25 * 3600.0
DELETED = "Its counterpart is gone."
STORY = (
    "Two issues are taken on, with a file, a comment and cross-links; a login gateway replaces Jira's answer to their",
    "creation, and dates its own a day ahead. The counterpart of the first is finished while the first is hidden;",
    "once it is visible again, that moves it and posts a comment; a firewall replaces the answer to that. Nothing",
    "happens for a while. The database is lost. A file comes late, by a node whose clock is behind; a proxy replaces",
    "the answer to its upload. Both are carried over again, as a person asked; of the second, all that the sync knew",
    "was lost. The sites get another address, and a person says that they are the same. The first issue moves to",
    "another project. The second is deleted, which is found and confirmed by and by, and told on its counterpart.",
)
TOMORROW = email.utils.format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
SPOILED = {
    "/issue/bulk$": {"status": 302, "headers": {"Location": "https://sso.invalid/login", "Date": TOMORROW}},
    "/comment$": {"status": 403, "headers": {"Content-Type": "text/html"}, "body": "<title>Request blocked</title>"},
    "/attachments$": {"status": 200, "body": "{}"},
}
"""By the path of a request, what something else answers in Jira's place once Jira has carried it out."""
A_MINUTE = 60.0

# Each worker is forked from a server process, which is warm. This module is imported there beforehand, with the worker
# and all else that the command imports: multiprocessing has every child import the command's own module again.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__, "benchmarks.rig.warm_worker"])


class CrashStory:
    """The sites, the sync and its database, and the acts, in their order: what people do in each."""

    def __init__(self, rig: Rig, control: SimulatorControl, flavors: str, number: int) -> None:
        self._rig, self._control = rig, control
        user, dev = (f"{flavor}-{side}{number}" for flavor, side in zip(flavors.split("-"), "ud", strict=True))
        self.sync = replace(sync_under_test(number, "shipped", user, dev), name=f"crash-{number}")
        for seed in site_seeds([self.sync]):
            control.add_site(**seed)
        deletion = {"onDelete": "comment", "onDeleteComment": DELETED}
        self._file = write(rig, self.sync, initialSyncEnabled=True, syncIntervalMinutes=600, **deletion)
        self._steps_file = rig.folder / f"steps-{number}.json"
        self._keys: list[str] = []
        self._ids: list[str] = []
        self._deleted: set[tuple[str, str]] = set()
        self._clock_offset = 0.0
        self.acts: Sequence[Callable[[], object]] = (
            self._report, self._wait, self._finish, self._show, self._wait, self._lose_database, self._add_file,
            self._ask_for_resync, self._rename_sites, self._move_to_other_project, self._delete, self._wait_for_census,
        )  # fmt: skip

    def run_cycle(self, die_at: int | None = None) -> tuple[int | None, list[str]]:
        """Have a worker run one cycle. Return its exit code, and its steps unless `die_at` is None."""
        arguments = (self._file, self._rig.folder, self._rig.database_url, self._steps_file, die_at)
        process = context.Process(target=crashing_worker.run_one_cycle, args=arguments)
        process.start()
        process.join()
        return process.exitcode, json.loads(self._steps_file.read_text())

    def pass_time(self, seconds: float = LONG_ENOUGH) -> None:
        self._clock_offset += seconds
        for site in self.sync.sites.values():
            self._control.clock(site, self._clock_offset)

    def wrong(self) -> list[str]:
        """Say what is not as it must be after the last act, and drop the database."""
        dumps = {site: self._control.issues(site) for site in self.sync.sites.values()}
        verdict = judge(self.sync, dumps, RunFacts(deleted=frozenset(self._deleted)))
        found = [str(violation) for violation in verdict.violations]
        # Comments: two announcements, two answers to Done, and the deletion; that on the deleted issue is gone with it.
        expected = {"pairs": 1, "comments by the syncs": 4, "copies by the syncs": 3}
        found += [
            f"{verdict.counts[name]} {name}, not {count}"
            for name, count in expected.items()
            if verdict.counts[name] != count
        ]
        with MongoClient[dict[str, Any]](self._rig.database_url) as client:
            issues = client[self.sync.database]["issues"]
            found += [f"{issue['key']} is still pending" for issue in issues.find({"pending": {"$ne": []}})]
            client.drop_database(self.sync.database)
        return found

    @contextlib.contextmanager
    def _ann(self, side: str) -> Iterator[Person]:
        site = self.sync.sites[side]
        with self._control.person(site, login_of_ann(site), ANN_ACCOUNT["token"]) as ann:
            yield ann

    def _spoil(self, side: str, path: str) -> None:
        """Have something replace Jira's answer to the next such request of the worker."""
        options = {"times": 1, "user": SYNC_ACCOUNT["name"], "method": "POST", "path": path}
        self._control.fault(self.sync.sites[side], "answer_after", **options, **SPOILED[path])

    def _report(self) -> None:
        self._spoil("dev", "/issue/bulk$")
        with self._ann("user") as ann:
            for summary in ("It is broken", "So is this"):
                key = ann.create(self.sync.projects["user"], summary, description="Since yesterday.")
                ann.attach(key, "log.txt", b"log" * 1000)
                ann.move(key, "Will Do")
                self._keys.append(key)
                self._ids.append(self._control.issue(self.sync.sites["user"], key)["id"])

    def _finish(self) -> None:
        """The issue is hidden from the sync's account meanwhile."""
        self._spoil("user", "/comment$")
        self._control.hide(self.sync.sites["user"], self._keys[0])
        self._move_counterpart("In Progress", "Done")

    def _show(self) -> None:
        self._control.show(self.sync.sites["user"], self._keys[0])
        self.pass_time(A_MINUTE)

    def _wait(self) -> None:
        """Nobody does anything: the worker sees what it has written itself, and tries again what was not answered."""
        self.pass_time(A_MINUTE)

    def _lose_database(self) -> None:
        """All that the sync knew is lost, when nothing is left to be done."""
        with MongoClient[dict[str, Any]](self._rig.database_url) as client:
            client.drop_database(self.sync.database)

    def _add_file(self) -> None:
        """The issue is dated before what the sync knows of it."""
        self._spoil("dev", "/attachments$")
        site = self.sync.sites["user"]
        node = self._control.fault(site, "node_clock", offset=-50)
        with self._ann("user") as ann:
            ann.attach(self._keys[0], "log.txt", b"more" * 1000)
        self._control.heal(site, node)

    def _ask_for_resync(self) -> None:
        """A person asks for a resync of both issues. All that the sync knew of the second is lost."""
        self.pass_time(A_MINUTE)
        with MongoClient[dict[str, Any]](self._rig.database_url) as client:
            database = client[self.sync.database]
            pair = database["pairs"].find_one_and_delete({"_id": self._ids[1]}) or {}
            lost = [f"user:{self._ids[1]}", f"dev:{pair.get('dev_id')}"]
            database["issues"].delete_many({"_id": {"$in": lost}})
            issues = [f"user:{issue_id}" for issue_id in self._ids]
            database["requests"].insert_one({"kind": "resync", "issues": issues, "by": "ann"})

    def _rename_sites(self) -> None:
        """The sites get another address, and a person says that they are the same."""
        self._file.write_text(self._file.read_text().replace("127.0.0.1", "localhost"))
        with MongoClient[dict[str, Any]](self._rig.database_url) as client:
            request = {"kind": "adopt", "issues": [Decision.SAME_SITE], "by": "ann"}
            client[self.sync.database]["requests"].insert_one(request)

    def _move_to_other_project(self) -> None:
        """The worker finds out when the counterpart is reopened and finished again."""
        self._control.move(self.sync.sites["user"], self._keys[0], self.sync.other_projects["user"])
        self._move_counterpart("Reopened", "Closed")

    def _delete(self) -> None:
        site = self.sync.sites["user"]
        self._deleted.add((site, self._ids[1]))
        self._control.delete(site, self._keys[1])
        self.pass_time(A_DAY)

    def _wait_for_census(self) -> None:
        self.pass_time(A_DAY)

    def _move_counterpart(self, *statuses: str) -> None:
        """Move the counterpart of the first issue through `statuses`."""
        with self._ann("dev") as ann:
            for status in statuses:
                ann.move(self._counterpart(self._ids[0]), status)

    def _counterpart(self, user_id: str) -> str:
        """Return the key of the counterpart of a user issue."""
        issues = self._control.issues(self.sync.sites["dev"])
        return str(next(issue["key"] for issue in issues if _is_made_for(issue, user_id)))


def _is_made_for(issue: dict[str, Any], user_id: str) -> bool:
    return bool((issue["properties"].get(MARKER) or {}).get("issue") == user_id)
