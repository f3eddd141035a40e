"""A running group: real workers over MongoDB, and a simulated site."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.rig.installations import Installation
from benchmarks.rig.waiting import SECONDS_BETWEEN_LOOKS
from generator.running.mongod import address_of
from generator.running.supervision.supervisor_rpc import Supervisor
from jira_simulator.server import RunningSimulator
from warm_processes import WarmProcesses, command_for

TOKEN = "s3cr3t-sync-token"
SECONDS_BETWEEN_STEPS = 2.0
"""Between two steps of Jira's clock a worker has a few cycles."""
USERS = [
    {"name": "sync", "email": "sync@example.com", "token": TOKEN},
    {"name": "ann", "email": "ann@example.com", "token": "ann-token"},
]
SITE = {
    "name": "site",
    "users": USERS,
    "projects": [
        {"key": f"{prefix}{letter}", "workflow": workflow}
        for letter in "ABC"
        for prefix, workflow in (("SUP", "customer"), ("DEV", "development"))
    ],
}
TAKE_ON = {
    "sourceStatus": "Will Do",
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "addCrossLink": True, "addComment": True, "commentTemplate": "as ${targetKey}"},
}


class Group:
    """A running group over an embedded MongoDB, the simulated site that it works on, and an operator."""

    rule, token = TAKE_ON, TOKEN

    def __init__(
        self,
        folder: Path,
        simulator: RunningSimulator,
        free_port: Callable[[], int],
        wait_until: Callable[..., Any],
        commands: WarmProcesses | Installation,
    ) -> None:
        self.configs, self.run_dir = folder / "configs", folder / "run"
        self.configs.mkdir()
        self.control, self.url, self.wait_until = simulator.control, simulator.url, wait_until
        self._commands = commands
        self.ann = self.control.person("site", "ann@example.com", "ann-token")
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        port = str(free_port())
        ours = {"CONFIG_DIR": str(self.configs), "RUN_DIR": str(self.run_dir), "PORT": port}
        self.environ = {**keep, **ours, "TOKEN": TOKEN}
        self.mongo_url = address_of(self.run_dir / "database" / "mongod.sock")
        self.monitor_url = f"http://127.0.0.1:{port}"
        self.supervisor = Supervisor(self.run_dir / "supervisor.sock")

    def write(self, letter: str, **changes: Any) -> None:
        definition = {
            "name": f"sync-{letter.lower()}",
            "jira": {"baseUrl": f"{self.url}/site", "email": "sync@example.com", "apiToken": "${TOKEN}"},
            "userProjectKey": f"SUP{letter}",
            "devProjectKey": f"DEV{letter}",
            "syncIntervalMinutes": 0.01,
            "searchLagMinutes": 0.05,
            "rules": [TAKE_ON],
        }
        (self.configs / f"sync-{letter.lower()}.json").write_text(json.dumps({**definition, **changes}))

    def run(self, *arguments: str, code: int = 0) -> str:
        done = self.attempt(*arguments)
        assert done.returncode == code, done
        return done.stdout

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever its exit code will be."""
        return self._commands.run(*arguments, environ=self.environ, code=command_for(self.environ), timeout=120)

    def use(self, commands: Installation) -> None:
        """Have commands be those of another installation."""
        self._commands = commands

    def pid(self, name: str) -> int:
        return self.supervisor.states()[name].pid

    def next_pid(self, name: str, before: int) -> int:
        """Wait until the program runs in another process than `before`; return that one."""
        return self.wait_until(lambda: (pid := self.pid(name)) != before and pid, f"another {name}")

    def report(self, letter: str, summary: str) -> str:
        """Have a customer report something that will be done; return its key."""
        key = self.ann.create(f"SUP{letter}", summary)
        self.ann.move(key, "Will Do")
        return key

    def counterparts(self, letter: str) -> list[str]:
        return [each["summary"] for each in self.control.issues("site", f"DEV{letter}")]

    def expect(self, letter: str, *summaries: str, passing: float = 0) -> None:
        """Wait until these have counterparts, and see that each has one, with one comment.

        `passing`: so many seconds pass on Jira's clock before each look. What was under way when a worker was killed is
        made again only when it is certain that it is at work no more.
        """
        passed = 0.0

        def are_served() -> bool:
            nonlocal passed
            if passing:
                passed += passing
                self.control.clock("site", passed)
            told = {each["summary"] for each in self.control.issues("site", f"SUP{letter}") if each["comments"]}
            return set(summaries) <= told & set(self.counterparts(letter))

        pause = SECONDS_BETWEEN_STEPS if passing else SECONDS_BETWEEN_LOOKS
        self.wait_until(are_served, f"{summaries} in DEV{letter}, and their customers to be told", pause=pause)
        assert sorted(self.counterparts(letter)) == sorted(set(self.counterparts(letter)))
