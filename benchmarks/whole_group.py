"""What a group of N syncs costs: time and processor to start, memory after some cycles, time to stop while busy.

    .venv/bin/python -m benchmarks.whole_group [--syncs N] [--spawn fork|exec] [--cycles N] [--report FILE]

The group is the real one: the generator's conf, supervisord, the monitor and one worker per sync, each with its own
pair of projects on one simulated site, over one real mongod that is not counted. Memory is proportional set size: what
is shared is counted once. Ready means that every worker has sent its first heartbeat.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import backlog
from benchmarks.measure import MEGABYTE, cpu_seconds, machine, publish, table
from benchmarks.rig import Rig, free_port, rig
from generator.processes import members
from generator.programs import MONITOR
from generator.supervisor_rpc import Supervisor
from sync_model.heartbeat import read_heartbeat

SITE = "site"
INTERVAL = 5.0
LATENCY = 1.0
BUSY_ISSUES = 20
PATIENCE = 900.0
SECONDS_BETWEEN_LOOKS = 0.02
TITLES = [
    "syncs", "spawn", "ready", "CPU till ready", "PSS of a worker", "of it private", "supervisord", "monitor", "all",
    "SIGTERM to the end",
]  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """What was measured; memory in bytes, times in seconds."""

    syncs: int
    spawn: str
    ready: float
    cpu: float
    worker: float
    private: float
    supervisord: int
    monitor: int
    stop: float

    def row(self) -> list[str]:
        total = self.worker * self.syncs + self.supervisord + self.monitor
        return [
            str(self.syncs),
            self.spawn,
            f"{self.ready:.1f} s",
            f"{self.cpu:.1f} s",
            *(f"{each / MEGABYTE:.1f} MB" for each in (self.worker, self.private, self.supervisord, self.monitor)),
            f"{total / MEGABYTE:,.0f} MB",
            f"{self.stop:.1f} s",
        ]


class RunningGroup:
    """A group that runs; `made` is what it stands on."""

    def __init__(self, made: Rig, syncs: int, spawn: str) -> None:
        self.made, self.run_dir = made, made.folder / "run"
        self.pairs = [(f"SUP{number}", f"DEV{number}") for number in range(syncs)]
        self.names = [f"sync-{number:03}" for number in range(syncs)]
        configs = made.folder / "configs"
        configs.mkdir()
        for name, (user, dev) in zip(self.names, self.pairs, strict=True):
            keys = {"userProjectKey": user, "devProjectKey": dev, "rules": [backlog.RULE]}
            times = {"syncIntervalMinutes": INTERVAL / 60, "searchLagMinutes": 0.05}
            made.define(name, jira=made.account(SITE), **keys, **times).rename(configs / f"{name}.json")
        folders = {"CONFIG_DIR": str(configs), "RUN_DIR": str(self.run_dir)}
        ours = {"DATABASE_URL": made.mongod.url, "PORT": str(free_port()), "SPAWN": spawn}
        self._environ = {**os.environ, **folders, **ours}
        self._began = time.monotonic()
        self._log = (made.folder / "group.log").open("wb")
        command = [sys.executable, "-m", "generator", "start", "--foreground"]
        self.supervisord = subprocess.Popen(command, env=self._environ, stdout=self._log, stderr=self._log)

    def wait_until_ready(self) -> tuple[float, float]:
        """Return how many seconds, and how many of the processor's, passed until every worker had said something."""
        beats = self.run_dir / "heartbeats"
        wait_for(lambda: sum(1 for _ in beats.glob("[!.]*.json")) >= len(self.names))
        seconds = time.monotonic() - self._began
        return seconds, sum(map(cpu_seconds, [self.supervisord.pid, *members(self.run_dir)]))

    def wait_for_cycles(self, count: int) -> None:
        def are_done() -> bool:
            beats = [read_heartbeat(self.run_dir, name) for name in self.names]
            return all(beat is not None and beat.totals.cycles >= count for beat in beats)

        wait_for(are_done)

    def pids(self) -> dict[str, int]:
        return {name: state.pid for name, state in Supervisor(self.run_dir / "supervisor.sock").states().items()}

    def stop(self) -> float:
        """End it as `docker stop` does; return how many seconds it took until nobody was left."""
        began = time.monotonic()
        self.supervisord.send_signal(signal.SIGTERM)
        self.supervisord.wait(PATIENCE)
        wait_for(lambda: not members(self.run_dir))
        return time.monotonic() - began

    def close(self) -> None:
        if self.supervisord.poll() is None:
            self.stop()
        self._log.close()


@contextmanager
def running_group(folder: Path, syncs: int, spawn: str) -> Iterator[RunningGroup]:
    """Run a group of `syncs` in `folder`, each with a few issues that wait for a counterpart."""
    pairs = [(f"SUP{number}", f"DEV{number}") for number in range(syncs)]
    with rig(folder, [backlog.site(SITE, *pairs)]) as made:
        for user, _ in pairs:
            made.control.create_many(SITE, user, 3, status=backlog.STATUS)
        group = RunningGroup(made, syncs, spawn)
        try:
            yield group
        finally:
            group.close()


def measure(folder: Path, syncs: int, spawn: str, cycles: int) -> Figures:
    with running_group(folder, syncs, spawn) as group:
        ready, cpu = group.wait_until_ready()
        group.wait_for_cycles(cycles)
        pids = group.pids()
        workers = [memory(pids[name]) for name in group.names]
        supervisord, monitor = memory(group.supervisord.pid)["Pss"], memory(pids[MONITOR])["Pss"]
        group.made.control.settings(SITE, latency=LATENCY)
        for user, _ in group.pairs:
            group.made.control.create_many(SITE, user, BUSY_ISSUES, status=backlog.STATUS)
        seen = group.made.control.counts(SITE)
        # By then every worker has found its issues and is in the middle of them.
        wait_for(lambda: all(group.made.control.counts(SITE).get(dev, 0) > seen.get(dev, 0) for _, dev in group.pairs))
        stop = group.stop()
    private = [each["Private_Clean"] + each["Private_Dirty"] for each in workers]
    mean = sum(each["Pss"] for each in workers) / syncs, sum(private) / syncs
    return Figures(syncs, spawn, ready, cpu, *mean, supervisord, monitor, stop)


def memory(pid: int) -> dict[str, int]:
    """Return what the kernel adds up of a process's memory, in bytes, by the kernel's names for it."""
    lines = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines}


def wait_for(fact: Callable[[], bool]) -> None:
    """Raises TimeoutError when it takes unreasonably long."""
    deadline = time.monotonic() + PATIENCE
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(SECONDS_BETWEEN_LOOKS)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.whole_group", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--syncs", default="10", metavar="N,…", help="how many")
    parser.add_argument("--spawn", default="fork,exec", metavar="WAY,…", help="how workers are started")
    parser.add_argument("--cycles", type=int, default=20, metavar="N", help="after how many memory is looked at")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    rows = []
    for syncs in map(int, options.syncs.split(",")):
        for spawn in options.spawn.split(","):
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(Path(folder), syncs, spawn, options.cycles).row())
    command = f"python -m benchmarks.whole_group --syncs {options.syncs} --spawn {options.spawn}"
    command += f" --cycles {options.cycles}"
    publish("A whole group", f"`{command}` on {machine()}\n\n{table(TITLES, rows)}", options.report)


if __name__ == "__main__":
    main()
