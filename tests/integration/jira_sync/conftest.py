"""A group of two syncs on a simulated site, and the commands, run in the folder of the project."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from generator.running.supervision.processes import members
from generator.running.supervision.supervisor_rpc import Supervisor
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from jira_sync.__main__ import main
from sync_model.health.heartbeat import Phase, read_heartbeat

REPO = Path(__file__).parents[3]
TOKEN = "s3cr3t-sync-token"
SITE = {
    "name": "site",
    "users": [
        {"name": "sync", "email": "sync@example.com", "token": TOKEN},
        {"name": "ann", "email": "ann@example.com", "token": "ann-token"},
    ],
    "projects": [
        {"key": f"{prefix}{letter}", "workflow": workflow}
        for letter in "AB"
        for prefix, workflow in (("SUP", "customer"), ("DEV", "development"))
    ],
}
TAKE_ON = {"sourceStatus": "Will Do", "syncDirection": "user_to_dev", "actions": {"createIssue": True}}
FOLLOW = {"sourceStatus": "In Progress", "syncDirection": "dev_to_user", "actions": {"syncStatus": True}}


class Project:
    """The folder from which a group is started, with its configs and its run directory, and commands run in it."""

    def __init__(self, folder: Path, simulator: RunningSimulator, mongo_url: str, ports: tuple[int, int]) -> None:
        self.folder, self.control, self.url, self.mongo_url = folder, simulator.control, simulator.url, mongo_url
        self.configs, self.run_dir = folder / "configs", folder / "run"
        self.configs.mkdir()
        self.ann = self.control.person("site", "ann@example.com", "ann-token")
        self._suffix = uuid.uuid4().hex[:8]
        keep = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.shell = {**keep, "PATH": path, "PYTHONPATH": str(REPO)}
        self.environ = {**self.shell, "DATABASE_URL": mongo_url, "TOKEN": TOKEN, "PORT": str(ports[0])}
        self.api = f"http://127.0.0.1:{ports[0]}"
        self.supervisor = Supervisor(self.run_dir / "supervisor.sock")

    def database(self, name: str) -> str:
        return f"test_{self._suffix}_{name.replace('-', '_')}"

    def write(self, name: str, **changes: Any) -> None:
        letter = name[-1].upper()
        definition = {
            "name": name,
            "databaseName": self.database(name),
            "jira": {"baseUrl": f"{self.url}/site", "email": "sync@example.com", "apiToken": "${TOKEN}"},
            "userProjectKey": f"SUP{letter}",
            "devProjectKey": f"DEV{letter}",
            # No cycle starts by itself within a test.
            "syncIntervalMinutes": 60,
            "searchLagMinutes": 0.05,
            "rules": [TAKE_ON, FOLLOW],
        }
        (self.configs / f"{name}.json").write_text(json.dumps({**definition, **changes}))

    def popen(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start a command whose environment has nothing of ours but `environ`."""
        return subprocess.Popen(
            arguments, env={**self.shell, **environ}, cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.popen(*arguments, **environ)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def jira_sync(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `jira-sync` in this process, which is faster than in a new one."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            patch.setattr(os, "environ", {**self.shell, **environ})
            code = main(arguments)
        assert TOKEN not in out.getvalue() + err.getvalue()
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def pid(self, name: str) -> int:
        return self.supervisor.states()[name].pid

    def is_waiting(self, name: str) -> bool:
        heartbeat = read_heartbeat(self.run_dir, name)
        return bool(heartbeat and heartbeat.phase is Phase.WAITING and heartbeat.totals.cycles)

    def report(self, letter: str) -> str:
        """Create an issue in the status that the rule takes on; return its key."""
        key = self.ann.create(f"SUP{letter}", "It is broken")
        self.ann.move(key, "Will Do")
        return key

    def close(self) -> None:
        self.jira_sync("stop")
        self.ann.http.close()
        with MongoClient[dict[str, Any]](self.mongo_url) as client:
            for name in ("sync-a", "sync-b"):
                client.drop_database(self.database(name))
        assert members(self.run_dir) == []


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, mongo_server, free_port: Callable[[], int]) -> Iterator[Project]:
    """A project whose group is not started yet."""
    with RunningSimulator(Seed.model_validate({"sites": [SITE]})) as simulator:
        project = Project(tmp_path_factory.mktemp("project"), simulator, mongo_server.url, (free_port(), free_port()))
        for name in ("sync-a", "sync-b"):
            project.write(name)
        yield project
        project.close()


@pytest.fixture(scope="module")
def group(project: Project) -> Project:
    """The project with its group started, and a first cycle of each sync run."""
    ran = project.jira_sync("start", **project.environ)
    assert ran.returncode == 0, ran
    ran = project.jira_sync("sync-now", "--all")
    assert ran.returncode == 0, ran
    return project
