"""What one worker needs for itself, and for what: its private memory, stage by stage, executed and forked.

    .venv/bin/python -m benchmarks.worker_memory [--report FILE]

They work on a real mongod and a simulated Jira. `benchmarks.rig.processes.stages` says what happens in each stage.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig import stages
from benchmarks.rig.measure import MEGABYTE, machine, private, publish, table
from benchmarks.rig.processes import Rig, rig
from benchmarks.scenario import backlog

SITE = "site"
INTERVAL = 1.0
ISSUES = 20
SECONDS_TO_SETTLE = 0.3
"""After a cycle is said to be completed the worker tidies up."""
COMPLETED = '"cycle completed"'
WAYS = "executed", "forked"
LESS = tuple(
    f"forked without {what}" for what in ("immortal objects", "filled gaps", "immortal objects and filled gaps")
)
"""What `supervisor_plugin.sharing` does, left out: only for the last point."""
EXPLANATION = """Private memory, which no other process shares: what one more worker costs; and how much more that is
than in the line above. Each figure is that of two processes of its own that have come so far and no further; two, so
that files which all workers map count for neither. Forked means: from a process that is warmed as supervisord is."""
TITLES = ["a worker that has", "executed", "more", "forked", "more"]


@dataclass(frozen=True)
class Point:
    """Where workers are looked at: so many lines with `mark` after they have set out for `stage`."""

    title: str
    stage: str
    mark: str = stages.REACHED
    count: int = 1
    issues: int = 0


POINTS = [
    Point("an interpreter", "interpreter"),
    Point("structlog", "log"),
    Point("pydantic and the models", "models"),
    Point("MongoDB's driver", "driver"),
    Point("the HTTP client and certificates", "http"),
    Point("its sync and all its parts", "parts"),
    Point("a connection to MongoDB and the lease", "lease"),
    Point("1 cycle behind it", "cycles", COMPLETED),
    Point(f"20 cycles, {ISSUES} issues carried over", "cycles", COMPLETED, 20, ISSUES),
]


LAST = ["what is left out", POINTS[-1].title]


@dataclass(frozen=True)
class Place:
    """What one worker works on."""

    name: str
    user: str
    dev: str


def places() -> dict[tuple[str, Point], list[Place]]:
    """Return two places for each way to each point."""
    wanted = [*itertools.product(WAYS, POINTS), *itertools.product(LESS, POINTS[-1:])]
    numbers = itertools.count()
    return {
        each: [Place(f"sync-{number:02}", f"SUP{number}", f"DEV{number}") for number in itertools.islice(numbers, 2)]
        for each in wanted
    }


def measure(made: Rig, way: str, point: Point, where: Sequence[Place]) -> float:
    """Return the private memory of a worker at `point`, in bytes."""
    with ExitStack() as stack:
        pids = [stack.enter_context(started(made, way, point, place)) for place in where]
        return sum(map(private, pids)) / len(pids)


@contextmanager
def started(made: Rig, way: str, point: Point, place: Place) -> Iterator[int]:
    """Have a worker come to `point`; give its process id."""
    made.control.create_many(SITE, place.user, point.issues, status=backlog.STATUS)
    keys = {"userProjectKey": place.user, "devProjectKey": place.dev, "rules": [backlog.RULE]}
    times = {"syncIntervalMinutes": INTERVAL / 60, "searchLagMinutes": 0.05}
    config = made.define(place.name, jira=made.account(SITE), **keys, **times)
    command = [sys.executable, "-m", "benchmarks.rig.processes.stages", way, point.stage, str(config), str(made.folder)]
    environ = {**os.environ, "DATABASE_URL": made.mongod.url}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, text=True, stdin=pipe, stdout=pipe) as process:
        pid = int(process.stdout.readline())
        try:
            for _ in range(point.count):
                next(line for line in process.stdout if point.mark in line)
            time.sleep(SECONDS_TO_SETTLE)
            yield pid
        finally:
            if point.stage == stages.cycles.__name__:
                os.kill(pid, signal.SIGTERM)
            process.communicate()


def stage_rows(made: Rig, where: Mapping[tuple[str, Point], Sequence[Place]]) -> Iterator[list[str]]:
    before = dict.fromkeys(WAYS, 0.0)
    for point in POINTS:
        row = [point.title]
        for way in WAYS:
            now = measure(made, way, point, where[way, point])
            row += [f"{now / MEGABYTE:.1f} MB", f"{(now - before[way]) / MEGABYTE:+.1f} MB"]
            before[way] = now
        yield row


def sharing_rows(made: Rig, where: Mapping[tuple[str, Point], Sequence[Place]]) -> Iterator[list[str]]:
    for way in LESS:
        yield [way, f"{measure(made, way, POINTS[-1], where[way, POINTS[-1]]) / MEGABYTE:.1f} MB"]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.worker_memory", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    where = places()
    pairs = [(each.user, each.dev) for both in where.values() for each in both]
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), [backlog.site(SITE, *pairs)]) as made:
        stage_table, sharing_table = table(TITLES, stage_rows(made, where)), table(LAST, sharing_rows(made, where))
    text = [f"`python -m benchmarks.worker_memory` on {machine()}", stage_table, EXPLANATION, sharing_table]
    publish("The memory of one worker", "\n\n".join(text), options.report)


if __name__ == "__main__":
    main()
