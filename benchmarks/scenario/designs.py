"""The designs that are compared: two of this project, and two of what people run today.

The replaced service is a Node parent that forks a worker per sync. `benchmarks/node` stands for it: it uses the same
libraries and does less in a cycle. The same worker also runs under PM2. All designs read the same files, ask the same
simulated site and write to the same MongoDB server. A worker is ready when it has connected to its database.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scenario.group import RunningGroup

NODE = Path(__file__).parents[1] / "node"


class ReplacedGroup(RunningGroup):
    """The parent of the replaced design with its workers. Each writes its process id and its cycles to a small file."""

    def prepare(self) -> None:
        install()
        self.progress_dir = self.run_dir / "marks"
        self.progress_dir.mkdir(parents=True)
        self.environ["MARKS_DIR"] = str(self.progress_dir)

    def command(self) -> list[str]:
        return ["node", str(NODE / "parent.js")]

    def count_ready(self) -> int:
        return len(self._written())

    def cycles(self) -> dict[str, int]:
        return {name: count for name, (_, count) in self._written().items()}

    def ready_pids(self) -> dict[str, int]:
        return {name: pid for name, (pid, _) in self._written().items()}

    def _written(self) -> dict[str, tuple[int, int]]:
        """Return the process id and the number of cycles of each worker."""
        files = {path.name: path.read_text().split() for path in self.progress_dir.iterdir()}
        # A file that is just being written is empty.
        return {name: (int(words[0]), int(words[1])) for name, words in files.items() if words}


class Pm2Group(ReplacedGroup):
    """The same workers, each an app under PM2, as in a container: `pm2-runtime`."""

    def command(self) -> list[str]:
        script = str(NODE / "worker.js")
        files = {name: str(self.configs / f"{name}.json") for name in self.names}
        apps = [{"name": name, "script": script, "args": file, "vizion": False} for name, file in files.items()]
        ecosystem = self.run_dir / "ecosystem.json"
        ecosystem.write_text(json.dumps({"apps": apps}))
        self.environ["PM2_HOME"] = str(self.run_dir / "pm2")
        return [str(NODE / "node_modules/.bin/pm2-runtime"), "start", str(ecosystem)]


@dataclass(frozen=True)
class Design:
    """One design. `why_not` says what this machine lacks for it; `edits` tells whether it can follow an edit."""

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
    """Install the libraries of the Node designs, once."""
    if not (NODE / "node_modules").is_dir():
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=NODE, check=True)


DESIGNS = (
    Design("fork", "jira-sync, forked", RunningGroup, "fork"),
    Design("exec", "jira-sync, executed by stock supervisord", RunningGroup, "exec"),
    Design("node", "Node parent and workers", ReplacedGroup, why_not=no_node, edits=False),
    Design("pm2", "Node workers under PM2", Pm2Group, why_not=no_node, edits=False),
)
