"""A real supervisord with a real monitor. The workers are programs that do nothing, and tests write their heartbeats,
so that a worker can be in any state at once.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from generator.deploy.install import install
from generator.deploy.prepare import prepare
from generator.deploy.start import environment_of_programs
from generator.deploy.stop import stop_group
from generator.running import files
from generator.running.settings.group import from_environ
from generator.running.state.manifest import read_manifest
from generator.running.supervision.processes import members
from generator.running.supervision.supervisor_rpc import Changes, Supervisor
from sync_model.health.heartbeat import Heartbeat, Phase, write_heartbeat
from sync_worker.database.connection import connect
from sync_worker.database.journal import Journal

REPO = Path(__file__).parents[3]
JIRA_TOKEN = "s3cr3t-jira-token"
ADMIN_TOKEN = "s3cr3t-admin-token"
SYNCS = ("sync-a", "sync-b", "sync-c")
WORKER = "\ncommand=/bin/sleep 100000\n"
MONITOR = """
import resource
import sys
from health_monitor.__main__ import main
from health_monitor import control_api, listening
from health_monitor.news import changes, outbox, reporter
from health_monitor.observation import observer
from sync_model.health import judgement
observer.SNAPSHOT_SECONDS, observer.IDLE_SNAPSHOT_SECONDS = 0.2, 0.5
judgement.MIN_OBSERVED_SILENCE = 2.0
changes.LEAST_PAUSE, outbox.FIRST_PAUSE, reporter.LOOK_SECONDS = 0.5, 0.5, 0.1
control_api.BODY_SECONDS = 1.0
listening.RETRY_SECONDS = 0.5
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
sys.exit(main())
"""
"""The monitor, which only looks more often, waits less for silence and for a body, and may open
as many files as most systems allow."""


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


class MonitoredGroup:
    """A group whose workers do nothing. Its monitor answers at `url`."""

    def __init__(
        self, folder: Path, port: int, database_url: str, wait_until: Callable[..., Any], **environ: str
    ) -> None:
        self.configs, self.run_dir, self.wait_until = folder / "configs", folder / "run", wait_until
        self.configs.mkdir()
        self.port, self.url, self.database_url = port, f"http://127.0.0.1:{port}", database_url
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environ = {
            **keep,
            "CONFIG_DIR": str(self.configs),
            "RUN_DIR": str(self.run_dir),
            "LOG_DIR": str(self.run_dir / "logs"),
            "DATABASE_URL": database_url,
            "PORT": str(port),
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "JIRA_TOKEN": JIRA_TOKEN,
            "ALLOWED_HOSTS": "sync.example.com",
            **environ,
        }
        self.supervisor = Supervisor(self.run_dir / "supervisor.sock")
        may_look = {"Authorization": f"Bearer {environ['VIEW_TOKEN']}"} if "VIEW_TOKEN" in environ else {}
        self.http = httpx.Client(base_url=self.url, headers=may_look, timeout=20, trust_env=False)

    def database(self, name: str) -> str:
        return f"monitored_{self.port}_{name}"

    def define(self, name: str, file: str, token: str = "${JIRA_TOKEN}") -> None:
        key = name.replace("-", "").upper()
        definition = {
            "name": name,
            "databaseName": self.database(name),
            "jira": {"baseUrl": "https://jira.example.com", "apiToken": token, "authType": "pat"},
            "userProjectKey": f"U{key}",
            "devProjectKey": f"D{key}",
            "syncIntervalMinutes": 0.1,
            "rules": [{"sourceStatus": "A", "syncDirection": "both"}],
        }
        (self.configs / file).write_text(json.dumps(definition))

    def start(self, is_ready: Callable[[], bool] | None = None) -> None:
        """Start the group, and wait until `is_ready`, by default until its monitor answers."""
        prepared = prepare(from_environ(self.environ), self.environ)
        install(prepared)
        monitor = self.run_dir / "quick_monitor.py"
        monitor.write_text(MONITOR)
        text = re.sub(r"\ncommand=.* sync_worker .*\n", WORKER, prepared.text).replace("startsecs=3", "startsecs=0")
        text = re.sub(r"\ncommand=(.*) -m health_monitor\n", rf"\ncommand=\1 {monitor}\n", text)
        prepared.settings.conf.write_text(text)
        files.write_if_changed(prepared.settings.record, prepared.settings.recorded())
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(prepared.settings.conf)]
        subprocess.run(command, env=environment_of_programs(prepared.settings, self.environ), check=True, cwd=REPO)
        self.wait_until(is_ready or self.answers, "the group to be ready")

    def add_program(self, name: str, *lines: str) -> None:
        """Add a program to the running group."""
        with (self.run_dir / "supervisord.conf").open("a") as conf:
            conf.write("\n".join((f"\n[program:{name}]", *lines, "")))
        self.supervisor.reread()
        self.supervisor.follow(Changes((name,), (), ()), 10, lambda _name, _leaving: True)

    def answers(self) -> bool:
        try:
            return bool(self.http.get("/health").json()["workers"])
        except (httpx.HTTPError, ValueError):
            return False

    def pid(self, name: str) -> int:
        return self.supervisor.states()[name].pid

    def stop_sync(self, name: str) -> None:
        """Stop the program of a sync, as an operator would."""
        self.supervisor.stop(name)
        self.wait_until(lambda: self.pid(name) == 0, f"{name} to be stopped")

    def beat(self, name: str, phase: Phase = Phase.WAITING, sent: float = 0, **more: Any) -> Heartbeat:
        """Write a heartbeat for the worker of `name`."""
        applied = read_manifest(from_environ(self.environ)).get(name)
        digest = applied.digest if applied else "d"
        known = {"pid": self.pid(name), "digest": digest, "last_success": ago(5), "interval": 6.0}
        heartbeat = Heartbeat(name=name, phase=phase, since=ago(60), sent=ago(sent), **known | more)
        write_heartbeat(self.run_dir, heartbeat)
        return heartbeat

    def worker(self, name: str) -> dict[str, Any]:
        """Return what `/health` has of one sync."""
        found = [worker for worker in self.http.get("/health").json()["workers"] if worker["name"] == name]
        return dict(found[0]) if found else {"condition": "not there"}

    def expect(self, name: str, condition: str) -> dict[str, Any]:
        """Wait until a sync is in this condition; return what `/health` has of it."""
        return self.wait_until(lambda: (w := self.worker(name))["condition"] == condition and w, f"{name} {condition}")

    def expect_ready(self) -> None:
        """Wait until the monitor has seen that every sync is well."""
        paths = ("/health", "/health/ready")
        self.wait_until(lambda: all(self.http.get(path).status_code == 200 for path in paths), "the group to be ready")

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.run_dir / "logs/health-monitor.log").read_text().splitlines()]

    def stop(self) -> None:
        self.http.close()
        stop_group(self.run_dir)
        assert members(self.run_dir) == []
        with MongoClient[dict[str, Any]](self.database_url) as client:
            for name in SYNCS:
                client.drop_database(self.database(name))


@pytest.fixture(scope="session")
def start_group(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], mongo_server, wait_until: Callable[..., Any]
) -> Callable[..., AbstractContextManager[MonitoredGroup]]:
    """Return a context manager: a group of three syncs that runs with the given environment variables."""

    @contextmanager
    def start(**environ: str) -> Iterator[MonitoredGroup]:
        group = MonitoredGroup(tmp_path_factory.mktemp("group"), free_port(), mongo_server.url, wait_until, **environ)
        group.define("sync-a", "sync-a.json")
        group.define("sync-b", "sync-b.json", token="s3cr3t-literal-token")
        group.define("sync-c", "third.json")
        group.start()
        yield group
        group.stop()

    return start


@pytest.fixture(scope="session")
def running_group(start_group) -> Iterator[MonitoredGroup]:
    """The group that most tests share. Its workers may be silent between two tests without being restarted."""
    with start_group(STUCK_AFTER="86400") as group:
        yield group


@pytest.fixture
def journal(running_group: MonitoredGroup) -> Iterator[Journal]:
    """The journal of sync-a."""
    with connect(running_group.database_url, "test") as client:
        yield Journal(client, running_group.database("sync-a"))


@pytest.fixture
def group(running_group: MonitoredGroup, journal: Journal) -> MonitoredGroup:
    """A group as if nobody had used it: all workers are well, the journal of sync-a is empty, nobody is signed in."""
    for name in SYNCS:
        running_group.beat(name)
    running_group.http.cookies.clear()
    journal.resume()
    journal._actions.delete_many({})
    journal._cycles.delete_many({})
    return running_group
