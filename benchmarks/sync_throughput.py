"""Issues per second, calls per issue and peak memory of one worker, against its backlog and the latency of Jira.

    .venv/bin/python -m benchmarks.sync_throughput [--sizes 200,2000] [--latencies 0,50] [--all] [--report FILE]

N issues of a simulated Cloud site wait for a counterpart with one comment and cross-links each. One real worker process
carries them out. It is measured from its start to its end, each time with a new database and a new site. What it did is
checked. The yardstick is a plain loop over the same calls on one connection, which remembers nothing and looks for
nothing. It runs on the same simulator, half of it before the worker and half of it afterwards.

Without options it takes minutes; `--all` takes hours, most of them waiting.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.rig import command
from benchmarks.rig.measure import ProcessUsage, cpu_seconds, wait_and_measure
from benchmarks.rig.output import MEGABYTE, machine, publish, table, table_row
from benchmarks.rig.processes import SYNC_ACCOUNT, Rig, running_rig
from benchmarks.scenario import backlog
from jira_simulator.client import SimulatorControl
from sync_worker.core.decisions.rate_limit import API_PATH

ALL_SIZES, ALL_LATENCIES = "200,2000,20000", "0,50,200"
SITE, YARDSTICK_SITE = "site", "yardstick"
USER, DEV = "SUP", "DEV"
YARDSTICK_SECONDS = 5.0
YARDSTICK_LEAST, YARDSTICK_MOST = 10, 1000
BUSY = 0.8
LAST_LINES = 5


@dataclass(frozen=True)
class ThroughputFigures:
    """What was measured with one backlog at one latency in milliseconds. The shares are of one core."""

    backlog: int
    latency: int
    calls: int
    usage: ProcessUsage
    yardstick: float
    simulator_share: float
    mongod_share: float

    @property
    def speed(self) -> float:
        return self.backlog / self.usage.seconds

    @property
    def worker_share(self) -> float:
        return self.usage.cpu_seconds / self.usage.seconds

    @property
    def is_bound(self) -> bool:
        """Tell whether the simulator or the machine was busy, so that the speed is not the worker's alone."""
        shares = (self.worker_share, self.simulator_share, self.mongod_share)
        return self.simulator_share > BUSY or sum(shares) > BUSY * (os.cpu_count() or 1)

    def row(self) -> list[str]:
        return [
            f"{self.backlog:,}",
            f"{self.latency} ms",
            f"{self.speed:.1f}",
            f"{self.yardstick:.1f}",
            f"{self.speed / self.yardstick:.2f}",
            f"{self.calls / self.backlog:.2f}",
            f"{self.usage.peak_rss / MEGABYTE:.0f}",
            f"{self.worker_share:.0%}",
            f"{self.simulator_share:.0%}",
            f"{self.mongod_share:.0%}",
        ]


TITLES = [
    "backlog", "latency", "issues/s", "yardstick issues/s", "ratio", "calls per issue", "peak RSS, MB",
    "CPU worker", "CPU simulator", "CPU mongod",
]  # fmt: skip


def main() -> None:
    options = _options()
    cells = []
    for size in options.sizes:
        for latency in options.latencies:
            with tempfile.TemporaryDirectory() as folder:
                cells.append(measure(Path(folder), size, latency))
            print(table_row(cells[-1].row()), file=sys.stderr)
    publish("Throughput", _report(options, cells), options.report)


def _options() -> argparse.Namespace:
    lines = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sync_throughput", description=lines[0])
    parser.add_argument("--sizes", default="200,2000", metavar="N,…", help="backlogs, in issues")
    parser.add_argument("--latencies", default="0,50", metavar="MS,…", help="of each call to Jira, in milliseconds")
    parser.add_argument("--all", action="store_true", help=f"--sizes {ALL_SIZES} --latencies {ALL_LATENCIES}")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    if options.all:
        options.sizes, options.latencies = ALL_SIZES, ALL_LATENCIES
    options.command = f"python -m benchmarks.sync_throughput --sizes {options.sizes} --latencies {options.latencies}"
    options.sizes, options.latencies = _numbers(options.sizes), _numbers(options.latencies)
    return options


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def measure(folder: Path, size: int, latency: int) -> ThroughputFigures:
    """Measure one backlog at one latency in `folder`. Raises SystemExit when the worker did not do its work."""
    seeds = [backlog.site_seed(name, (USER, DEV)) for name in (SITE, YARDSTICK_SITE)]
    with running_rig(folder, seeds) as rig, Yardstick(rig.control) as yardstick:
        rig.control.create_many(SITE, USER, size, status=backlog.STATUS)
        yardstick.prepare(min(size, 2 * YARDSTICK_MOST))
        for site in (SITE, YARDSTICK_SITE):
            rig.control.settings(site, latency=latency / 1000)
        yardstick.run(size / 2)
        usage, calls, shares = _run_worker(rig)
        yardstick.run(size / 2)
        if wrong := backlog.shortfalls(rig.control.issues(SITE), USER, DEV, size):
            raise SystemExit(f"{size} issues at {latency} ms: " + "; ".join(wrong))
        return ThroughputFigures(size, latency, calls, usage, yardstick.speed, *shares)


def _run_worker(rig: Rig) -> tuple[ProcessUsage, int, list[float]]:
    """Let one worker carry out the whole backlog. Return its usage, its calls, and the servers' shares of a core."""
    account = {"jira": rig.account(SITE), "userProjectKey": USER, "devProjectKey": DEV}
    # A cycle ends early when its interval is over; this one is to carry out everything.
    definition = rig.define("sync-ab", **account, syncIntervalMinutes=600, rules=[backlog.RULE])
    servers = [rig.simulator_pid, rig.mongod.pid]
    log = rig.folder / "worker.log"
    calls, used = rig.control.call_summary(SITE)["calls"], [cpu_seconds(pid) for pid in servers]
    began = time.perf_counter()
    process = rig.worker(definition, "--once", log=log)
    usage = wait_and_measure(process, began)
    shares = [(cpu_seconds(pid) - before) / usage.seconds for pid, before in zip(servers, used, strict=True)]
    if process.returncode:
        raise SystemExit("\n".join(["the worker failed", *log.read_text().splitlines()[-LAST_LINES:]]))
    return usage, rig.control.call_summary(SITE)["calls"] - calls, shares


class Yardstick:
    """Makes the calls that the worker makes for an issue, one after the other, on one connection."""

    def __init__(self, control: SimulatorControl) -> None:
        self._control = control
        self._http = httpx.Client(
            base_url=f"{control.url}/{YARDSTICK_SITE}{API_PATH}",
            auth=httpx.BasicAuth(SYNC_ACCOUNT["email"], SYNC_ACCOUNT["token"]),
            limits=httpx.Limits(max_connections=1),
            timeout=30.0,
            trust_env=False,
        )
        self._issues: Iterator[dict[str, Any]] = iter(())
        self._type: dict[str, Any] = {}
        self._done = 0
        self._seconds = 0.0

    def __enter__(self) -> Yardstick:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def speed(self) -> float:
        """Issues per second."""
        return self._done / self._seconds

    def prepare(self, count: int) -> None:
        self._control.create_many(YARDSTICK_SITE, USER, count, status=backlog.STATUS)
        self._issues = iter(self._control.issues(YARDSTICK_SITE, USER))
        project = self._ask("GET", f"/project/{DEV}")["id"]
        types = self._ask("GET", f"/issue/createmeta/{project}/issuetypes")["issueTypes"]
        self._type = {"project": {"id": project}, "issuetype": {"id": types[0]["id"]}}

    def run(self, most: float) -> None:
        """Carry out issues for YARDSTICK_SECONDS: at least YARDSTICK_LEAST of them, and no more than `most`."""
        began, done = time.perf_counter(), 0
        while done < min(most, YARDSTICK_MOST):
            self._create_counterpart(next(self._issues))
            done += 1
            if done >= YARDSTICK_LEAST and time.perf_counter() - began > YARDSTICK_SECONDS:
                break
        self._done += done
        self._seconds += time.perf_counter() - began

    def _create_counterpart(self, issue: dict[str, Any]) -> None:
        mark = [{"key": "yardstick", "value": {"issue": issue["id"]}}]
        fields = {**self._type, "summary": issue["summary"], "priority": {"name": issue["priority"]}}
        counterpart = self._ask("POST", "/issue", json={"fields": fields, "properties": mark})
        comment = {"body": f"as {counterpart['key']}", "properties": mark}
        self._ask("POST", f"/issue/{issue['id']}/comment", json=comment)
        for source, target in ((issue, counterpart), (counterpart, issue)):
            self._link(source, target, issue["summary"])

    def _link(self, source: dict[str, Any], target: dict[str, Any], summary: str) -> None:
        url = f"{self._control.url}/{YARDSTICK_SITE}/browse/{target['key']}"
        body = {
            "globalId": f"yardstick:{target['id']}",
            "application": {"type": "yardstick", "name": "yardstick"},
            "relationship": "is synchronised with",
            "object": {"url": url, "title": target["key"], "summary": summary},
        }
        self._ask("POST", f"/issue/{source['id']}/remotelink", json=body)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        response = self._http.request(method, path, **options)
        response.raise_for_status()
        return response.json()


def _report(options: argparse.Namespace, cells: list[ThroughputFigures]) -> str:
    lines = [
        f"`{options.command}` on {machine()}",
        "",
        table(TITLES, [figures.row() for figures in cells]),
        "",
        "Every issue got one counterpart, one comment and two links; this was checked. The time is that of a whole",
        "worker process, its start included. The yardstick is a plain loop over the same calls on one connection,",
        "measured before and after. Peak RSS is the kernel's high-water mark of the worker's resident memory. CPU is",
        "the share of one core while the worker ran.",
    ]
    if bound := [f"{figures.backlog:,} at {figures.latency} ms" for figures in cells if figures.is_bound]:
        lines += ["", f"Here the simulator or the machine was busy, and limits what is shown: {'; '.join(bound)}."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(command.run(main))
