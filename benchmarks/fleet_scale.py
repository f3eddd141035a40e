"""What many syncs cost, in one container and in MongoDB: measured, and computed for more than one machine takes.

    .venv/bin/python -m benchmarks.fleet_scale [--syncs N,…] [--compute N,…] [--servers N] [--seconds N] [--report FILE]

EXPLANATION says how the figures are measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.rig import command, spread_group
from benchmarks.rig.measure import cpu_seconds, memory, private
from benchmarks.rig.mongo_servers import MongoServer
from benchmarks.rig.output import machine, publish, table
from benchmarks.rig.processes import free_port
from benchmarks.scenario.group import RunningGroup, running_group
from benchmarks.verdict.fleet_report import (
    COMPUTED_TITLES,
    CYCLE,
    MEASURED_TITLES,
    FleetFigures,
    computed_rows,
    consequences,
)
from generator.running.mongod import find
from sync_model.program_names import MONITOR

COMMANDS = {"writes": ("insert", "update", "delete", "findAndModify"), "reads": ("find", "aggregate")}
EXPLANATION = """\
Each group is a real one, over one simulated site. Its databases are on as many real mongods as their files need, which
are not counted as part of it. It is started, left alone until every worker has run a cycle, and then looked at for a
while in which nothing happens in Jira: each sync runs a cycle every five minutes, and nobody looks at the status page.
Memory is proportional set size, which counts once what is shared. A call is a request to Jira."""


class SpreadGroup(RunningGroup):
    """A group whose syncs have their databases on several servers."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "benchmarks.rig.spread_group"]


def measure(sync_count: int, per_server: int, seconds: float) -> FleetFigures:
    """Measure one group of so many syncs."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = []
        for number in range(-(-sync_count // per_server)):
            server = MongoServer(find(), folder / f"mongodb-more-{number}", free_port())
            stack.callback(server.stop)
            server.start()
            servers.append(server)
        environ = {spread_group.VARIABLE: " ".join(server.url for server in servers)}
        group = stack.enter_context(
            running_group(folder, sync_count, interval=CYCLE, issues=1, kind=SpreadGroup, environ=environ)
        )
        figures = FleetFigures(sync_count, len(servers))
        figures.ready, figures.cpu_to_start = group.wait_until_ready()
        group.wait_for_cycles(1)
        _look_at_memory(group, servers, figures)
        _look_at_idleness(group, servers, seconds, figures)
        figures.stop = group.stop()
    return figures


def _look_at_memory(group: RunningGroup, servers: Sequence[MongoServer], figures: FleetFigures) -> None:
    workers = group.ready_pids().values()
    figures.worker = sum(memory(pid)["Pss"] for pid in workers) / figures.syncs
    figures.private = sum(map(private, workers)) / figures.syncs
    figures.whole = sum(memory(pid)["Pss"] for pid in group.all_pids())
    figures.supervisord = memory(group.parent.pid)["Pss"]
    figures.mongod = sum(memory(server.pid)["Pss"] for server in servers)
    figures.files = sum(len(list(server.folder.glob("*.wt"))) for server in servers)


def _look_at_idleness(
    group: RunningGroup, servers: Sequence[MongoServer], seconds: float, figures: FleetFigures
) -> None:
    """Take the shares of one core, and the rates of requests, while nothing happens but the cycles of idle syncs."""
    monitor, parent = group.supervised_pids()[MONITOR], group.parent.pid
    pids, mongods = group.all_pids(), [server.pid for server in servers]
    watched = {"all": pids, "supervisord": {parent}, "monitor": {monitor}, "mongod": set(mongods)}
    before = {name: sum(map(cpu_seconds, found)) for name, found in watched.items()}
    served_before, calls_before = _served(servers), _calls(group)
    began = time.monotonic()
    # There is no fact to wait for: the figures are what is used while time passes.
    time.sleep(seconds)
    passed = time.monotonic() - began
    shares = {name: (sum(map(cpu_seconds, found)) - before[name]) / passed for name, found in watched.items()}
    figures.idle, figures.idle_supervisord = shares["all"], shares["supervisord"]
    figures.idle_monitor, figures.idle_mongod = shares["monitor"], shares["mongod"]
    served = _served(servers)
    figures.connections = served["connections"]
    figures.writes = (served["writes"] - served_before["writes"]) / passed
    figures.reads = (served["reads"] - served_before["reads"]) / passed
    figures.calls = (_calls(group) - calls_before) / passed


def _served(servers: Sequence[MongoServer]) -> Mapping[str, int]:
    """Return what the servers have been asked for so far, without this question; and the connections that are open."""
    found: Counter[str] = Counter()
    for server in servers:
        with MongoClient[dict[str, Any]](server.url) as client:
            status = client.admin.command("serverStatus")
        metrics = status["metrics"]["commands"]
        found["connections"] += status["connections"]["current"] - 3
        for kind, names in COMMANDS.items():
            found[kind] += sum(metrics.get(name, {}).get("total", 0) for name in names)
    return found


def _calls(group: RunningGroup) -> int:
    """Return how many requests the workers have sent to Jira so far."""
    return sum(call.count for heartbeat in group.heartbeats().values() for call in heartbeat.totals.calls)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet_scale", description=__doc__)
    parser.add_argument("--syncs", default="100,500,1000", metavar="N,…", help="sizes that are measured")
    parser.add_argument("--compute", default="100,1000,10000", metavar="N,…", help="sizes that are computed")
    parser.add_argument("--servers", type=int, default=400, metavar="N", help="databases on one mongod, at most")
    parser.add_argument("--seconds", type=float, default=CYCLE, metavar="N", help="how long each group is looked at")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the page there, too")
    options = parser.parse_args()
    measured = []
    for sync_count in map(int, options.syncs.split(",")):
        measured.append(measure(sync_count, options.servers, options.seconds))
        print("  ".join(measured[-1].row()), file=sys.stderr)
    parts = [
        EXPLANATION,
        f"`python -m benchmarks.fleet_scale --syncs {options.syncs}` on {machine()}:",
        table(MEASURED_TITLES, [figures.row() for figures in measured]),
        "Computed from the largest of them, for syncs of five minutes on twenty sites:",
        table(COMPUTED_TITLES, computed_rows(measured[-1], [int(size) for size in options.compute.split(",")])),
        consequences(measured[0], measured[-1]),
    ]
    publish("A thousand syncs and more", "\n\n".join(parts), options.report)


if __name__ == "__main__":
    sys.exit(command.run(main))
