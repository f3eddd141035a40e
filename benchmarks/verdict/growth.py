"""Whether anything grew between two looks at a group, and whether a log has errors. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.rig.output import MEGABYTE
from sync_model.program_names import MONITOR

SUPERVISORD = "supervisord"
MOST_GROWTH = 0.05
THREADS_AT_FIRST = 8
"""Up to so many are no leak: a thread that waits for work is started when it is needed for the first time."""
MOST_CONNECTIONS = 3
EXPECTED = "running without any HTTP authentication checking"


@dataclass(frozen=True)
class ProcessSample:
    """One process at one moment; memory in bytes. `own` is its proportional set size without files.

    Files are left out where growth is judged: which part of them counts for which process depends on what else runs on
    the machine.
    """

    pss: float
    own: float
    private: float
    descriptors: int
    threads: int


@dataclass(frozen=True)
class GroupSample:
    """A group at one point: its processes by their names, zombies, connections to MongoDB by worker."""

    processes: dict[str, ProcessSample]
    zombies: int
    connections: dict[str, int]

    def workers(self) -> list[ProcessSample]:
        return [process for name, process in self.processes.items() if name not in (SUPERVISORD, MONITOR)]


@dataclass(frozen=True)
class GrowthRow:
    """One value, early on and at the end, and the most that is allowed at the end."""

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
        shown = (f"{value / self.unit:.2f} MB" for value in (self.first, self.last))
        return [self.what, *shown, f"{self.last / self.first - 1:+.1%}"]


def typical(samples: Sequence[GroupSample]) -> GroupSample:
    """Return one sample for several, because everything varies within a cycle.

    Memory is the mean. Descriptors, threads and zombies are the least, connections the most.
    """
    processes = {
        name: _typical_process([sample.processes[name] for sample in samples]) for name in samples[0].processes
    }
    workers = [name for name in processes if name not in (SUPERVISORD, MONITOR)]
    connections = {name: max(sample.connections.get(name, 0) for sample in samples) for name in workers}
    return GroupSample(processes, min(sample.zombies for sample in samples), connections)


def _typical_process(samples: Sequence[ProcessSample]) -> ProcessSample:
    return ProcessSample(
        fmean(sample.pss for sample in samples),
        fmean(sample.own for sample in samples),
        fmean(sample.private for sample in samples),
        min(sample.descriptors for sample in samples),
        min(sample.threads for sample in samples),
    )


def growth(first: GroupSample, last: GroupSample) -> Iterator[GrowthRow]:
    yield from _memory(first, last)
    for field, always_allowed in (("descriptors", 0), ("threads", THREADS_AT_FIRST)):
        for title, names in _kinds(first):
            before, after = (max(getattr(look.processes[name], field) for name in names) for look in (first, last))
            yield GrowthRow(f"{field} of {title}", before, after, max(before, always_allowed))
    yield GrowthRow("zombies", first.zombies, last.zombies, 0)
    before, after = (max(look.connections.values()) for look in (first, last))
    yield GrowthRow("connections of a worker to MongoDB, at most", before, after, MOST_CONNECTIONS)


def _memory(first: GroupSample, last: GroupSample) -> Iterator[GrowthRow]:
    def row(what: str, before: float, after: float, *, is_judged: bool = True) -> GrowthRow:
        return GrowthRow(what, before, after, before * (1 + MOST_GROWTH) if is_judged else math.inf, MEGABYTE)

    for what, field in (("PSS", "pss"), ("private memory", "private")):
        before, after = ([getattr(worker, field) for worker in look.workers()] for look in (first, last))
        yield row(f"{what} of a worker, mean", fmean(before), fmean(after), is_judged=field != "pss")
    most = max(range(len(before)), key=lambda number: after[number] / before[number])
    yield row(f"{what} of the worker that grew most", before[most], after[most])
    for name in (SUPERVISORD, MONITOR):
        then, now = first.processes[name], last.processes[name]
        yield row(f"PSS of {name}", then.pss, now.pss, is_judged=False)
        yield row(f"PSS of {name}, without files", then.own, now.own)


def _kinds(look: GroupSample) -> list[tuple[str, list[str]]]:
    workers = [name for name in look.processes if name not in (SUPERVISORD, MONITOR)]
    return [("a worker, at most", workers), (SUPERVISORD, [SUPERVISORD]), ("the monitor", [MONITOR])]


def is_error(line: str) -> bool:
    """Tell whether a line of a log, a worker's or supervisord's, reports an error."""
    try:
        return json.loads(line)["level"] in ("error", "critical")
    except (ValueError, LookupError, TypeError):
        return re.search(r"\b(Traceback|CRIT|ERRO)\b", line) is not None and EXPECTED not in line
