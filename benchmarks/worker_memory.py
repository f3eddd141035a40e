"""What one worker needs for itself, and for what: its private memory, stage by stage, executed and forked.

    .venv/bin/python -m benchmarks.worker_memory [--report FILE]

The workers run on a real mongod and a simulated Jira. `benchmarks.rig.staged_worker` says what happens in each stage.
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

from benchmarks.rig import command, staged_worker
from benchmarks.rig.measure import private
from benchmarks.rig.output import MEGABYTE, machine, publish, table, table_row
from benchmarks.rig.processes import Rig, running_rig
from benchmarks.scenario import backlog

SITE = "site"
INTERVAL = 1.0
ISSUES = 20
SECONDS_TO_SETTLE = 0.3
"""The worker still cleans up after it has logged that a cycle is completed."""
COMPLETED = '"cycle completed"'
WAYS = "executed", "forked"
SHARING = "immortal objects", "filled gaps", "gathered code"
WITHOUT_SHARING = tuple(f"forked without {what}" for what in (*SHARING, " and ".join(SHARING)))
"""Ways without a part of what the plugin does before it forks, measured at the last stage only."""
EXPLANATION = """Private memory, which no other process shares: what one more worker costs; and how much more that is
than in the line above. Each figure is that of two processes of its own that have come so far and no further; two, so
that files which all workers map count for neither. Forked means: from a process that is warmed as supervisord is."""
TITLES = ["a worker that has", "executed", "more", "forked", "more"]


@dataclass(frozen=True)
class MeasuredStage:
    """A worker is measured when it has gone to `stage` and has printed `count` lines with `mark`."""

    title: str
    stage: str
    mark: str = staged_worker.REACHED
    count: int = 1
    issues: int = 0


STAGES = [
    MeasuredStage("an interpreter", "interpreter"),
    MeasuredStage("structlog", "log"),
    MeasuredStage("pydantic and the models", "models"),
    MeasuredStage("MongoDB's driver", "driver"),
    MeasuredStage("the HTTP client and certificates", "http"),
    MeasuredStage("its sync and all its parts", "parts"),
    MeasuredStage("a connection to MongoDB and the lease", "lease"),
    MeasuredStage("1 cycle behind it", "cycles", COMPLETED),
    MeasuredStage(f"20 cycles, {ISSUES} issues carried over", "cycles", COMPLETED, 20, ISSUES),
]
LAST_STAGE = STAGES[-1]
SHARING_TITLES = ["what is left out", LAST_STAGE.title]


@dataclass(frozen=True)
class MeasuredSync:
    """A sync, and its projects for users and for developers. No two workers share one."""

    name: str
    user: str
    dev: str


SyncsByMeasurement = Mapping[tuple[str, MeasuredStage], Sequence[MeasuredSync]]
"""The two syncs that are measured for each way and each stage."""


def all_syncs() -> SyncsByMeasurement:
    measurements = [*itertools.product(WAYS, STAGES), *itertools.product(WITHOUT_SHARING, [LAST_STAGE])]
    numbers = itertools.count()
    return {
        measurement: [
            MeasuredSync(f"sync-{number:02}", f"SUP{number}", f"DEV{number}") for number in itertools.islice(numbers, 2)
        ]
        for measurement in measurements
    }


def measure(rig: Rig, way: str, stage: MeasuredStage, syncs: Sequence[MeasuredSync]) -> float:
    """Return the private memory of a worker at `stage`, in bytes: the mean of one worker for each of `syncs`."""
    with ExitStack() as stack:
        pids = [stack.enter_context(worker_at_stage(rig, way, stage, sync)) for sync in syncs]
        return sum(map(private, pids)) / len(pids)


@contextmanager
def worker_at_stage(rig: Rig, way: str, stage: MeasuredStage, sync: MeasuredSync) -> Iterator[int]:
    """Have a worker go to `stage` and stay there; yield its process id."""
    rig.control.create_many(SITE, sync.user, stage.issues, status=backlog.STATUS)
    keys = {"userProjectKey": sync.user, "devProjectKey": sync.dev, "rules": [backlog.RULE]}
    times = {"syncIntervalMinutes": INTERVAL / 60, "searchLagMinutes": 0.05}
    config = rig.define(sync.name, jira=rig.account(SITE), **keys, **times)
    arguments = [way, stage.stage, str(config), str(rig.folder)]
    environ = {**os.environ, "DATABASE_URL": rig.database_url}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", staged_worker.__name__, *arguments], env=environ, text=True, stdin=pipe, stdout=pipe
    ) as process:
        lines = iter(process.stdout or ())
        pid = int(next(lines))
        try:
            for _ in range(stage.count):
                next(line for line in lines if stage.mark in line)
            time.sleep(SECONDS_TO_SETTLE)
            yield pid
        finally:
            if stage.stage == staged_worker.cycles.__name__:
                os.kill(pid, signal.SIGTERM)
            process.communicate()


def stage_rows(rig: Rig, syncs: SyncsByMeasurement) -> Iterator[list[str]]:
    before = dict.fromkeys(WAYS, 0.0)
    for stage in STAGES:
        row = [stage.title]
        for way in WAYS:
            now = measure(rig, way, stage, syncs[way, stage])
            row += [f"{now / MEGABYTE:.1f} MB", f"{(now - before[way]) / MEGABYTE:+.1f} MB"]
            before[way] = now
        yield row


def sharing_rows(rig: Rig, syncs: SyncsByMeasurement) -> Iterator[list[str]]:
    for way in WITHOUT_SHARING:
        yield [way, f"{measure(rig, way, LAST_STAGE, syncs[way, LAST_STAGE]) / MEGABYTE:.1f} MB"]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.worker_memory", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    syncs = all_syncs()
    pairs = [(sync.user, sync.dev) for both in syncs.values() for sync in both]
    with tempfile.TemporaryDirectory() as folder, running_rig(Path(folder), [backlog.site_seed(SITE, *pairs)]) as rig:
        stage_table = table(TITLES, _shown(stage_rows(rig, syncs)))
        sharing_table = table(SHARING_TITLES, _shown(sharing_rows(rig, syncs)))
    text = [f"`python -m benchmarks.worker_memory` on {machine()}", stage_table, EXPLANATION, sharing_table]
    publish("The memory of one worker", "\n\n".join(text), options.report)


def _shown(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Print each row as it is measured."""
    for row in rows:
        print(table_row(row), file=sys.stderr)
        yield row


if __name__ == "__main__":
    sys.exit(command.run(main))
