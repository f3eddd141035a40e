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
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.rig.measure import cpu_seconds
from benchmarks.rig.processes import Rig, free_port, rig
from benchmarks.scenario import backlog
from generator.running.processes import GROUP_VARIABLE, members
from generator.running.supervisor_rpc import Supervisor
from sync_model.heartbeat import Heartbeat, read_heartbeat

SITE = "site"
INTERVAL = 5.0
ISSUES = 3
PATIENCE = 900.0
SECONDS_BETWEEN_LOOKS = 0.02


class RunningGroup:
    """A group that runs; `made` is what it stands on, `log` is what all of its processes say, `parent` is the process
    that a container would be ended by.
    """

    def __init__(self, made: Rig, syncs: int, interval: float, environ: Mapping[str, str]) -> None:
        self.made, self.run_dir, self.log = made, made.folder / "run", made.folder / "group.log"
        self.pairs = pairs_of(syncs)
        self.names = [f"sync-{number:03}" for number in range(syncs)]
        self.configs = made.folder / "configs"
        self.configs.mkdir()
        for number in range(syncs):
            self.write(number, syncIntervalMinutes=interval / 60)
        self.port = free_port()
        self.environ = {
            **os.environ,
            "CONFIG_DIR": str(self.configs),
            "RUN_DIR": str(self.run_dir),
            "DATABASE_URL": made.mongod.url,
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
        user, dev = self.pairs[number]
        keys = {"userProjectKey": user, "devProjectKey": dev, "rules": [backlog.RULE]}
        name = self.names[number]
        draft = self.made.define(name, jira=self.made.account(SITE), **keys, searchLagMinutes=0.05, **changes)
        draft.rename(self.configs / f"{name}.json")

    def wait_until_ready(self) -> tuple[float, float]:
        """Return how many seconds, and how many of the processor's, passed until every worker had said something."""
        self.wait_for(lambda: self.count_ready() >= len(self.names))
        seconds = time.monotonic() - self._began
        return seconds, sum(map(cpu_seconds, self.everybody()))

    def count_ready(self) -> int:
        """Return how many workers stand on their database and are about to begin."""
        return sum(1 for _ in (self.run_dir / "heartbeats").glob("[!.]*.json"))

    def everybody(self) -> set[int]:
        """Return all processes of the group, whoever started them."""
        return {self.parent.pid, *members(self.run_dir)}

    def heartbeats(self) -> dict[str, Heartbeat]:
        """Return what the workers last said, of those that have said anything."""
        said = {name: read_heartbeat(self.run_dir, name) for name in self.names}
        return {name: beat for name, beat in said.items() if beat}

    def cycles(self) -> dict[str, int]:
        """Return how many cycles each worker has completed since its process started."""
        return {name: beat.totals.cycles for name, beat in self.heartbeats().items()}

    def wait_for_cycles(self, count: int) -> None:
        """Wait until every worker has completed so many."""

        def are_done() -> bool:
            done = self.cycles()
            return len(done) == len(self.names) and min(done.values()) >= count

        self.wait_for(are_done)

    def ready_pids(self) -> dict[str, int]:
        """Return the process of each worker that is ready, by what the workers say themselves."""
        return {name: beat.pid for name, beat in self.heartbeats().items()}

    def pids(self) -> dict[str, int]:
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
        """End it as `docker stop` does; return how many seconds it took until nobody was left."""
        began = time.monotonic()
        self.parent.send_signal(signal.SIGTERM)
        self.parent.wait(PATIENCE)
        while members(self.run_dir):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return time.monotonic() - began

    def kill(self) -> None:
        """End it without letting anybody end anything."""
        for pid in self.everybody():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.parent.wait(PATIENCE)

    def close(self) -> None:
        if self.parent.poll() is None:
            self.stop()


@contextmanager
def running_group(
    folder: Path,
    syncs: int,
    spawn: str = "fork",
    *,
    interval: float = INTERVAL,
    issues: int = ISSUES,
    environ: Mapping[str, str] | None = None,
    kind: type[RunningGroup] = RunningGroup,
) -> Iterator[RunningGroup]:
    """Run a group in `folder`, each sync with some issues that wait for a counterpart, until the end of the block."""
    pairs = pairs_of(syncs)
    with rig(folder, [backlog.site(SITE, *pairs)]) as made:
        for user, _ in pairs:
            made.control.create_many(SITE, user, issues, status=backlog.STATUS)
        mark = {GROUP_VARIABLE: str(folder / "run"), "SPAWN": spawn}
        group = kind(made, syncs, interval, {**mark, **(environ or {})})
        try:
            yield group
        finally:
            group.close()


def pairs_of(syncs: int) -> list[tuple[str, str]]:
    """Return the projects of each sync, for users and for developers."""
    return [(f"SUP{number}", f"DEV{number}") for number in range(syncs)]
