"""`GET /metrics`: the newest snapshot for Prometheus. Most counters belong to a worker's process and reset with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from health_monitor.fleet.look import FleetLook
from health_monitor.observation.remedy_records import Reason, RemedyRecord
from health_monitor.observation.snapshot import Snapshot, SyncView
from health_monitor.state import STATE, MonitorState
from sync_model.definition.sync import Side
from sync_model.health.heartbeat import Heartbeat
from sync_model.health.judgement import RUNNING_STATES, Condition
from sync_model.shards import Shard
from sync_worker.core.decisions.brakes import CREATIONS, GONE

NO_ANSWER = "none"


def add_routes(app: web.Application) -> None:
    """Add `/metrics`, with all syncs of the fleet, and `/metrics/container`, with those of this container."""
    state = app[STATE]
    whole, here = Exposition(state, lambda snapshot: snapshot, of_all=True), Exposition(state, only_here)
    for base in state.bases:
        app.router.add_get(f"{base}/metrics", partial(metrics, whole))
        app.router.add_get(f"{base}/metrics/container", partial(metrics, here))


async def metrics(exposed: Exposition, request: web.Request) -> web.Response:
    state = request.app[STATE]
    if exposed.of_all:
        state.look_at()
    encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
    body = await exposed.text(state.snapshot, content_type, encode)
    return web.Response(body=body, headers={"Content-Type": content_type})


class Exposition:
    """What is scraped, written once for each snapshot. That of 1,000 syncs takes more than a second.

    `part` returns the part of a snapshot that is scraped. `of_all`: it is about the syncs of all containers.
    """

    def __init__(self, state: MonitorState, part: Callable[[Snapshot], Snapshot], *, of_all: bool = False) -> None:
        self.of_all = of_all
        self._registry = CollectorRegistry()
        self._registry.register(SyncCollector(lambda: state.latest and part(state.latest), state.record))
        ProcessCollector(registry=self._registry)
        self._written: tuple[Snapshot | None, str, bytes] = None, "", b""
        self._writing = asyncio.Lock()

    async def text(
        self, snapshot: Snapshot | None, content_type: str, encode: Callable[[CollectorRegistry], bytes]
    ) -> bytes:
        """Return what is scraped of `snapshot`, which is the newest one. Other requests are answered meanwhile."""
        async with self._writing:
            of, in_type, body = self._written
            if snapshot is None or of is not snapshot or in_type != content_type:
                body = await asyncio.to_thread(encode, self._registry)
                self._written = snapshot, content_type, body
        return body


def only_here(snapshot: Snapshot) -> Snapshot:
    """Return what is to be scraped of this container, where all containers are: each sync is in one of them."""
    return replace(snapshot, syncs=snapshot.here)


class SyncCollector(Collector):
    """Collects the metrics of the newest snapshot. `record` returns what the monitor did to a program."""

    def __init__(self, snapshot: Callable[[], Snapshot | None], record: Callable[[str], RemedyRecord]) -> None:
        self._snapshot, self._record = snapshot, record

    def describe(self) -> list[Metric]:
        """Describe nothing in advance: there may be no snapshot yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        snapshot = self._snapshot()
        if snapshot is None:
            return
        yield from _group_metrics(snapshot)
        families = _SyncFamilies()
        for view in snapshot.syncs:
            families.add_judgement(view)
            if view.facts.heartbeat:
                families.add_heartbeat(view.name, view.facts.heartbeat)
            restarts = self._record(view.name).restarts
            for reason in Reason:
                families.restarts.add_metric([view.name, reason], restarts.get(reason, 0))
        yield from vars(families).values()


def _group_metrics(snapshot: Snapshot) -> Iterator[Metric]:
    invalid = sum(1 for view in snapshot.syncs if view.facts.problems)
    yield GaugeMetricFamily("jira_sync_healthy", "1 unless a person must act on something.", snapshot.is_healthy)
    yield GaugeMetricFamily("jira_sync_invalid_files", "Files in the folder that do not load.", invalid)
    yield GaugeMetricFamily(
        "jira_sync_news_failing",
        "1 while somebody on duty cannot be told something.",
        snapshot.news_trouble is not None,
    )
    if snapshot.fleet:
        yield from _fleet_metrics(snapshot.fleet)
    yield GaugeMetricFamily(
        "jira_sync_last_look_timestamp_seconds",
        "When the monitor last looked at the group.",
        snapshot.taken.timestamp(),
    )


def _fleet_metrics(fleet: FleetLook) -> Iterator[Metric]:
    containers = GaugeMetricFamily("jira_sync_containers", "Containers of the shard that are there.", labels=["shard"])
    for number in range(1, fleet.shard.total + 1):
        shard = Shard(number, fleet.shard.total)
        containers.add_metric([str(shard)], sum(container.shard == shard for container in fleet.containers))
    yield containers
    totals = {container.shard.total for container in fleet.containers}
    meaning = "1 while containers differ in how many shards there are."
    yield GaugeMetricFamily("jira_sync_shards_differ", meaning, len(totals) > 1)


class _SyncFamilies:
    """The metric families of the syncs. Each has one sample per sync and combination of further labels."""

    def __init__(self) -> None:
        self.up = _gauge("up", "1 while the worker's process runs.")
        self.condition = _gauge("condition", "1 for the condition that the sync is in, 0 for all others.", "condition")
        self.interval = _gauge("interval_seconds", "From the start of one cycle to the start of the next.")
        self.lag = _gauge("lag_seconds", "Age of the oldest change that is not carried over.")
        self.success = _gauge("last_success_timestamp_seconds", "When the last cycle that went through ended.")
        self.duration = _gauge("last_cycle_duration_seconds", "How long the last cycle took.")
        self.queue = _gauge("queue", "Issues with changes that wait to be carried out.")
        self.dead = _gauge("dead_letters", "Changes that were given up, until a person has them tried again.")
        self.unknown_statuses = _gauge("unknown_statuses", "Names in the file that no status of the projects has.")
        self.held = _gauge("held", "What waits until a person confirms it: creations, or disappearances.", "what")
        self.unprocessable = _gauge("unprocessable", "Issues that cannot be handled now.")
        self.census = _gauge("last_census_timestamp_seconds", "When the issues of pairs were last counted.")
        self.census_failures = _gauge("census_failures", "How often in a row the census has failed.")
        self.memory = _gauge("memory_bytes", "Proportional set size of the worker.")
        self.build = _gauge("build_info", "The version that the worker runs.", "version")
        self.cycles = _counter("cycles", "Cycles that ended.", "result")
        self.actions = _counter("actions", "What was done in Jira.", "kind", "result")
        self.calls = _counter("api_calls", "Requests to Jira; status none stands for no answer.", "endpoint", "status")
        self.cooldown = _counter("cooldown_seconds", "Seconds spent waiting because a site asked for it.")
        self.restarts = _counter("restarts", "Restarts by the monitor.", "reason")

    def add_judgement(self, view: SyncView) -> None:
        name, process, lag = view.name, view.facts.process, view.verdict.lag
        is_up = process is not None and process.state in RUNNING_STATES
        self.up.add_metric([name], view.elsewhere.is_held if view.elsewhere else is_up)
        for condition in Condition:
            self.condition.add_metric([name, condition], condition is view.verdict.condition)
        self.interval.add_metric([name], view.facts.interval)
        if lag is not None:
            self.lag.add_metric([name], lag)

    def add_heartbeat(self, name: str, heartbeat: Heartbeat) -> None:
        totals = heartbeat.totals
        if heartbeat.last_success:
            self.success.add_metric([name], heartbeat.last_success.timestamp())
        if heartbeat.last_cycle:
            self.duration.add_metric([name], heartbeat.last_cycle.duration)
        if heartbeat.memory:
            self.memory.add_metric([name], heartbeat.memory)
        self.queue.add_metric([name], heartbeat.queued)
        self.dead.add_metric([name], heartbeat.dead_letters)
        self.unprocessable.add_metric([name], heartbeat.unprocessable)
        held = {part.name: part.number for part in heartbeat.held}
        for what in (CREATIONS, *(f"{GONE}.{side}" for side in Side)):
            self.held.add_metric([name, what], held.get(what, 0))
        self.unknown_statuses.add_metric([name], len(heartbeat.unknown_statuses))
        if heartbeat.last_census:
            self.census.add_metric([name], heartbeat.last_census.timestamp())
        self.census_failures.add_metric([name], heartbeat.census_trouble.attempts if heartbeat.census_trouble else 0)
        self.build.add_metric([name, heartbeat.version], 1)
        self.cycles.add_metric([name, "done"], totals.cycles)
        self.cycles.add_metric([name, "failed"], totals.failed_cycles)
        self.cooldown.add_metric([name], totals.cooldown)
        for action, count in totals.actions.items():
            kind, _, result = action.partition(" ")
            self.actions.add_metric([name, kind, result], count)
        for calls in totals.calls:
            self.calls.add_metric([name, calls.endpoint, str(calls.status or NO_ANSWER)], calls.count)


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"jira_sync_{name}", meaning, labels=["sync", *labels])


def _counter(name: str, meaning: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"jira_sync_{name}", meaning, labels=["sync", *labels])
