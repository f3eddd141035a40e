"""What a monitor costs: one look at its group, what it answers, and a minute with and without somebody who looks.

    .venv/bin/python -m benchmarks.monitor_cost [--groups 100+0,1000+0,10+1000] [--report FILE]

A group of 10+1000 has 10 syncs of its own, and sees 1,000 that another container runs. supervisord and MongoDB are
real, the programs sleep, and all heartbeats are written once. So this is the cost of a group in which nothing happens.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import httpx
from pymongo import MongoClient

from benchmarks.pictures.scene import Monitor, Scene, seconds_ago
from benchmarks.rig import command
from benchmarks.rig.measure import cpu_seconds
from benchmarks.rig.output import machine, publish, table
from benchmarks.rig.processes import new_server
from benchmarks.rig.waiting import wait_until
from health_monitor.databases import DatabaseClient
from health_monitor.fleet.link import look_once
from health_monitor.fleet.look import FleetLook
from health_monitor.observation.capture import take_snapshot
from health_monitor.observation.config_cache import ConfigCache
from health_monitor.observation.snapshot import databases_elsewhere
from health_monitor.observation.tracking import Tracking
from sync_model.health.heartbeat import CallCount, CycleSummary, Totals
from sync_model.shards import Shard, owner
from sync_worker.database.shared.fleet import Container
from sync_worker.facets.catalogue import FACETS

LOOKS = 10
ANSWERS = 3
ANSWER_SECONDS = 120.0
SHARDS = 2
OTHER_HOST = "node-2"
TOTALS = Totals(
    cycles=500,
    failed_cycles=3,
    actions={f"{kind} done": 5 for kind in FACETS},
    calls=tuple(
        CallCount(endpoint=endpoint, status=200, count=99)
        for endpoint in ("search", "issue", "changelog", "comment", "myself", "transitions")
    ),
)
ADDRESSES = {
    "page": "/",
    "page of all": "/?rows=all",
    "/api/syncs of the worst": "/api/syncs?condition=error",
    "/api/syncs": "/api/syncs",
    "/metrics": "/metrics",
    "/metrics/container": "/metrics/container",
}
TITLES = ("syncs here + elsewhere", "what", "monitor", "supervisord", "MongoDB commands", "size")


@dataclass(frozen=True)
class GroupSize:
    """How many syncs a group runs, and how many it sees that another container runs."""

    here: int
    elsewhere: int

    def __str__(self) -> str:
        return f"{self.here:,} + {self.elsewhere:,}"


def parse_sizes(text: str) -> list[GroupSize]:
    """Return what `100+0,1000+500` says."""
    return [GroupSize(*map(int, part.split("+"))) for part in text.split(",")]


def names_of(shard: int) -> Iterator[str]:
    return (name for number in count() if owner(name := f"sync-{number:05}", SHARDS) == shard)


@contextmanager
def started(folder: Path, size: GroupSize) -> Iterator[tuple[Scene, str]]:
    """Start a group of this size; yield it and the address of its MongoDB."""
    mongod = new_server(folder)
    mongod.start()
    environ = {"SHARD": f"1/{SHARDS}"} if size.elsewhere else {}
    scene = Scene(folder, mongod.url, "cost", **environ)
    here, elsewhere = list(islice(names_of(1), size.here)), list(islice(names_of(2), size.elsewhere))
    last_cycle = CycleSummary(started=seconds_ago(60), duration=2.4, calls=17)
    try:
        for number, name in enumerate((*here, *elsewhere)):
            keys = {"userProjectKey": f"U{number}", "devProjectKey": f"D{number}"}
            program = "running" if number < size.here else None
            scene.sync(name, program, definition=keys, totals=TOTALS, last_cycle=last_cycle)
        scene.start()
        for name in elsewhere:
            scene.lease(name, OTHER_HOST)
        yield scene, mongod.url
    finally:
        scene.close()
        mongod.stop()


class Costs:
    """Measures one group, whose size is `title`."""

    def __init__(self, title: str, scene: Scene, mongo_url: str, seconds: float) -> None:
        self._title, self._scene, self._seconds = title, scene, seconds
        self._client: DatabaseClient = MongoClient(mongo_url)

    def rows(self) -> Iterator[list[str]]:
        yield from self._look()
        self._tell_of_the_other_container()
        monitor = Monitor(self._scene)
        try:
            monitor.start()
            yield self._row("a minute while nobody looks", *self._minute(monitor, lambda: None))
            yield self._row("a minute while a page is open", *self._minute(monitor, lambda: self._get(monitor, "/")))
            for what, address in ADDRESSES.items():
                seconds, size = self._answer(monitor, address)
                yield [self._title, what, f"{seconds * 1000:,.0f} ms", "", "", f"{size / 1000:,.0f} kB"]
        finally:
            monitor.close()
            self._client.close()

    def _row(self, what: str, ours: float, theirs: float, commands: int) -> list[str]:
        return [self._title, what, f"{ours:.1f} s of CPU", f"{theirs:.1f} s of CPU", f"{commands:,}", ""]

    def _look(self) -> Iterator[list[str]]:
        tracking: Tracking = {}
        settings, environ = self._scene.settings, self._scene.environ
        configs, fleet = ConfigCache(settings, environ), self._fleet()

        def look() -> float:
            before = time.thread_time()
            take_snapshot(settings, environ, tracking, configs, fleet)
            return time.thread_time() - before

        first = look()
        before = cpu_seconds(self._scene.supervisord_pid)
        later = [look() for _ in range(LOOKS)]
        theirs = (cpu_seconds(self._scene.supervisord_pid) - before) / LOOKS
        yield [self._title, "the first look", f"{first * 1000:,.0f} ms", "", "", ""]
        yield [
            self._title, "a look", f"{statistics.median(later) * 1000:,.0f} ms", f"{theirs * 1000:,.0f} ms", "0", "",
        ]  # fmt: skip

    def _fleet(self) -> FleetLook | None:
        """Return what a look finds to be known of the other container."""
        settings = self._scene.settings
        if settings.shard is None:
            return None
        nobody = FleetLook("here", settings.shard)
        wanted = databases_elsewhere(take_snapshot(settings, self._scene.environ, fleet=nobody))
        return look_once(self._client, nobody.here, nobody.shard, settings.fleet, wanted)

    def _minute(self, monitor: Monitor, once: Callable[[], object]) -> tuple[float, float, int]:
        """Return the CPU seconds of the monitor and of supervisord, and the commands to MongoDB, in a minute.

        `once` is called every five seconds, as an open page asks.
        """
        once()
        wait_until(lambda: self._is_all_known(monitor), "all leases to be read")
        before = time.process_time(), cpu_seconds(self._scene.supervisord_pid), self._commands()
        until = time.monotonic() + self._seconds
        while time.monotonic() < until:
            self._tell_of_the_other_container()
            once()
            time.sleep(5)
        after = time.process_time(), cpu_seconds(self._scene.supervisord_pid), self._commands()
        ours, theirs, commands = ((now - then) * 60 / self._seconds for now, then in zip(after, before, strict=True))
        return ours, theirs, round(commands)

    def _is_all_known(self, monitor: Monitor) -> bool:
        """Tell whether the monitor has read for the first time what it then reads again and again."""
        snapshot = monitor.observer.latest
        return snapshot is not None and all(view.elsewhere is None or view.elsewhere.is_read for view in snapshot.syncs)

    def _tell_of_the_other_container(self) -> None:
        if self._scene.settings.shard:
            self._scene.containers(Container("other", OTHER_HOST, Shard(2, SHARDS), "0.1.0", up_for=900.0))

    def _commands(self) -> float:
        return float(self._client.admin.command("serverStatus")["opcounters"]["command"])

    def _get(self, monitor: Monitor, address: str) -> bytes:
        return httpx.get(f"{monitor.url}{address}", timeout=ANSWER_SECONDS, trust_env=False).content

    def _answer(self, monitor: Monitor, address: str) -> tuple[float, int]:
        """Return how long the monitor takes to answer, in seconds, and how much it says, in bytes."""
        durations = []
        for _ in range(ANSWERS):
            _wait_for_another_look(monitor)
            began = time.perf_counter()
            content = self._get(monitor, address)
            durations.append(time.perf_counter() - began)
        return statistics.median(durations), len(content)


def _wait_for_another_look(monitor: Monitor) -> None:
    """Wait for another snapshot: some of what one says is written only once."""
    before = monitor.observer.snapshot
    wait_until(lambda: monitor.observer.latest is not before, "another look")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.monitor_cost", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--groups", type=parse_sizes, default=parse_sizes("100+0,1000+0,10+1000"), metavar="HERE+ELSEWHERE,…"
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="how long a minute is measured")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    rows: list[Sequence[str]] = []
    for size in options.groups:
        with tempfile.TemporaryDirectory(prefix="cost") as folder, started(Path(folder), size) as (scene, mongo_url):
            for row in Costs(str(size), scene, mongo_url, options.seconds).rows():
                print(*row, sep=" | ", file=sys.stderr)
                rows.append(row)
    sizes = ",".join(f"{size.here}+{size.elsewhere}" for size in options.groups)
    text = f"`python -m benchmarks.monitor_cost --groups {sizes}` on {machine()}\n\n{table(TITLES, rows)}"
    publish("What a monitor costs", text, options.report)


if __name__ == "__main__":
    sys.exit(command.run(main))
