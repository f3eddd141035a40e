"""Whether anything grows: a group that works for thousands of cycles, looked at early on and at the end.

    .venv/bin/python -m benchmarks.soak [--syncs N] [--cycles N] [--spawn fork|exec] [--report FILE]

A whole group works over a real mongod and a simulated Jira, one cycle right after the other. In each step every sync
gets a new issue and an edited one, visitors open the status page, and one of a few workers is killed. The exit code
is 1 when something grew, leaked, failed or was lost.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient

from benchmarks.rig import command
from benchmarks.rig.measure import count_zombies, memory, private
from benchmarks.rig.output import machine, publish, table
from benchmarks.rig.processes import ANN_ACCOUNT
from benchmarks.scenario import backlog
from benchmarks.scenario.group import SITE, RunningGroup, running_group
from benchmarks.verdict.growth import SUPERVISORD, GroupSample, GrowthRow, ProcessSample, growth, is_error, typical
from sync_model.program_names import MONITOR

STEPS = 20
INTERVAL = 0.1
ISSUES = 20
KILLED_SHARE = 0.1
"""The part of the workers that are killed, one after the other; only the others are measured."""
PAGES = ("/", "/metrics", "/api/syncs")
VISITORS = 8
VISITORS_PATIENCE = 60.0
SAMPLES = 20
SECONDS_BETWEEN_LOOKS = 0.5


class SoakRun:
    """One run. `kills` counts how often each worker was killed, `issues` how many issues each sync has had."""

    def __init__(self, group: RunningGroup, cycles: int) -> None:
        self._group, self._cycles = group, cycles
        killed = max(1, round(len(group.names) * KILLED_SHARE))
        self._killed, self._measured = group.names[:killed], group.names[killed:]
        self.kills: Counter[str] = Counter()
        self.issues = ISSUES
        self._ann = group.rig.control.person(SITE, ANN_ACCOUNT["email"], ANN_ACCOUNT["token"])

    def run(self) -> tuple[GroupSample, GroupSample]:
        """Return samples of the group after the first step and after the last."""
        self._group.wait_until_ready()
        samples = []
        for step in range(1, STEPS + 1):
            self._wait_for_cycles(self._cycles * step // STEPS)
            self._disturb(step)
            if step in (1, STEPS):
                self._wait_for(self._is_well)
                samples.append(self.sample())
        return samples[0], samples[1]

    def _visit(self, page: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self._group.port}{page}", trust_env=False, timeout=VISITORS_PATIENCE)

    def _wait_for_cycles(self, count: int) -> None:
        def are_done() -> bool:
            done = self._group.cycles()
            return all(done.get(name, 0) >= count for name in self._measured)

        self._wait_for(are_done)
        print(f"{count} of {self._cycles} cycles", file=sys.stderr)

    def _wait_for(self, fact: Callable[[], bool]) -> None:
        """Wait without taking much of the processor's time from the group."""

        def after_a_while() -> bool:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            return fact()

        self._group.wait_for(after_a_while)

    def _disturb(self, step: int) -> None:
        """Report and edit an issue of each sync, open the status page, and kill a worker."""
        for user, _ in self._group.projects:
            self._group.rig.control.create_many(SITE, user, 1, status=backlog.STATUS)
            self._ann.edit(f"{user}-{step}", summary=f"edited in step {step}")
        self.issues += 1
        with ThreadPoolExecutor(VISITORS) as visitors:
            for answer in visitors.map(self._visit, PAGES * VISITORS):
                answer.raise_for_status()
        victim = self._killed[step % len(self._killed)]
        self._wait_for(lambda: victim in self._group.supervised_pids())
        os.kill(self._group.supervised_pids()[victim], signal.SIGKILL)
        self.kills[victim] += 1

    def _is_well(self) -> bool:
        """Tell whether all issues are carried over, and all programs run."""
        return not self.shortfalls() and {*self._group.names, MONITOR} <= self._group.supervised_pids().keys()

    def shortfalls(self) -> list[str]:
        issues = self._group.rig.control.issues(SITE)
        projects = self._group.projects
        return [line for user, dev in projects for line in backlog.shortfalls(issues, user, dev, self.issues)]

    def sample(self) -> GroupSample:
        samples = []
        for _ in range(SAMPLES):
            samples.append(self._sample_once())
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return typical(samples)

    def _sample_once(self) -> GroupSample:
        pids = self._group.supervised_pids()
        measured = {SUPERVISORD: self._group.parent.pid, **{name: pids[name] for name in (MONITOR, *self._measured)}}
        processes = {name: _sample_process(pid) for name, pid in measured.items()}
        return GroupSample(processes, count_zombies(self._group.all_pids()), self._connections())

    def _connections(self) -> Counter[str]:
        all_operations = [{"$currentOp": {"allUsers": True, "idleConnections": True}}]
        with MongoClient[dict[str, Any]](self._group.rig.database_url) as client:
            operations = client.admin.aggregate(all_operations)
            names = [operation.get("appName", "") for operation in operations if "client" in operation]
        return Counter(name.removeprefix("jira-sync ") for name in names)

    def unexpected_starts(self) -> int:
        """Return how many starts there were besides the first of each program and one after each kill."""
        starts = Counter(re.findall(r"INFO spawned: '([^']+)'", self._group.log.read_text(errors="replace")))
        return sum(count - 1 - self.kills[name] for name, count in starts.items())

    def errors(self) -> list[str]:
        lines = self._group.log.read_text(errors="replace").splitlines()
        return [line for line in lines if is_error(line)]


def _sample_process(pid: int) -> ProcessSample:
    sizes = memory(pid)
    descriptors, threads = (sum(1 for _ in Path(f"/proc/{pid}/{folder}").iterdir()) for folder in ("fd", "task"))
    return ProcessSample(sizes["Pss"], sizes["Pss_Anon"], private(pid), descriptors, threads)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--syncs", type=int, default=20, metavar="N", help="how many")
    parser.add_argument("--cycles", type=int, default=2000, metavar="N", help="that each sync runs")
    parser.add_argument("--spawn", default="fork", metavar="WAY", help="how workers are started: fork or exec")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_group(Path(folder), options.syncs, options.spawn, interval=INTERVAL, issues=ISSUES) as group,
    ):
        soak = SoakRun(group, options.cycles)
        rows = list(growth(*soak.run()))
        group.stop()
        shortfalls, errors, starts = soak.shortfalls(), soak.errors(), soak.unexpected_starts()
    bad = [f"{row.what}: too much" for row in rows if row.has_grown] + shortfalls + errors
    bad += [f"{starts} starts that nobody asked for"] if starts else []
    publish("Soak", "\n\n".join(_text(options, rows, soak, bad)), options.report)
    return int(bool(bad))


def _text(options: argparse.Namespace, rows: Iterable[GrowthRow], soak: SoakRun, bad: Sequence[str]) -> Iterator[str]:
    given = f"python -m benchmarks.soak --syncs {options.syncs} --cycles {options.cycles} --spawn {options.spawn}"
    yield f"`{given}` on {machine()}"
    titles = ["", f"after {options.cycles // STEPS} cycles", f"after {options.cycles}", "more"]
    yield table(titles, (row.cells() for row in rows))
    yield (
        f"Each of the {options.syncs} syncs had {soak.issues} issues to carry over. "
        f"{soak.kills.total()} times a worker was killed, and started again by supervisord."
    )
    yield "\n".join(f"- {line}" for line in bad) or (
        "Each issue was carried over exactly once. Nothing grew or leaked, nobody was restarted without being killed, "
        "and no log tells of an error."
    )


if __name__ == "__main__":
    sys.exit(command.run(main))
