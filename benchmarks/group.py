"""A whole group that runs: the generator's conf, supervisord, the monitor and one worker per sync, as in production.

Each sync has a pair of projects of its own on one simulated site; all share one real mongod, which is not part of the
group. Other programs than supervisord are known by the names that the generator gives them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks import backlog
from benchmarks.measure import cpu_seconds
from benchmarks.rig import Rig, free_port, rig
from generator.processes import members
from generator.supervisor_rpc import Supervisor
from sync_model.heartbeat import Heartbeat, read_heartbeat

SITE = "site"
INTERVAL = 5.0
ISSUES = 3
PATIENCE = 900.0
SECONDS_BETWEEN_LOOKS = 0.02


class RunningGroup:
    """A group that runs; `made` is what it stands on, `log` is what all of its processes say."""

    def __init__(self, made: Rig, syncs: int, spawn: str, interval: float, environ: Mapping[str, str]) -> None:
        self.made, self.run_dir, self.log = made, made.folder / "run", made.folder / "group.log"
        self.pairs = pairs_of(syncs)
        self.names = [f"sync-{number:03}" for number in range(syncs)]
        configs = made.folder / "configs"
        configs.mkdir()
        for name, (user, dev) in zip(self.names, self.pairs, strict=True):
            keys = {"userProjectKey": user, "devProjectKey": dev, "rules": [backlog.RULE]}
            times = {"syncIntervalMinutes": interval / 60, "searchLagMinutes": 0.05}
            made.define(name, jira=made.account(SITE), **keys, **times).rename(configs / f"{name}.json")
        folders = {"CONFIG_DIR": str(configs), "RUN_DIR": str(self.run_dir)}
        self.port = free_port()
        ours = {"DATABASE_URL": made.mongod.url, "PORT": str(self.port), "SPAWN": spawn}
        self._began = time.monotonic()
        command = [sys.executable, "-m", "generator", "start", "--foreground"]
        with self.log.open("wb") as log:
            environ = {**os.environ, **folders, **ours, **environ}
            self.supervisord = subprocess.Popen(command, env=environ, stdout=log, stderr=log)

    def wait_until_ready(self) -> tuple[float, float]:
        """Return how many seconds, and how many of the processor's, passed until every worker had said something."""
        beats = self.run_dir / "heartbeats"
        self.wait_for(lambda: sum(1 for _ in beats.glob("[!.]*.json")) >= len(self.names))
        seconds = time.monotonic() - self._began
        return seconds, sum(map(cpu_seconds, {self.supervisord.pid, *members(self.run_dir)}))

    def heartbeats(self) -> dict[str, Heartbeat]:
        """Return what the workers last said, of those that have said anything."""
        said = {name: read_heartbeat(self.run_dir, name) for name in self.names}
        return {name: beat for name, beat in said.items() if beat}

    def wait_for_cycles(self, count: int) -> None:
        """Wait until every worker has completed so many since its process started."""

        def are_done() -> bool:
            beats = self.heartbeats()
            return len(beats) == len(self.names) and all(beat.totals.cycles >= count for beat in beats.values())

        self.wait_for(are_done)

    def pids(self) -> dict[str, int]:
        """Return the processes that supervisord has started and that run now, by the names of its programs."""
        states = Supervisor(self.run_dir / "supervisor.sock").states()
        return {name: state.pid for name, state in states.items() if state.pid}

    def wait_for(self, fact: Callable[[], bool]) -> None:
        """Raises TimeoutError when it takes unreasonably long, and RuntimeError when supervisord has ended."""
        deadline = time.monotonic() + PATIENCE
        while not fact():
            if self.supervisord.poll() is not None:
                raise RuntimeError(f"supervisord has ended:\n{self.log.read_text(errors='replace')[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def stop(self) -> float:
        """End it as `docker stop` does; return how many seconds it took until nobody was left."""
        began = time.monotonic()
        self.supervisord.send_signal(signal.SIGTERM)
        self.supervisord.wait(PATIENCE)
        while members(self.run_dir):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return time.monotonic() - began

    def close(self) -> None:
        if self.supervisord.poll() is None:
            self.stop()


@contextmanager
def running_group(
    folder: Path,
    syncs: int,
    spawn: str,
    *,
    interval: float = INTERVAL,
    issues: int = ISSUES,
    environ: Mapping[str, str] | None = None,
) -> Iterator[RunningGroup]:
    """Run a group in `folder`, each sync with some issues that wait for a counterpart, until the end of the block."""
    pairs = pairs_of(syncs)
    with rig(folder, [backlog.site(SITE, *pairs)]) as made:
        for user, _ in pairs:
            made.control.create_many(SITE, user, issues, status=backlog.STATUS)
        group = RunningGroup(made, syncs, spawn, interval, environ or {})
        try:
            yield group
        finally:
            group.close()


def pairs_of(syncs: int) -> list[tuple[str, str]]:
    """Return the projects of each sync, for users and for developers."""
    return [(f"SUP{number}", f"DEV{number}") for number in range(syncs)]
