"""A real supervisord with a real monitor, over programs that stand in for workers: they do nothing, and tests write
their heartbeats, so that a worker can be in any state at once.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from generator.deploy import group as commands
from generator.running import files
from generator.running.processes import members
from generator.running.settings import from_environ
from generator.running.supervisor_rpc import Changes, Supervisor
from sync_model.heartbeat import Heartbeat, Phase, write_heartbeat
from sync_worker.database.connection import connect
from sync_worker.database.journal import Journal

REPO = Path(__file__).parents[3]
JIRA_TOKEN = "s3cr3t-jira-token"
ADMIN_TOKEN = "s3cr3t-admin-token"
SYNCS = ("sync-a", "sync-b", "sync-c")
WORKER = "\ncommand=/bin/sleep 100000\n"


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


class Stage:
    """A group whose workers do nothing, with its monitor at `url`."""

    def __init__(
        self, folder: Path, port: int, database_url: str, wait_until: Callable[..., Any], **environ: str
    ) -> None:
        self.configs, self.run_dir, self.wait_until = folder / "configs", folder / "run", wait_until
        self.configs.mkdir()
        self.url, self.database_url = f"http://127.0.0.1:{port}", database_url
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
            **environ,
        }
        self.supervisor = Supervisor(self.run_dir / "supervisor.sock")
        self.http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def define(self, name: str, file: str, token: str = "${JIRA_TOKEN}") -> None:
        key = name.replace("-", "").upper()
        definition = {
            "name": name,
            "databaseName": f"stage_{os.getpid()}_{name}",
            "jira": {"baseUrl": "https://jira.example.com", "apiToken": token, "authType": "pat"},
            "userProjectKey": f"U{key}",
            "devProjectKey": f"D{key}",
            "syncIntervalMinutes": 0.1,
            "rules": [{"sourceStatus": "A", "syncDirection": "both"}],
        }
        (self.configs / file).write_text(json.dumps(definition))

    def start(self) -> None:
        prepared = commands.prepare(from_environ(self.environ), self.environ)
        commands.install(prepared)
        text = re.sub(r"\ncommand=.* sync_worker .*\n", WORKER, prepared.text).replace("startsecs=3", "startsecs=0")
        prepared.settings.conf.write_text(text)
        files.write_if_changed(prepared.settings.record, prepared.settings.recorded())
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(prepared.settings.conf)]
        subprocess.run(command, env=commands._environment(prepared.settings, self.environ), check=True, cwd=REPO)
        self.wait_until(self.answers, "the monitor to answer")

    def add_program(self, name: str, *lines: str) -> None:
        """Add a program of the test's own to the running group."""
        with (self.run_dir / "supervisord.conf").open("a") as conf:
            conf.write("\n".join((f"\n[program:{name}]", *lines, "")))
        self.supervisor.reread()
        self.supervisor.apply(Changes((name,), (), ()), 10, lambda _name, _leaving: True)

    def answers(self) -> bool:
        try:
            return bool(self.http.get("/health").json()["workers"])
        except (httpx.HTTPError, ValueError):
            return False

    def pid(self, name: str) -> int:
        return self.supervisor.states()[name].pid

    def beat(self, name: str, phase: Phase = Phase.WAITING, sent: float = 0, **more: Any) -> Heartbeat:
        """Say for the worker of `name` what it would say."""
        known = {"pid": self.pid(name), "digest": "d", "last_success": ago(5), "interval": 6.0}
        heartbeat = Heartbeat(name=name, phase=phase, since=ago(60), sent=ago(sent), **known | more)
        write_heartbeat(self.run_dir, heartbeat)
        return heartbeat

    def worker(self, name: str) -> dict[str, Any]:
        """Return what the monitor says of one sync."""
        found = [each for each in self.http.get("/health").json()["workers"] if each["name"] == name]
        return dict(found[0]) if found else {"condition": "not there"}

    def expect(self, name: str, condition: str) -> dict[str, Any]:
        """Wait until the monitor sees a sync in this condition."""
        return self.wait_until(lambda: (w := self.worker(name))["condition"] == condition and w, f"{name} {condition}")

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.run_dir / "logs/health-monitor.log").read_text().splitlines()]

    def stop(self) -> None:
        self.http.close()
        commands.stop(self.run_dir)
        assert members(self.run_dir) == []
        with MongoClient[dict[str, Any]](self.database_url) as client:
            for name in SYNCS:
                client.drop_database(f"stage_{os.getpid()}_{name}")


@pytest.fixture(scope="module")
def running_stage(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
    mongo_server,
    wait_until: Callable[..., Any],
) -> Iterator[Stage]:
    folder, environ = tmp_path_factory.mktemp("stage"), getattr(request.module, "ENVIRON", {})
    stage = Stage(folder, free_port(), mongo_server.url, wait_until, **environ)
    stage.define("sync-a", "sync-a.json")
    stage.define("sync-b", "sync-b.json", token="s3cr3t-literal-token")
    stage.define("sync-c", "third.json")
    stage.start()
    yield stage
    stage.stop()


@pytest.fixture
def stage(running_stage: Stage) -> Stage:
    """The group that the tests of a module share, with all workers well; nobody is signed in."""
    for name in SYNCS:
        running_stage.beat(name)
    running_stage.http.cookies.clear()
    return running_stage


@pytest.fixture
def journal(stage: Stage) -> Iterator[Journal]:
    """The journal of sync-a."""
    with connect(stage.database_url, "test") as client:
        yield Journal(client, f"stage_{os.getpid()}_sync-a")
