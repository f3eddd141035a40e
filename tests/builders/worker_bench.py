"""A bench for the worker: simulated sites over HTTP, a real MongoDB, and the worker's own parts in this process."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from jira_simulator.client import Person
from simulated_sites import A_DAY_LATER, LONG_ENOUGH, TOKEN, TRANSITION, SimulatedSites
from sync_model.files.loading import load_file
from sync_model.health.heartbeat import CycleSummary
from sync_worker.database.connection import connect
from sync_worker.runtime import logs
from sync_worker.runtime.loop import Worker
from sync_worker.runtime.wiring import wire

EVERY_FLAVOR = pytest.mark.parametrize("bench", ["cloud-cloud", "cloud-dc", "dc-cloud", "dc-dc"], indirect=True)
EITHER_FLAVOR = pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)

LOG = b"log" * 1000
"""The content of a file."""
TAKE_ON = {
    "id": "take-on",
    "sourceStatus": "Will Do",
    "syncDirection": "user_to_dev",
    "actions": {
        "createIssue": True,
        "syncAttachments": True,
        "addCrossLink": True,
        "addComment": True,
        "commentTemplate": "followed as ${targetKey}",
    },
}
REOPEN = {
    "id": "reopen",
    "sourceStatus": "Reopened",
    "syncDirection": "user_to_dev",
    "actions": {"syncStatus": True, "addComment": True, "commentTemplate": "reopened ${sourceKey}", "commentOn": "dev"},
}
START = {"id": "start", "sourceStatus": "In Progress", "syncDirection": "dev_to_user", "actions": {"syncStatus": True}}
FINISH = {
    "id": "finish",
    "sourceStatus": ["Done", "Closed"],
    "syncDirection": "dev_to_user",
    "actions": {
        "syncStatus": True,
        "targetStatus": "Resolved",
        "addComment": True,
        "commentTemplate": "finished ${sourceKey}",
    },
}


def rule_that_comments(identity: str, status: str, text: str, side: str) -> dict[str, Any]:
    """Return a rule that has `text` said on `side`'s issue when a customer's issue comes into a status."""
    actions = {"addComment": True, "commentTemplate": text, "commentOn": side}
    return {"id": identity, "sourceStatus": status, "syncDirection": "user_to_dev", "actions": actions}


class HurriedWorker(Worker):
    """A worker that takes note of how long it would wait, and hardly does; a test may act before its requests."""

    bench: Bench

    def wait(self, seconds: float) -> None:
        if seconds > 0:
            self.bench.pauses.append(seconds)
        self.bench.before_request()
        super().wait(min(seconds, 0.02))


class Bench:
    """One pair of projects, people on both sides, and a worker whose cycles a test runs one by one."""

    def __init__(self, sites: SimulatedSites, mongo_url: str, database: str, folder: Path, flavors: str) -> None:
        self.sites, self.control, self.url, self.folder = sites, sites.control, sites.url, folder
        self.mongo_url, self.database_name = mongo_url, database
        user_flavor, dev_flavor = flavors.split("-")
        self.dev_site = "two"
        self.log = io.StringIO()
        self._ahead = 0.0
        self.pauses: list[float] = []
        self.before_request: Callable[[], None] = lambda: None
        self.environ: dict[str, str] = {}
        self.definition: dict[str, Any] = {
            "name": "sync-ab",
            "databaseName": database,
            "jira": self._account("one", user_flavor),
            "devJira": self._account("two", dev_flavor),
            "userProjectKey": "SUP",
            "devProjectKey": "DEV",
            # The simulator's search does not lag unless a test says so.
            "searchLagMinutes": 0.05,
            # One after the other, so that a test knows what comes next.
            "sideBySide": 1,
            "rules": [TAKE_ON, REOPEN, START, FINISH],
        }
        self.user = self._ann("one", user_flavor)
        self.dev = self._ann("two", dev_flavor)
        self._client: MongoClient[dict[str, Any]] = MongoClient(mongo_url, tz_aware=True)
        self.database = self._client[database]
        # As the replaced service named its databases.
        self.legacy_database = self._client[f"legacy-{database}"]
        self.worker: Worker | None = None
        self._close: Callable[[], None] = lambda: None

    def _account(self, site: str, flavor: str) -> dict[str, Any]:
        if flavor == "dc":
            return {"baseUrl": f"{self.url}/{site}", "apiToken": TOKEN, "authType": "pat"}
        return {"baseUrl": f"{self.url}/{site}", "email": "sync@example.com", "apiToken": TOKEN}

    def _ann(self, site: str, flavor: str) -> Person:
        return self.sites.person(site, "ann" if flavor == "dc" else "ann@example.com", "ann-token")

    def have_developers_on(self, site: str) -> None:
        """Have the developers' issues be on another site, which is there already."""
        self.definition["devJira"]["baseUrl"] = f"{self.url}/{site}"
        flavor = "dc" if self.definition["devJira"].get("authType") == "pat" else "cloud"
        self.dev, self.dev_site = self._ann(site, flavor), site

    def on_one_site(self) -> None:
        """Make both projects those of one site, with one account."""
        del self.definition["devJira"]
        self.dev, self.dev_site = self.user, "one"

    # The worker

    def start(self, **changes: Any) -> None:
        """Start the worker anew, with a changed definition if asked for."""
        self.stop()
        self.definition.update(changes)
        path = self.folder / "sync-ab.json"
        path.write_text(json.dumps(self.definition))
        loaded = load_file(path, self.environ)
        assert loaded.problems == ()
        file = loaded.files[0]
        log = logs.configure("sync-ab", "debug", self.log)
        self.worker = HurriedWorker("sync-ab", file.digest, 60.0, self.folder, log)
        self.worker.bench = self
        client = connect(self.mongo_url, "test")
        parts = wire(file, self.worker, client, self.environ)
        self._one_pass, self.store, self.runner = parts.run_cycle, parts.store, parts

        def close_all() -> None:
            parts.close()
            client.close()

        self._close = close_all

    def stop(self) -> None:
        self._close()
        self._close = lambda: None
        self.worker = None

    def close(self) -> None:
        self.stop()
        self._client.drop_database(self.database_name)
        self._client.drop_database(self.legacy_database)
        # The next test has a site of the same address.
        self.forget_refusals()
        self._client.close()

    def forget_refusals(self) -> None:
        """Forget what all syncs know of the sites' limits, and of secrets that were refused, as if these were new."""
        self._client["jira_sync"]["limits"].delete_many({})

    def try_cycle(self) -> Exception | None:
        """Run one cycle; return the error that ended it, or None.

        Where something waits for its next try, that time has come: the worker would have waited for it.
        """
        if self.worker is None:
            self.start()
        assert self.worker is not None
        if (retry_in := self.worker._result.retry_in) is not None:
            self.pass_time(retry_in)
        return self.worker.run_once(self._one_pass)

    def cycle(self) -> CycleSummary:
        """Run one cycle that must go through."""
        return self._summary(self.try_cycle())

    def cycle_at_once(self) -> CycleSummary:
        """Run one cycle that must go through, without letting time pass until the next try is due."""
        assert self.worker is not None
        return self._summary(self.worker.run_once(self._one_pass))

    def _summary(self, error: Exception | None) -> CycleSummary:
        assert error is None, error
        assert self.worker is not None
        assert self.worker.heartbeats.findings.last_cycle is not None
        return self.worker.heartbeats.findings.last_cycle

    def pass_time(self, seconds: float) -> None:
        """Let the clocks of the sites run ahead."""
        self._ahead += seconds
        for site in {"one", "two", self.dev_site}:
            self.control.clock(site, self._ahead)

    def pass_time_and_cycle(self, seconds: float) -> None:
        """Let a cycle find out that time has passed: the worker reads the time off Jira's answers."""
        self.pass_time(seconds)
        self.cycle()

    def settle(self, cycles: int = 3) -> None:
        """Let so many cycles find that search shows everything, and that what waited is due."""
        for _ in range(cycles):
            self.pass_time_and_cycle(LONG_ENOUGH)

    def census(self) -> None:
        """Let a day pass, and a cycle that counts the issues."""
        self.pass_time_and_cycle(A_DAY_LATER)

    # What people do

    def taken_on(self, summary: str = "It is broken", **fields: Any) -> str:
        """Have a customer report something that will be done, and return its key."""
        key = self.user.create("SUP", summary, **fields)
        self.user.move(key, "Will Do")
        return key

    def taken_on_with(self, files: dict[str, bytes]) -> str:
        """Have a customer report something with these files that will be done, and return its key."""
        key = self.user.create("SUP", "It is broken")
        for name, content in files.items():
            self.user.attach(key, name, content)
        self.user.move(key, "Will Do")
        return key

    def know_that_marks_arrive(self) -> None:
        """Let both sites be known to keep our marks, as they are after the first pair."""
        arrives = {"issue": True, "comment": True}
        known = {f"identity.sides.{side}.arrives": arrives for side in ("user", "dev")}
        assert self.database["progress"].update_one({}, {"$set": known}).matched_count

    def take_on_many(self, count: int) -> dict[str, str]:
        """Have that many issues wait for a counterpart; return their summaries by their keys."""
        keys = self.control.create_many("one", "SUP", count, status="Will Do", user="ann")
        return {key: f"issue {number}" for number, key in enumerate(keys, 1)}

    def pair(self) -> tuple[str, str]:
        """Return the keys of an issue and its counterpart, which a cycle has just made."""
        key = self.taken_on()
        before = {issue["key"] for issue in self.devs()}
        self.cycle()
        (counterpart,) = {issue["key"] for issue in self.devs()} - before
        return key, counterpart

    def refuse_moves(self, times: int | None = 1) -> int:
        """Let Jira answer that a move of a customer's issue is wrong, which no waiting mends."""
        wrong = {"status": 400, "message": "It is wrong.", "times": times}
        return self.control.fault("one", "status", **wrong, **TRANSITION)

    def fail_moves(self, times: int | None = None, **options: Any) -> int:
        """Let Jira answer moves of customers' issues with an error that may pass."""
        return self.control.fault("one", "status", status=500, times=times, **{**TRANSITION, **options})

    # What is on the sites

    def users(self) -> list[dict[str, Any]]:
        return self.control.issues("one", "SUP")

    def devs(self) -> list[dict[str, Any]]:
        return self.control.issues(self.dev_site, "DEV")

    def issue(self, key: str) -> dict[str, Any]:
        return self.control.issue("one" if key.startswith("SUP") else self.dev_site, key)

    def status(self, key: str) -> str:
        status: str = self.issue(key)["status"]
        return status

    def statuses_since_taken_on(self, key: str) -> list[str]:
        """Return the statuses that an issue went into after it was taken on."""
        changes = [change["to"] for change in self.issue(key)["history"] if change["field"] == "status"]
        return changes[changes.index("Will Do") + 1 :]

    def comments(self, key: str) -> list[str]:
        return [comment["body"] for comment in self.issue(key)["comments"]]

    def files(self, side: str) -> list[tuple[str, str]]:
        """Return name and content of the files on the one issue of a side."""
        (issue,) = self.users() if side == "user" else self.devs()
        return sorted((file["filename"], file["sha256"]) for file in issue["attachments"])

    def link_on(self, site: str, key: str) -> tuple[str, str]:
        """Return title and address of the one cross-link on an issue."""
        (link,) = self.control.issue(site, key)["links"]
        return link["object"]["title"], link["object"]["url"]

    def calls(self, site: str, path: str, method: str = "POST") -> list[dict[str, Any]]:
        """Return the calls of the sync account to the paths that match."""
        calls = [call for call in self.control.calls(site) if (call["user"], call["method"]) == ("sync", method)]
        return [call for call in calls if re.search(path, call["path"])]

    def assert_taken_on_once(self, key: str) -> None:
        """See that the only issue, which was taken on with the file log.txt, has everything once."""
        (dev,) = self.devs()
        assert self.comments(key) == [f"followed as {dev['key']}"]
        assert [file["filename"] for file in dev["attachments"]] == ["log.txt"]
        assert [len(issue["links"]) for issue in (dev, self.issue(key))] == [1, 1]
        assert self.failures() == []

    # What is remembered

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self.log.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]

    def outbox(self) -> list[dict[str, Any]]:
        """Return what is remembered of the issues with changes to be carried out."""
        return list(self.database["issues"].find({"waiting": {"$exists": True}}))

    def pair_document(self) -> dict[str, Any]:
        """Return what is remembered of the only pair."""
        (document,) = self.database["pairs"].find()
        return document

    def failures(self) -> list[str]:
        """Return the errors of what is waiting to be tried again."""
        return self._errors("pending")

    def dead_letters(self) -> list[str]:
        """Return the errors of what was given up."""
        return self._errors("dead")

    def _errors(self, where: str) -> list[str]:
        issues = self.database["issues"].find({where: {"$ne": []}})
        return [cause["failure"]["error"] for issue in issues for cause in issue[where] if cause["failure"]]
