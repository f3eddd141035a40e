"""A group of its own for each test: a folder of configurations, a run directory, and the real commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generator.running.supervision.processes import is_supervisord, members
from generator.running.supervision.supervisor_rpc import ProgramState, Supervisor
from warm_processes import COMMAND, PROMPT, WarmProcesses, command_for

TOKEN = "s3cr3t-literal-token"


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


class Group:
    """Speaks to one group as an operator does: by the commands, in an environment of its own."""

    def __init__(
        self,
        folder: Path,
        free_port: Callable[[], int],
        database_url: str,
        wait_until: Callable[..., Any],
        commands: WarmProcesses,
    ) -> None:
        self.configs, self.run_dir = folder / "configs", folder / "run"
        self.configs.mkdir()
        self.wait_until, self._commands = wait_until, commands
        self.waits_as_usual = False
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environ = {
            **keep,
            "CONFIG_DIR": str(self.configs),
            "RUN_DIR": str(self.run_dir),
            "PORT": str(free_port()),
            "DATABASE_URL": database_url,
        }

    def write(self, file: str, **changes: Any) -> None:
        name = file.removesuffix(".json")
        # Nobody answers there: a worker waits, visibly, and stays.
        jira = {"baseUrl": "http://127.0.0.1:1", "apiToken": TOKEN}
        rule = {"sourceStatus": "A", "syncDirection": "both"}
        key = name.replace("-", "").upper()
        definition = {
            "name": name,
            "jira": jira,
            "userProjectKey": f"U{key}",
            "devProjectKey": f"D{key}",
            "rules": [rule],
        }
        (self.configs / file).write_text(json.dumps({**definition, **changes}))

    def run(self, *arguments: str, **environ: str | None) -> Ran:
        """Run `python -m generator …`; None takes a variable away."""
        return self.run_as(COMMAND, *arguments, **environ)

    def run_impatiently(self, *arguments: str) -> Ran:
        """Run `python -m generator …`, which waits no more than a second for supervisord's answer."""
        patch = "from generator.running.supervision import supervisor_rpc; supervisor_rpc.SECONDS_TO_ANSWER = 1.0"
        return self.run_as(f"{patch}; {COMMAND}", *arguments)

    def run_as(self, code: str, *arguments: str, **environ: str | None) -> Ran:
        changed = {**self.environ, **environ}
        env = {name: value for name, value in changed.items() if value is not None}
        self.waits_as_usual = self.waits_as_usual or command_for(env) == COMMAND
        if not self.waits_as_usual:
            code = code.replace(COMMAND, PROMPT)
        done = self._commands.run(*arguments, environ=env, code=code, timeout=120)
        assert TOKEN not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self) -> None:
        ran = self.run("start")
        assert ran.code == 0, ran

    def supervisorctl(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self.run_dir / "supervisord.conf")]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=120).stdout

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.run_dir / "supervisor.sock")

    @property
    def supervisord(self) -> int:
        (pid,) = [pid for pid in self.members() if is_supervisord(pid)]
        return pid

    def states(self) -> dict[str, ProgramState]:
        return self.supervisor.states()

    def pids(self) -> dict[str, int]:
        return {name: state.pid for name, state in self.states().items()}

    def digests(self) -> dict[str, str]:
        """Return what each worker itself says it runs."""
        paths = [path for path in (self.run_dir / "heartbeats").glob("[!.]*.json") if path.exists()]
        beats = (json.loads(path.read_text()) for path in paths)
        return {beat["name"]: beat["digest"] for beat in beats}

    def log(self, name: str) -> str:
        return (self.run_dir / "logs" / f"{name}.log").read_text()

    def members(self) -> list[int]:
        return members(self.run_dir)


@pytest.fixture
def group(
    tmp_path: Path,
    free_port: Callable[[], int],
    mongo_server,
    wait_until: Callable[..., Any],
    warm_commands: WarmProcesses,
) -> Iterator[Group]:
    group = Group(tmp_path, free_port, mongo_server.url, wait_until, warm_commands)
    yield group
    group.run("stop")
    assert group.members() == []
