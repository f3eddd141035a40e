"""Many syncs on one site with a rate limit: how many calls it refuses, and how long the syncs take.

    .venv/bin/python -m benchmarks.shared_limits [--workers N] [--issues N] [--flavor cloud|data_center] [--report FILE]

Every sync has its own pair of projects, its own worker process and a backlog of issues that wait for a counterpart with
one comment and cross-links each. All of them share one account on one simulated site. On Cloud the limit is one token
bucket per endpoint and method, on Data Center one per user. Calls are counted from the first one to the last that a
backlog needed. The ideal time is what the limit alone costs for the issues, comments and links that were written.
"""

from __future__ import annotations

import argparse
import math
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.rig import command
from benchmarks.rig.output import machine, publish, table, table_row
from benchmarks.rig.processes import Rig, running_rig
from benchmarks.scenario import backlog
from jira_simulator.site.model import CLOUD, DATA_CENTER
from sync_model.health.heartbeat import Phase, read_heartbeat
from sync_worker.core.decisions.rate_limit import API_PATH

SITE = "site"
WRITES = tuple(f"{API_PATH}/issue{rest}" for rest in ("", "/{issue}/comment", "/{issue}/remotelink"))
TOO_MANY = 429
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_BETWEEN_COUNTS = 1.0
SECONDS_TO_STOP = 30.0


@dataclass(frozen=True)
class LimitScenario:
    """`rate` and `size` are those of a token bucket; `latency`, `interval` and `deadline` are in seconds."""

    workers: int = 20
    issues: int = 15
    flavor: str = CLOUD
    rate: float = 20.0
    size: int = 40
    latency: float = 0.05
    interval: float = 60.0
    deadline: float = 600.0

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(f"SUP{number}", f"DEV{number}") for number in range(self.workers)]

    @property
    def names(self) -> list[str]:
        return [f"sync-{number}" for number in range(self.workers)]

    @property
    def cool_down(self) -> timedelta:
        """Return how long the site asks a caller to wait when a bucket is empty."""
        return timedelta(seconds=max(1, math.ceil(1 / self.rate)))


NUMBERS = [field.name for field in fields(LimitScenario) if field.name != "flavor"]


@dataclass(frozen=True)
class LimitFigures:
    """What was measured in a scenario. `limited` counts the answers 429; `later…` counts after the first cool-down.

    The first cool-down lasts from the first 429 until its Retry-After has passed. `refused` and `backed_off` name the
    syncs that were ever seen in that phase. `unfinished` says what was missing at the deadline.
    """

    flavor: str
    calls: int
    limited: int
    later_calls: int
    later_limited: int
    refused: tuple[str, ...]
    backed_off: tuple[str, ...]
    unfinished: tuple[str, ...]
    seconds: float
    ideal_seconds: float

    @property
    def later_share(self) -> float:
        """The share of 429 among the calls that began after the first cool-down."""
        return self.later_limited / self.later_calls if self.later_calls else 0.0

    def row(self) -> list[str]:
        return [
            self.flavor,
            f"{self.calls:,}",
            f"{self.limited:,}",
            f"{self.later_limited:,} of {self.later_calls:,}",
            f"{self.later_share:.1%}",
            f"{len(self.refused)}",
            f"{len(self.backed_off)}",
            f"{self.seconds:.0f} s",
            f"{self.ideal_seconds:.0f} s",
            f"{self.seconds / self.ideal_seconds:.2f}" if self.ideal_seconds else "–",
            "yes" if not self.unfinished else f"no, {len(self.unfinished)} shortfalls",
        ]


TITLES = [
    "site", "calls", "429", "429 after the first cool-down", "share", "syncs refused", "syncs backing off",
    "time", "ideal", "ratio", "done",
]  # fmt: skip


def main() -> None:
    options = _options()
    flavors = [options.flavor] if options.flavor else [CLOUD, DATA_CENTER]
    wanted = {name: getattr(options, name) for name in NUMBERS}
    measured = []
    for flavor in flavors:
        with tempfile.TemporaryDirectory() as folder:
            measured.append(run(Path(folder), flavor=flavor, **wanted))
        print(table_row(measured[-1].row()), file=sys.stderr)
    text = _report(LimitScenario(**wanted), measured, options.flavor)
    publish("Limits shared by many syncs", text, options.report)
    if any(figures.unfinished for figures in measured):
        raise SystemExit("not every backlog was done, and done right, before the deadline")


def _options() -> argparse.Namespace:
    lines = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shared_limits", description=lines[0])
    default = LimitScenario()
    parser.add_argument("--workers", type=int, default=default.workers)
    parser.add_argument("--issues", type=int, default=default.issues, help="in each backlog")
    parser.add_argument("--flavor", choices=[CLOUD, DATA_CENTER], help="one of the two only")
    parser.add_argument("--rate", type=float, default=default.rate, help="tokens that a bucket gets in a second")
    parser.add_argument("--size", type=int, default=default.size, help="tokens that a bucket holds")
    parser.add_argument("--latency", type=float, default=default.latency, metavar="SECONDS", help="of each call")
    parser.add_argument("--interval", type=float, default=default.interval, metavar="SECONDS", help="of each sync")
    parser.add_argument("--deadline", type=float, default=default.deadline, metavar="SECONDS", help="of each site")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    return parser.parse_args()


def run(folder: Path, **options: Any) -> LimitFigures:
    """Run one scenario in `folder`; `options` are those of `LimitScenario`."""
    scenario = LimitScenario(**options)
    with running_rig(folder, [backlog.site_seed(SITE, *scenario.pairs, flavor=scenario.flavor)]) as rig:
        for user, _ in scenario.pairs:
            rig.control.create_many(SITE, user, scenario.issues, status=backlog.STATUS)
        rig.control.settings(SITE, latency=scenario.latency)
        rig.control.fault(SITE, "burst", rate=scenario.rate, size=scenario.size)
        rig.control.forget_calls(SITE)
        with _workers(rig, scenario):
            phases, unfinished = _watch(rig, scenario)
        return _figures(rig.control.calls(SITE), scenario, phases, unfinished)


@contextmanager
def _workers(rig: Rig, scenario: LimitScenario) -> Iterator[None]:
    """Run one worker for each sync until the end of the block."""
    account = rig.account(SITE, bearer=scenario.flavor == DATA_CENTER)
    minutes, log = scenario.interval / 60, rig.folder / "workers.log"
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for name, (user, dev) in zip(scenario.names, scenario.pairs, strict=True):
            keys = {"userProjectKey": user, "devProjectKey": dev}
            rules = [backlog.RULE]
            definition = rig.define(name, jira=account, **keys, syncIntervalMinutes=minutes, rules=rules)
            processes.append(rig.worker(definition, log=log))
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(SECONDS_TO_STOP)


def _watch(rig: Rig, scenario: LimitScenario) -> tuple[dict[Phase, set[str]], list[str]]:
    """Wait for the end of all backlogs, or the deadline. Return the syncs seen in each phase, and what is missing."""
    phases: dict[Phase, set[str]] = defaultdict(set)
    deadline = time.monotonic() + scenario.deadline
    unfinished, count_at = ["nothing was counted"], 0.0
    while unfinished and (now := time.monotonic()) < deadline:
        for name in scenario.names:
            if heartbeat := read_heartbeat(rig.folder, name):
                phases[heartbeat.phase].add(name)
        if now >= count_at:
            unfinished, count_at = _shortfalls(rig, scenario), now + SECONDS_BETWEEN_COUNTS
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return phases, unfinished


def _shortfalls(rig: Rig, scenario: LimitScenario) -> list[str]:
    counts = rig.control.counts(SITE)
    behind = [dev for _, dev in scenario.pairs if counts.get(dev, 0) < scenario.issues]
    if behind:  # reading every issue would be work for the simulator, on which the workers wait
        return [f"{counts.get(dev, 0)} counterparts in {dev} instead of {scenario.issues}" for dev in behind]
    issues = rig.control.issues(SITE)
    return [line for user, dev in scenario.pairs for line in backlog.shortfalls(issues, user, dev, scenario.issues)]


def _figures(
    all_calls: Sequence[dict[str, Any]],
    scenario: LimitScenario,
    phases: dict[Phase, set[str]],
    unfinished: Iterable[str],
) -> LimitFigures:
    """Count the calls that the simulator recorded, up to the last write: what came later was no part of the work."""
    last = max((number for number, call in enumerate(all_calls) if _is_write(call)), default=len(all_calls) - 1)
    calls = all_calls[: last + 1]
    limited = [call for call in calls if call["status"] == TOO_MANY]
    # A call is recorded when it is answered; it began one latency earlier.
    latency = timedelta(seconds=scenario.latency)
    cool_at = min((_at(call) for call in limited), default=_at(calls[-1])) + scenario.cool_down
    later = [call for call in calls if _at(call) - latency > cool_at]
    return LimitFigures(
        flavor=scenario.flavor,
        calls=len(calls),
        limited=len(limited),
        later_calls=len(later),
        later_limited=sum(call["status"] == TOO_MANY for call in later),
        refused=tuple(sorted(phases[Phase.REFUSED])),
        backed_off=tuple(sorted(phases[Phase.BACKING_OFF])),
        unfinished=tuple(unfinished),
        seconds=(_at(calls[-1]) - _at(calls[0])).total_seconds(),
        ideal_seconds=_ideal(calls, scenario),
    )


def _ideal(calls: Iterable[dict[str, Any]], scenario: LimitScenario) -> float:
    """Return how many seconds the busiest bucket needs for the writes alone."""
    names = ("method", "endpoint") if scenario.flavor == CLOUD else ("user",)
    buckets = Counter(tuple(call[name] for name in names) for call in calls if _is_write(call))
    return max(0.0, (max(buckets.values(), default=0) - scenario.size) / scenario.rate)


def _is_write(call: dict[str, Any]) -> bool:
    return call["method"] == "POST" and call["endpoint"] in WRITES and call["status"] < 300


def _at(call: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(call["at"])


def _report(scenario: LimitScenario, measured: Sequence[LimitFigures], flavor: str | None) -> str:
    values = {name: getattr(scenario, name) for name in NUMBERS}
    flags = " ".join(f"--{name} {value:g}" for name, value in values.items())
    given = f"python -m benchmarks.shared_limits {flags}" + (f" --flavor {flavor}" if flavor else "")
    lines = [
        f"`{given}` on {machine()}",
        "",
        table(TITLES, [figures.row() for figures in measured]),
        "",
        "The first cool-down lasts from the first 429 until its Retry-After has passed; the share is that of 429 among",
        "the calls that began after it. Ideal is what the fullest bucket takes for all issues, comments and links.",
    ]
    for figures in measured:
        lines += [f"- {figures.flavor}: {shortfall}" for shortfall in figures.unfinished]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(command.run(main))
