"""Faults in the workers, in MongoDB, and in Jira as the sync's account sees it."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from benchmarks.rig.processes import SYNC_ACCOUNT, Rig
from benchmarks.scenario.definitions import site_names
from benchmarks.scenario.timeline import TimelineEvent
from benchmarks.scenario.workers import WorkerProcesses
from benchmarks.verdict.demands import SIDES, SyncUnderTest
from sync_worker.database.connection import SHARED_DATABASE
from sync_worker.database.shared.sign_in import LOGIN

EndFault = Callable[[], None]
ANY = None
READS = ("/search", "/bulkfetch", "/issue/[0-9]+$", "/myself$", "/properties/", "/comment$", "/transitions$", ANY)
WRITES = ("/issue$", "/issue/bulk$", "/comment$", "/attachments$", "/transitions$", "/remotelink$", ANY)
SAFE_TO_BE_LATE = WRITES[:4]
"""Jira has no "move only if": a move that is carried out late overtakes what people did meanwhile."""
FILES = "/attachment/"
LATE = "504, and carried out later"
LONGEST_HIDDEN = 25.0
LONGEST_DELAY = 1.5
SHARE_HIDDEN = 0.1
FURTHEST_JUMP = 7200.0
FURTHEST_NODE = 50.0
A_DAY = 86_400.0
IS_KILLED_ALONE = "is killed before the others have what it has"
OURS = {"user": SYNC_ACCOUNT["name"]}
MOST_ISSUES = 3000
"""More than a project has in any run."""

HTML = {"Content-Type": "text/html"}
PAGE = "<html><title>Request blocked</title></html>"
SSO = {"Location": "https://sso.invalid/login"}

# What Jira answers: its name in the report, kind of fault, options, whether it happens to writes only.
ANSWERS: tuple[tuple[str, str, dict[str, Any], bool], ...] = (
    ("429 with Retry-After", "status", {"status": 429, "retryAfter": "1", "reason": "jira-burst-based"}, False),
    ("429", "status", {"status": 429}, False),
    ("500", "status", {"status": 500}, False),
    ("503", "status", {"status": 503, "retryAfter": "1"}, False),
    ("409", "status", {"status": 409}, True),
    ("500 after it was carried out", "status_after", {"status": 500}, True),
    ("503 after it was carried out", "status_after", {"status": 503}, True),
    ("a page after it was carried out", "answer_after", {"status": 200, "headers": HTML, "body": PAGE}, True),
    ("a page with 401 after it was carried out", "answer_after", {"status": 401, "headers": HTML, "body": PAGE}, True),
    ("a page with 403 after it was carried out", "answer_after", {"status": 403, "headers": HTML, "body": PAGE}, True),
    ("a page with 409 after it was carried out", "answer_after", {"status": 409, "headers": HTML, "body": PAGE}, True),
    ("a redirect after it was carried out", "answer_after", {"status": 302, "headers": SSO}, True),
    ("{} after it was carried out", "answer_after", {"status": 200, "body": "{}"}, True),
    ("a redirect", "answer", {"status": 302, "headers": SSO}, False),
    ("{}", "answer", {"status": 200, "body": "{}"}, False),
    (LATE, "late", {"status": 504}, True),
    ("connection dropped before", "drop_before", {}, False),
    ("connection dropped after", "drop_after", {}, True),
    ("delay", "delay", {}, False),
    ("file cut short", "truncate_attachment", {}, False),
)
REFUSALS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("token expired", "anonymous", {}),
    ("token expired silently", "anonymous", {"silent": True}),
    ("401", "unauthorized", {}),
    ("login page", "html_login", {}),
)


class FaultInjector:
    """Begins and ends faults; `counts` says how often there was which."""

    def __init__(self, rig: Rig, workers: WorkerProcesses, syncs: Sequence[SyncUnderTest]) -> None:
        self._rig, self._workers, self._syncs = rig, workers, syncs
        self._sites = site_names(syncs)
        self._bad_indexes: set[str] = set()
        self._are_refusals_known = self._is_without_primary = False
        self.counts: Counter[str] = Counter()

    def begin(self, event: TimelineEvent) -> EndFault | None:
        """Begin a fault; return what ends it, if it does not end by itself."""
        drawn = {
            "failover": self._failover,
            "clock": self._wrong_clock,
            "jira": self._bad_answers,
            "token": self._refusal,
            "hidden": self._hidden_issues,
        }
        random = event.random
        if event.kind in drawn:
            return drawn[event.kind](random)
        match event.kind:
            case "kill" | "terminate":
                number = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM}[event.kind]
                self._workers.send(random.choice(self._workers.names), number)
                return self._counted(f"worker: {number.name}")
            case "pause":
                return self._counted("worker: paused", self._workers.pause(random.choice(self._workers.names)))
            case "second worker":
                end = self._workers.start_second(random.choice(self._workers.names))
                return self._counted("worker: a second one", end)
            case "mongod stopped" | "mongod killed":
                return self._without_database(event.kind)
            case "index":
                return self._bad_search(random, event.duration)
        raise AssertionError(event.kind)

    def end_all(self) -> None:
        """End every fault, and have MongoDB run. A bad search index recovers by its own event."""
        for site in self._sites:
            self._rig.control.heal(site)
            self._rig.control.clock(site, 0.0)
        if self._rig.replica_set:
            self._rig.replica_set.heal()
        else:
            self._rig.mongod.start()
        self._date_all(0.0)
        if self._are_refusals_known:  # MongoDB was away when a token was renewed
            self._forget_refusals()
            for site in self._sites:
                self._restart_workers(site)

    def _forget_refusals(self) -> None:
        """Have the secrets count as never refused, as renewed ones do. The secrets here stay the same."""
        self._are_refusals_known = True
        url = self._rig.database_url
        with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=200) as client, suppress(PyMongoError):
            client[SHARED_DATABASE]["limits"].delete_many({"_id": {"$regex": LOGIN}})
            self._are_refusals_known = False

    def _restart_workers(self, site: str) -> None:
        for sync in self._syncs:
            if site in sync.sites.values():
                self._workers.send(sync.name, signal.SIGTERM)

    def _counted(self, name: str, end: EndFault | None = None) -> EndFault | None:
        self.counts[name] += 1
        return end

    def _without_database(self, kind: str) -> EndFault | None:
        servers = self._rig.mongo_servers
        if not all(server.is_running for server in servers):
            return None
        for server in servers:
            server.kill() if kind == "mongod killed" else server.stop()

        def start() -> None:
            for server in servers:
                server.launch()

        return self._counted(kind, start)

    def _failover(self, random: Random) -> EndFault | None:
        """Have another member of the replica set become its primary."""
        replica_set = self._rig.replica_set
        if replica_set is None or self._is_without_primary or not (primary := replica_set.present_primary()):
            return None
        name = random.choice(("steps down", "is killed", "hangs", IS_KILLED_ALONE))
        others = [server for server in replica_set.servers if server is not primary]

        def begin() -> None:
            match name:
                case "steps down":
                    replica_set.step_down()
                case "is killed":
                    primary.kill()
                case "hangs":
                    primary.freeze()
                case _:
                    replica_set.stop_replication(*others)

        def end() -> None:
            self._is_without_primary = False
            if name == IS_KILLED_ALONE:
                primary.kill()
                with suppress(PyMongoError):  # all servers may be down
                    replica_set.resume_replication_of(others)
            primary.thaw()
            primary.launch()

        with suppress(PyMongoError):
            begin()
        self._is_without_primary = True
        return self._counted(f"primary {name}", end)

    def _wrong_clock(self, random: Random) -> EndFault | None:
        site, control = random.choice(self._sites), self._rig.control
        whose, sign = random.choice(("site", "node", "proxy", "MongoDB")), random.choice((-1, 1))
        if whose == "MongoDB":
            return self._database_clock_set_back()
        if whose == "site":
            control.clock(site, sign * random.uniform(2.0, FURTHEST_JUMP))
            return self._counted("clock: a site's jumps, and back", lambda: control.clock(site, 0.0))
        if whose == "node":
            fault = control.fault(site, "node_clock", offset=sign * random.uniform(1.0, FURTHEST_NODE), probability=0.5)
        else:
            fault = control.fault(site, "wrong_date", offset=sign * random.uniform(15.0, A_DAY), **OURS)
        return self._counted(f"clock: a {whose}'s is wrong", lambda: control.heal(site, fault))

    def _database_clock_set_back(self) -> EndFault | None:
        """Let all that MongoDB has dated lie in its future, until its clock is right again."""
        self._date_all(A_DAY)
        return self._counted("clock: MongoDB's is set back", lambda: self._date_all(0.0))

    def _date_all(self, ahead: float) -> None:
        """Let pauses, buckets and leases be dated so many seconds ahead of MongoDB's clock."""
        later = {"$add": ["$$NOW", int(ahead * 1000)]}
        url = self._rig.database_url
        with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=200) as client, suppress(PyMongoError):
            for name in ("until", "filled", "touched"):
                dated = {name: {"$type": "date"}}
                client[SHARED_DATABASE]["limits"].update_many(dated, [{"$set": {name: later}}])
            if ahead:
                for sync in self._syncs:
                    held = {"_id": "writer", "expires": {"$type": "date"}}
                    client[sync.database]["lease"].update_one(held, [{"$set": {"expires": later}}])

    def _bad_answers(self, random: Random) -> EndFault | None:
        site = random.choice(self._sites)
        name, kind, options, only_writes = random.choice(ANSWERS)
        is_write = only_writes or random.random() < 0.5
        calls = {"path": random.choice(WRITES), "method": "POST"} if is_write else {"path": random.choice(READS)}
        if kind == "late":
            calls = {"path": random.choice(SAFE_TO_BE_LATE), "method": "POST"}
        if kind == "delay":
            options = {"seconds": random.uniform(0.1, LONGEST_DELAY)}
        if kind == "truncate_attachment":
            calls = {"path": FILES}
        times = random.choice((1, 1, 2, 5))
        fault = self._rig.control.fault(site, kind, user=SYNC_ACCOUNT["name"], times=times, **calls, **options)
        return self._counted(f"jira: {name}", lambda: self._rig.control.heal(site, fault))

    def _refusal(self, random: Random) -> EndFault | None:
        site = random.choice(self._sites)
        name, kind, options = random.choice(REFUSALS)
        fault = self._rig.control.fault(site, kind, user=SYNC_ACCOUNT["name"], **options)

        def renew_token() -> None:
            """Act as an operator who renews the token and restarts the workers at once."""
            self._rig.control.heal(site, fault)
            self._forget_refusals()
            self._restart_workers(site)

        return self._counted(f"jira: {name}", renew_token)

    def _bad_search(self, random: Random, duration: float) -> EndFault | None:
        good_sites = [site for site in self._sites if site not in self._bad_indexes]
        if not good_sites:
            return None
        site = random.choice(good_sites)
        self._bad_indexes.add(site)
        hidden = self._some_keys(random, site)
        choices: list[tuple[str, dict[str, Any]]] = [
            ("search lags behind", {"lag": random.uniform(5.0, 90.0)}),
            ("search stands still", {"hold": True}),
        ]
        if duration <= LONGEST_HIDDEN:
            choices.append(("search loses sight of issues", {"hide": hidden}))
        name, options = random.choice(choices)
        self._rig.control.index(site, **options)

        def catch_up() -> None:
            self._rig.control.index(site, lag=0, hold=False, show=hidden)
            self._bad_indexes.discard(site)

        return self._counted(f"jira: {name}", catch_up)

    def _hidden_issues(self, random: Random) -> EndFault | None:
        """Hide some issues from the sync's account, as issue security does."""
        site, control = random.choice(self._sites), self._rig.control
        hidden = {issue["id"] for issue in control.issues(site) if random.random() < SHARE_HIDDEN}
        control.hide(site, *hidden, **OURS)

        def show() -> None:
            there = {issue["id"] for issue in control.issues(site)}
            control.show(site, *(hidden & there), **OURS)

        return self._counted("jira: issues are hidden", show)

    def _some_keys(self, random: Random, site: str) -> list[str]:
        """Return the keys of a third of the issues in one project, also of those that do not exist yet."""
        projects = [sync.projects[side] for sync in self._syncs for side in SIDES if sync.sites[side] == site]
        return [f"{random.choice(projects)}-{number}" for number in range(random.randrange(3), MOST_ISSUES, 3)]
