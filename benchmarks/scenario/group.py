"""A whole group that runs: the generator's conf, supervisord, the monitor and one worker per sync, as in production.

Each sync has a pair of projects of its own on one simulated site. All share one real mongod, which is not part of the
group. Programs other than supervisord are known by the names that the generator gives them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.rig.measure import cpu_seconds
from benchmarks.rig.processes import Rig, free_port, running_rig
from benchmarks.scenario import backlog
from generator.running.supervision.processes import members
from generator.running.supervision.supervisor_rpc import Supervisor
from sync_model.accounts.group_environment import GROUP_VARIABLE
from sync_model.health.heartbeat import Heartbeat, read_heartbeat

SITE = "site"
INTERVAL = 5.0
ISSUES = 3
PATIENCE = 900.0
SECONDS_BETWEEN_LOOKS = 0.02


class RunningGroup:
    """A group that runs on `rig`. `log` has the output of all of its processes.

    `parent` is the process that a container's engine would end: supervisord, or what stands for it in other designs.
    """

    def __init__(self, rig: Rig, sync_count: int, interval: float, environ: Mapping[str, str]) -> None:
        self.rig, self.run_dir, self.log = rig, rig.folder / "run", rig.folder / "group.log"
        self.projects = project_pairs(sync_count)
        self.names = [f"sync-{number:03}" for number in range(sync_count)]
        self.configs = rig.folder / "configs"
        self.configs.mkdir()
        for number in range(sync_count):
            self.write(number, syncIntervalMinutes=interval / 60)
        self.port = free_port()
        self.environ = {
            **os.environ,
            "CONFIG_DIR": str(self.configs),
            "RUN_DIR": str(self.run_dir),
            "DATABASE_URL": rig.database_url,
            "PORT": str(self.port),
            **environ,
        }
        self.prepare()
        self._began = time.monotonic()
        with self.log.open("wb") as log:
            self.parent = subprocess.Popen(self.command(), env=self.environ, stdout=log, stderr=log)

    def prepare(self) -> None:
        """Do what is done once, before the start."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "generator", "start", "--foreground"]

    def write(self, number: int, **changes: object) -> None:
        """Write the file of one sync."""
        user, dev = self.projects[number]
        keys = {"userProjectKey": user, "devProjectKey": dev, "rules": [backlog.RULE]}
        name = self.names[number]
        draft = self.rig.define(name, jira=self.rig.account(SITE), **keys, searchLagMinutes=0.05, **changes)
        draft.rename(self.configs / f"{name}.json")

    def wait_until_ready(self) -> tuple[float, float]:
        """Return how many seconds, and how many of the processor's, passed until every worker was ready."""
        self.wait_for(lambda: self.count_ready() >= len(self.names))
        seconds = time.monotonic() - self._began
        return seconds, sum(map(cpu_seconds, self.all_pids()))

    def count_ready(self) -> int:
        """Return how many workers have connected to their database and are about to begin."""
        return sum(1 for _ in (self.run_dir / "heartbeats").glob("[!.]*.json"))

    def all_pids(self) -> set[int]:
        """Return all processes of the group, whoever started them."""
        return {self.parent.pid, *members(self.run_dir)}

    def heartbeats(self) -> dict[str, Heartbeat]:
        """Return the last heartbeat of each worker that has sent any."""
        heartbeats = {name: read_heartbeat(self.run_dir, name) for name in self.names}
        return {name: heartbeat for name, heartbeat in heartbeats.items() if heartbeat}

    def cycles(self) -> dict[str, int]:
        """Return how many cycles each worker has completed since its process started."""
        return {name: heartbeat.totals.cycles for name, heartbeat in self.heartbeats().items()}

    def wait_for_cycles(self, count: int) -> None:
        """Wait until every worker has completed `count` cycles."""

        def are_done() -> bool:
            done = self.cycles()
            return len(done) == len(self.names) and min(done.values()) >= count

        self.wait_for(are_done)

    def ready_pids(self) -> dict[str, int]:
        """Return the process of each worker that is ready, by what the workers say themselves."""
        return {name: heartbeat.pid for name, heartbeat in self.heartbeats().items()}

    def supervised_pids(self) -> dict[str, int]:
        """Return the processes that supervisord has started and that run now, by the names of its programs."""
        states = Supervisor(self.run_dir / "supervisor.sock").states()
        return {name: state.pid for name, state in states.items() if state.pid}

    def wait_for(self, fact: Callable[[], bool]) -> None:
        """Raises TimeoutError when it takes unreasonably long, and RuntimeError when the parent has ended."""
        deadline = time.monotonic() + PATIENCE
        while not fact():
            if self.parent.poll() is not None:
                raise RuntimeError(f"the group has ended:\n{self.log.read_text(errors='replace')[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def stop(self) -> float:
        """End it as `docker stop` does; return how many seconds it took until no process was left."""
        began = time.monotonic()
        self.parent.send_signal(signal.SIGTERM)
        self.parent.wait(PATIENCE)
        while members(self.run_dir):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return time.monotonic() - began

    def kill(self) -> None:
        """Kill all of its processes."""
        for pid in self.all_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.parent.wait(PATIENCE)

    def close(self) -> None:
        if self.parent.poll() is None:
            self.stop()


@contextmanager
def running_group(
    folder: Path,
    sync_count: int,
    spawn: str = "fork",
    *,
    interval: float = INTERVAL,
    issues: int = ISSUES,
    kind: type[RunningGroup] = RunningGroup,
    environ: Mapping[str, str] | None = None,
) -> Iterator[RunningGroup]:
    """Run a group in `folder`, each sync with some issues that wait for a counterpart, until the end of the block."""
    projects = project_pairs(sync_count)
    with running_rig(folder, [backlog.site_seed(SITE, *projects)]) as rig:
        for user, _ in projects:
            rig.control.create_many(SITE, user, issues, status=backlog.STATUS)
        ours = {GROUP_VARIABLE: str(folder / "run"), "SPAWN": spawn, **(environ or {})}
        group = kind(rig, sync_count, interval, ours)
        try:
            yield group
        finally:
            group.close()


def project_pairs(sync_count: int) -> list[tuple[str, str]]:
    """Return the projects of each sync, for users and for developers."""
    return [(f"SUP{number}", f"DEV{number}") for number in range(sync_count)]
