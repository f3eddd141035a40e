"""Whether anything grows: a group that works for thousands of cycles, looked at early on and at the end.

    .venv/bin/python -m benchmarks.soak [--syncs N] [--cycles N] [--spawn fork|exec] [--report FILE]

A whole group works over a real mongod and a simulated Jira, one cycle right after the other. Now and then each sync
gets a new issue and an edited one, somebody looks at the status page, and one of a few workers is killed. It ends with
1 when something grew, leaked, failed or was lost.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx
from pymongo import MongoClient

from benchmarks.rig.group import SITE, RunningGroup, running_group
from benchmarks.rig.measure import MEGABYTE, machine, memory, private, publish, table
from benchmarks.rig.processes import ANN
from benchmarks.scenario import backlog
from sync_model.program_names import MONITOR

STEPS = 20
"""Something happens after each; after the first is the first look."""
INTERVAL = 0.1
ISSUES = 20
VICTIMS = 0.1
"""The part of the workers that are killed, one after the other; only the others are measured."""
PAGES = ("/", "/metrics", "/api/syncs")
VISITORS = 8
VISITORS_PATIENCE = 60.0
LOOKS = 20
SECONDS_BETWEEN_LOOKS = 0.5
MOST_GROWTH = 0.05
PLENTY_OF_THREADS = 8
"""Up to so many are no leak: those that wait for work are made when they are needed for the first time."""
MOST_CONNECTIONS = 3
SUPERVISORD = "supervisord"
EXPECTED = "running without any HTTP authentication checking"


@dataclass(frozen=True)
class Sight:
    """One process at one moment; memory in bytes. `own` is its proportional set size without files.

    Files are left out where growth is judged: how much of them is whose depends on what else runs on the machine.
    """

    pss: float
    own: float
    private: float
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Sight:
        found = memory(pid)
        descriptors, threads = (sum(1 for _ in Path(f"/proc/{pid}/{it}").iterdir()) for it in ("fd", "task"))
        return cls(found["Pss"], found["Pss_Anon"], private(pid), descriptors, threads)


@dataclass(frozen=True)
class Look:
    """A group at one point: its processes by their names, zombies, connections to MongoDB by worker."""

    processes: dict[str, Sight]
    zombies: int
    connections: dict[str, int]

    def workers(self) -> list[Sight]:
        return [each for name, each in self.processes.items() if name not in (SUPERVISORD, MONITOR)]


class Soak:
    """One run."""

    def __init__(self, group: RunningGroup, cycles: int) -> None:
        self._group, self._cycles = group, cycles
        victims = max(1, round(len(group.names) * VICTIMS))
        self._victims, self._survivors = group.names[:victims], group.names[victims:]
        self.kills: Counter[str] = Counter()
        self.issues = ISSUES
        self._ann = group.made.control.person(SITE, ANN["email"], ANN["token"])

    def run(self) -> tuple[Look, Look]:
        """Return how the group looked after the first step, and after the last."""
        self._group.wait_until_ready()
        looks = []
        for step in range(1, STEPS + 1):
            self._wait_for_cycles(self._cycles * step // STEPS)
            self._live(step)
            if step in (1, STEPS):
                self._wait_for(self._is_well)
                looks.append(self.look())
        return looks[0], looks[1]

    def _visit(self, page: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self._group.port}{page}", trust_env=False, timeout=VISITORS_PATIENCE)

    def _wait_for_cycles(self, count: int) -> None:
        def are_done() -> bool:
            done = self._group.cycles()
            return all(done.get(name, 0) >= count for name in self._survivors)

        self._wait_for(are_done)
        print(f"{count} of {self._cycles} cycles", file=sys.stderr, flush=True)

    def _wait_for(self, fact: Callable[[], bool]) -> None:
        """Wait without taking the processor away from those who are waited for."""

        def after_a_while() -> bool:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            return fact()

        self._group.wait_for(after_a_while)

    def _live(self, step: int) -> None:
        for user, _ in self._group.pairs:
            self._group.made.control.create_many(SITE, user, 1, status=backlog.STATUS)
            self._ann.edit(f"{user}-{step}", summary=f"edited in step {step}")
        self.issues += 1
        with ThreadPoolExecutor(VISITORS) as visitors:
            for answer in visitors.map(self._visit, PAGES * VISITORS):
                answer.raise_for_status()
        victim = self._victims[step % len(self._victims)]
        self._wait_for(lambda: victim in self._group.pids())
        os.kill(self._group.pids()[victim], signal.SIGKILL)
        self.kills[victim] += 1

    def _is_well(self) -> bool:
        """Tell whether everything is done that there was to do, and everybody there."""
        return not self.shortfalls() and {*self._group.names, MONITOR} <= self._group.pids().keys()

    def shortfalls(self) -> list[str]:
        issues = self._group.made.control.issues(SITE)
        return [line for user, dev in self._group.pairs for line in backlog.shortfalls(issues, user, dev, self.issues)]

    def look(self) -> Look:
        """Look several times, because all of it comes and goes within a cycle: means of memory, the least of counts."""
        looks = []
        for _ in range(LOOKS):
            looks.append(self._glance())
            time.sleep(SECONDS_BETWEEN_LOOKS)
        processes = {name: _middle([each.processes[name] for each in looks]) for name in looks[0].processes}
        connections = {name: max(each.connections.get(name, 0) for each in looks) for name in self._survivors}
        return Look(processes, min(each.zombies for each in looks), connections)

    def _glance(self) -> Look:
        pids = self._group.pids()
        wanted = {SUPERVISORD: self._group.parent.pid, **{name: pids[name] for name in (MONITOR, *self._survivors)}}
        processes = {name: Sight.of(pid) for name, pid in wanted.items()}
        return Look(processes, zombies_of(self._group.everybody()), self._connections())

    def _connections(self) -> Counter[str]:
        everything = [{"$currentOp": {"allUsers": True, "idleConnections": True}}]
        with MongoClient[dict[str, Any]](self._group.made.mongod.url) as client:
            names = [each.get("appName", "") for each in client.admin.aggregate(everything) if "client" in each]
        return Counter(name.removeprefix("jira-sync ") for name in names)

    def unexpected_starts(self) -> int:
        """Return how often supervisord started something that was neither the first of its kind nor had been killed."""
        starts = Counter(re.findall(r"INFO spawned: '([^']+)'", self._group.log.read_text(errors="replace")))
        return sum(count - 1 - self.kills[name] for name, count in starts.items())

    def errors(self) -> list[str]:
        lines = self._group.log.read_text(errors="replace").splitlines()
        return [line for line in lines if is_error(line)]


def _middle(sights: Sequence[Sight]) -> Sight:
    pss, own, unshared = (fmean(getattr(each, it) for each in sights) for it in ("pss", "own", "private"))
    return Sight(pss, own, unshared, min(it.descriptors for it in sights), min(it.threads for it in sights))


def is_error(line: str) -> bool:
    """Tell whether a line of a log, a worker's or supervisord's, tells of one."""
    try:
        return json.loads(line)["level"] in ("error", "critical")
    except (ValueError, LookupError, TypeError):
        return re.search(r"\b(Traceback|CRIT|ERRO)\b", line) is not None and EXPECTED not in line


def zombies_of(pids: Iterable[int]) -> int:
    """Return how many children of these have ended and been waited for by nobody."""
    parents, count = set(pids), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        count += state == "Z" and int(parent) in parents
    return count


@dataclass(frozen=True)
class Row:
    """One thing, early on and at the end, and how much more of it is allowed."""

    what: str
    first: float
    last: float
    allowed: float
    unit: float = 1

    @property
    def has_grown(self) -> bool:
        return self.last > self.allowed

    def cells(self) -> list[str]:
        if self.unit == 1:
            return [self.what, f"{self.first:.0f}", f"{self.last:.0f}", f"{self.last - self.first:+.0f}"]
        shown = (f"{each / self.unit:.2f} MB" for each in (self.first, self.last))
        return [self.what, *shown, f"{self.last / self.first - 1:+.1%}"]


def rows(first: Look, last: Look) -> Iterator[Row]:
    yield from _memory(first, last)
    for field, plenty in (("descriptors", 0), ("threads", PLENTY_OF_THREADS)):
        for title, names in _kinds(first):
            before, after = (max(getattr(look.processes[name], field) for name in names) for look in (first, last))
            yield Row(f"{field} of {title}", before, after, max(before, plenty))
    yield Row("zombies", first.zombies, last.zombies, 0)
    before, after = (max(look.connections.values()) for look in (first, last))
    yield Row("connections of a worker to MongoDB, at most", before, after, MOST_CONNECTIONS)


def _memory(first: Look, last: Look) -> Iterator[Row]:
    def row(what: str, before: float, after: float, *, is_judged: bool = True) -> Row:
        return Row(what, before, after, before * (1 + MOST_GROWTH) if is_judged else math.inf, MEGABYTE)

    for what, field in (("PSS", "pss"), ("private memory", "private")):
        before, after = ([getattr(each, field) for each in look.workers()] for look in (first, last))
        yield row(f"{what} of a worker, mean", fmean(before), fmean(after), is_judged=field != "pss")
    most = max(range(len(before)), key=lambda number: after[number] / before[number])
    yield row(f"{what} of the worker that grew most", before[most], after[most])
    for name in (SUPERVISORD, MONITOR):
        then, now = first.processes[name], last.processes[name]
        yield row(f"PSS of {name}", then.pss, now.pss, is_judged=False)
        yield row(f"PSS of {name}, without files", then.own, now.own)


def _kinds(look: Look) -> list[tuple[str, list[str]]]:
    workers = [name for name in look.processes if name not in (SUPERVISORD, MONITOR)]
    return [("a worker, at most", workers), (SUPERVISORD, [SUPERVISORD]), ("the monitor", [MONITOR])]


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
        soak = Soak(group, options.cycles)
        seen = list(rows(*soak.run()))
        group.stop()
        shortfalls, errors, starts = soak.shortfalls(), soak.errors(), soak.unexpected_starts()
    bad = [f"{row.what}: too much" for row in seen if row.has_grown] + shortfalls + errors
    bad += [f"{starts} starts that nobody asked for"] if starts else []
    publish("Soak", "\n\n".join(_text(options, seen, soak, bad)), options.report)
    return int(bool(bad))


def _text(options: argparse.Namespace, seen: Iterable[Row], soak: Soak, bad: Sequence[str]) -> Iterator[str]:
    command = f"python -m benchmarks.soak --syncs {options.syncs} --cycles {options.cycles} --spawn {options.spawn}"
    yield f"`{command}` on {machine()}"
    titles = ["", f"after {options.cycles // STEPS} cycles", f"after {options.cycles}", "more"]
    yield table(titles, (row.cells() for row in seen))
    yield (
        f"Each of the {options.syncs} syncs had {soak.issues} issues to carry over. "
        f"{soak.kills.total()} times a worker was killed, and started again by supervisord."
    )
    yield "\n".join(f"- {each}" for each in bad) or (
        "Each issue was carried over exactly once. Nothing grew or leaked, nobody was restarted without being killed, "
        "and no log tells of an error."
    )


if __name__ == "__main__":
    sys.exit(main())
