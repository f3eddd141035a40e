"""The ways to run many syncs that are compared: this project's two, and what people run today.

The replaced service is a Node parent that forks a worker per sync. What stands for it here, in `node/`, uses the same
libraries and does less in a cycle than it did; the same worker runs under PM2, too. All of them read the same files,
ask the same simulated site and write to the same MongoDB server. A worker is ready when it stands on its database.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig.group import RunningGroup

NODE = Path(__file__).with_name("node")


class ReplacedGroup(RunningGroup):
    """The parent of the replaced design with its workers, which say how far they are in one small file each."""

    def prepare(self) -> None:
        install()
        self.marks = self.run_dir / "marks"
        self.marks.mkdir(parents=True)
        self.environ["MARKS_DIR"] = str(self.marks)

    def command(self) -> list[str]:
        return ["node", str(NODE / "parent.js")]

    def count_ready(self) -> int:
        return len(self._said())

    def cycles(self) -> dict[str, int]:
        return {name: count for name, (_, count) in self._said().items()}

    def ready_pids(self) -> dict[str, int]:
        return {name: pid for name, (pid, _) in self._said().items()}

    def _said(self) -> dict[str, tuple[int, int]]:
        """Return each worker's process and the number of its cycles."""
        said = {path.name: path.read_text().split() for path in self.marks.iterdir()}
        # One that is just being written is empty.
        return {name: (int(each[0]), int(each[1])) for name, each in said.items() if each}


class Pm2Group(ReplacedGroup):
    """The same workers, each an app of PM2's in a container: `pm2-runtime`."""

    def command(self) -> list[str]:
        script, files = str(NODE / "worker.js"), {name: str(self.configs / f"{name}.json") for name in self.names}
        apps = [{"name": name, "script": script, "args": file, "vizion": False} for name, file in files.items()]
        ecosystem = self.run_dir / "ecosystem.json"
        ecosystem.write_text(json.dumps({"apps": apps}))
        self.environ["PM2_HOME"] = str(self.run_dir / "pm2")
        return [str(NODE / "node_modules/.bin/pm2-runtime"), "start", str(ecosystem)]


@dataclass(frozen=True)
class Design:
    """One way; `why_not` says what is missing on this machine. `edits` tells whether it can follow an edit."""

    name: str
    title: str
    kind: type[RunningGroup]
    spawn: str = "exec"
    why_not: Callable[[], str | None] = lambda: None
    edits: bool = True


def no_node() -> str | None:
    missing = [tool for tool in ("node", "npm") if not shutil.which(tool)]
    return f"no {' and no '.join(missing)} on this machine" if missing else None


def install() -> None:
    """Fetch what the Node designs stand on, once."""
    if not (NODE / "node_modules").is_dir():
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=NODE, check=True)


DESIGNS = (
    Design("fork", "jira-sync, forked", RunningGroup, "fork"),
    Design("exec", "jira-sync, executed by stock supervisord", RunningGroup, "exec"),
    Design("node", "Node parent and workers", ReplacedGroup, why_not=no_node, edits=False),
    Design("pm2", "Node workers under PM2", Pm2Group, why_not=no_node, edits=False),
)
