"""A bench for the worker: simulated sites over HTTP, a real MongoDB, and the worker's own parts in this process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from jira_simulator.client import Person
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from sync_model.heartbeat import CycleSummary
from sync_model.loading import load_file
from sync_worker.database.connection import connect
from sync_worker.runtime import logs
from sync_worker.runtime.loop import Worker
from sync_worker.runtime.wiring import wire

REPO = Path(__file__).parents[3]
TOKEN = "s3cr3t-sync-token"
USERS = [
    {"name": "sync", "email": "sync@example.com", "token": TOKEN, "displayName": "Sync"},
    # For a second worker, so that the record of calls tells the two apart.
    {"name": "deputy", "email": "deputy@example.com", "token": "s3cr3t-deputy-token", "displayName": "Deputy"},
    {"name": "ann", "email": "ann@example.com", "token": "ann-token", "displayName": "Ann"},
]
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


def _seed(user_flavor: str, dev_flavor: str) -> Seed:
    customers = {"key": "SUP", "workflow": "customer"}
    developers = {"key": "DEV", "workflow": "development"}
    sites = [
        {"name": "one", "flavor": user_flavor, "projects": [customers, developers, {"key": "OTHER"}], "users": USERS},
        # Issues here get the same numbers as those of the other site, as they may on two real ones.
        {"name": "two", "flavor": dev_flavor, "projects": [developers], "users": USERS, "firstId": 10_013},
    ]
    return Seed.model_validate({"sites": sites})


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

    def __init__(self, simulator: RunningSimulator, mongo_url: str, database: str, folder: Path, flavors: str) -> None:
        self.control, self.url, self.folder = simulator.control, simulator.url, folder
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
        self.user = self._person("one", user_flavor)
        self.dev = self._person("two", dev_flavor)
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

    def _person(self, site: str, flavor: str) -> Person:
        return self.control.person(site, "ann" if flavor == "dc" else "ann@example.com", "ann-token")

    def on_one_site(self) -> None:
        """Make both projects those of one site, with one account."""
        del self.definition["devJira"]
        self.dev.http.close()
        self.dev, self.dev_site = self.user, "one"

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
        self._one_pass, self.store = parts.run_cycle, parts.store

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
        for person in {self.user, self.dev}:
            person.http.close()
        self._client.drop_database(self.database_name)
        self._client.drop_database(self.legacy_database)
        # The next simulator may be given the same port.
        self._client["jira_sync"]["limits"].delete_many({})
        self._client.close()

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
        error = self.try_cycle()
        assert error is None, error
        assert self.worker is not None
        assert self.worker.heartbeats.last_cycle is not None
        return self.worker.heartbeats.last_cycle

    def pass_time(self, seconds: float) -> None:
        """Let the clocks of both sites run ahead."""
        self._ahead += seconds
        for site in ("one", "two"):
            self.control.clock(site, self._ahead)

    def users(self) -> list[dict[str, Any]]:
        return self.control.issues("one", "SUP")

    def devs(self) -> list[dict[str, Any]]:
        return self.control.issues(self.dev_site, "DEV")

    def issue(self, key: str) -> dict[str, Any]:
        return self.control.issue("one" if key.startswith("SUP") else self.dev_site, key)

    def status(self, key: str) -> str:
        status: str = self.issue(key)["status"]
        return status

    def comments(self, key: str) -> list[str]:
        return [each["body"] for each in self.issue(key)["comments"]]

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self.log.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]

    def failures(self) -> list[str]:
        """Return the errors of what is waiting to be tried again."""
        return self._errors("pending")

    def dead_letters(self) -> list[str]:
        """Return the errors of what was given up."""
        return self._errors("dead")

    def _errors(self, where: str) -> list[str]:
        issues = self.database["issues"].find({where: {"$ne": []}})
        return [each["failure"]["error"] for issue in issues for each in issue[where] if each["failure"]]

    def taken_on(self, summary: str = "It is broken", **fields: Any) -> str:
        """Have a customer report something that will be done, and return its key."""
        key = self.user.create("SUP", summary, **fields)
        self.user.move(key, "Will Do")
        return key

    def pair(self) -> tuple[str, str]:
        """Return the keys of an issue and its counterpart, which a cycle has just made."""
        key = self.taken_on()
        before = {each["key"] for each in self.devs()}
        self.cycle()
        (counterpart,) = {each["key"] for each in self.devs()} - before
        return key, counterpart


@pytest.fixture(params=["cloud-cloud"])
def bench(request: pytest.FixtureRequest, mongo_server, database_name: str, tmp_path: Path) -> Iterator[Bench]:
    """Two Cloud sites, unless a test asks for other flavours."""
    flavors = {"cloud": "cloud", "dc": "data_center"}
    user, dev = request.param.split("-")
    with RunningSimulator(_seed(flavors[user], flavors[dev])) as simulator:
        bench = Bench(simulator, mongo_server.url, database_name, tmp_path, request.param)
        yield bench
        bench.close()


class Command:
    """`python -m sync_worker` and `jira-sync` in processes of their own, for the sync of a bench."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._started: list[subprocess.Popen[str]] = []

    def start(
        self, *arguments: str, run_dir: Path | None = None, account: str = "sync", code: str | None = None
    ) -> subprocess.Popen[str]:
        """Start it; as a worker, unless `arguments` say something else. `code` takes the place of the module."""
        where = ["--config", str(self._bench.folder / "sync-ab.json"), "--run-dir", str(run_dir or self._bench.folder)]
        environ = {"SYNC_EMAIL": f"{account}@example.com", "SYNC_TOKEN": f"s3cr3t-{account}-token"}
        program = ("-m", "sync_worker") if code is None else ("-c", code)
        return self._start(*program, *where, *arguments, **environ)

    def _start(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, "DATABASE_URL": self._bench.mongo_url, **environ},
            cwd=REPO,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return self._end(self.start(*arguments, **options))

    def ask(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the front door for the sync, where no group runs."""
        where = {"CONFIG_DIR": str(self._bench.folder), "RUN_DIR": str(self._bench.folder / "run")}
        return self._end(self._start("-m", "jira_sync", command, "sync-ab", *arguments, **where))

    def _end(self, process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def command(bench: Bench) -> Iterator[Command]:
    command = Command(bench)
    yield command
    command.close()


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def front(bench: Bench, capsys, monkeypatch, plain_environment) -> Callable[..., Ran]:
    """Run `jira-sync COMMAND …` on the sync of a bench, whose group does not run."""
    from jira_sync.__main__ import main

    run_dir = bench.folder / "run"
    for name, value in {"CONFIG_DIR": bench.folder, "RUN_DIR": run_dir, "DATABASE_URL": bench.mongo_url}.items():
        monkeypatch.setenv(name, str(value))

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        assert "s3cr3t" not in said.out + said.err
        return Ran(code, said.out, said.err)

    return run


class LegacyService:
    """The service that this one replaces, as far as it is remembered: what it left in MongoDB and in Jira."""

    def __init__(self, bench: Bench, client: MongoClient[dict[str, Any]]) -> None:
        self._bench = bench
        self.database = client[bench.legacy_database.name]
        is_cloud = "email" in bench.definition["jira"]
        self.account = bench.control.person("one", "sync@example.com" if is_cloud else "sync", TOKEN)
        for side in ("user", "dev"):
            self.database[f"{side}_project_issue_state"].create_index("issue_key", unique=True)
            self.database["jira_mapping"].create_index(f"{side}_issue_key", unique=True)
        bench.on_one_site()
        bench.definition["name"] = self.database.name
        self.finished_cycle()

    def finished_cycle(self, hours_ago: float = 2.0) -> datetime:
        """End a cycle: then it stood still."""
        at = datetime.now(UTC) - timedelta(hours=hours_ago)
        for name in (self.database.name, "jira-status-sync"):
            document = {"name": name, "last_sync": at, "initial_sync_completed": False, "updated_at": at}
            self.database["sync_state"].replace_one({"name": name}, document, upsert=True)
        return at

    def saw(self, *keys: str, hours_ago: float = 2.0) -> None:
        """Remember the present status of these issues."""
        for key in keys:
            side = "user" if key.startswith("SUP") else "dev"
            at = datetime.now(UTC) - timedelta(hours=hours_ago)
            document = {"issue_key": key, "status": self._bench.status(key), "updated_at": at}
            self.database[f"{side}_project_issue_state"].replace_one({"issue_key": key}, document, upsert=True)

    def paired(self, user_key: str, dev_key: str) -> None:
        document: dict[str, Any] = {"created_at": datetime.now(UTC)}
        for side, key in (("user", user_key), ("dev", dev_key)):
            document |= {f"{side}_issue_key": key, f"{side}_issue_url": f"https://jira/browse/{key}"}
        self.database["jira_mapping"].insert_one(document)

    def created(self, user_key: str, *, mapped: bool = True, lines: str = "both") -> str:
        """Create a counterpart, as it did; where it was interrupted, without the rest."""
        text = f"It is broken\n\nUser Link: https://jira/browse/{user_key}" if lines != "user" else "It is broken"
        dev_key = self.account.create("DEV", "It is broken", issue_type="Bug", description=text)
        if lines != "dev":
            self.account.edit(user_key, description=f"Help!\n\nDev Link: https://jira/browse/{dev_key}")
        if mapped:
            self.paired(user_key, dev_key)
            self.account.comment(user_key, f"followed as {dev_key}")
        return dev_key

    def pair(self) -> tuple[str, str]:
        """Have an issue, and its counterpart by this service, that stand still."""
        user_key = self._bench.taken_on()
        dev_key = self.created(user_key)
        self.saw(user_key, dev_key)
        return user_key, dev_key

    def content(self) -> dict[str, Any]:
        names = sorted(self.database.list_collection_names())
        return {name: (list(self.database[name].find()), self.database[name].index_information()) for name in names}


@pytest.fixture
def legacy(bench: Bench) -> Iterator[LegacyService]:
    """The replaced service, whose database is on the same server; both projects are on one site, as it wanted them."""
    with MongoClient[dict[str, Any]](bench.mongo_url, tz_aware=True) as client:
        legacy = LegacyService(bench, client)
        yield legacy
        legacy.account.http.close()


@pytest.fixture
def long_ago(bench: Bench) -> Callable[[], None]:
    """Let what happens until this is called have happened a month ago."""
    bench.control.clock("one", -30 * 24 * 3600)
    return lambda: bench.control.clock("one", 0)
