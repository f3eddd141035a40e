"""Wiring: joins what one sync's worker consists of. The one place that knows all of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from pymongo import MongoClient
from structlog.typing import FilteringBoundLogger

from sync_model.connection import Connection, resolve, site_of
from sync_model.definition import Side, Sync
from sync_model.heartbeat import Phase
from sync_model.loading import SyncFile
from sync_worker.core.context import Context, Predecessor
from sync_worker.core.errors import NeedsOperator, Paused, Unavailable
from sync_worker.core.ports import Jira
from sync_worker.core.records import PastCycle
from sync_worker.database import rate_limits
from sync_worker.database.journal import Journal
from sync_worker.database.lease import Lease
from sync_worker.database.store import MongoStore
from sync_worker.engine.cycle import Cycle, CycleResult
from sync_worker.engine.dry_run import PlannedStep, dry_run
from sync_worker.jira import JiraClient
from sync_worker.migration.legacy_database import LegacyDatabase
from sync_worker.migration.predecessor import ReplacedService
from sync_worker.runtime.heartbeats import Usage
from sync_worker.runtime.loop import RunCycle, Worker

DEFAULT_DATABASE_URL = "mongodb://127.0.0.1:27017"


@dataclass(frozen=True)
class Wiring:
    """A worker's parts, joined. `run_cycle` runs one cycle; `close` ends connections and lets the lease go."""

    run_cycle: RunCycle
    store: MongoStore
    lease: Lease
    close: Callable[[], None]


def wire(file: SyncFile, worker: Worker, client: MongoClient[dict[str, Any]], environ: Mapping[str, str]) -> Wiring:
    """Join what one sync's worker consists of."""
    sync = file.sync
    lease = Lease(client, sync.database, worker.run_dir, worker.wakeup.wake)
    mongo = MongoStore(client, sync.database, lease)

    def limits_of(connection: Connection, budget: float | None) -> rate_limits.SiteLimits:
        return rate_limits.SiteLimits(client, site_of(connection.base_url), budget, worker.log)

    jiras = _jiras(sync, environ, worker.pause, limits_of, lease.check)
    clients = set(jiras.values())
    worker.heartbeats.usage = lambda: _usage(clients)
    worker.heartbeats.is_silent = lease.shares_heartbeat
    worker.remember = partial(_remember, mongo.journal, lease)
    prepared = False

    def checkpoint() -> None:
        worker.pause(0)
        if worker.wakeup.look:  # somebody wants something of us; perhaps that we pause
            _check_pause(mongo.journal)

    context = Context(sync, jiras, mongo, worker.log, checkpoint)
    predecessor = ReplacedService(_legacy_database(client, sync))

    def run_cycle(is_past_deadline: Callable[[], bool]) -> CycleResult:
        nonlocal prepared
        lease.hold()
        _check_pause(mongo.journal)
        worker.leave(Phase.STANDBY, Phase.PAUSED)
        if not prepared:
            if mongo.prepare():
                rate_limits.prepare(client)
            mongo.journal.prepare(timedelta(days=sync.history_days))
            prepared = True
        return Cycle(
            context,
            file.digest,
            worker.heartbeats.actions,
            is_past_deadline=is_past_deadline,
            on_detected=partial(worker.leave, Phase.BACKING_OFF, Phase.REFUSED),
            predecessor=predecessor,
        ).run()

    def close() -> None:
        lease.release()
        for jira in clients:
            jira.close()

    return Wiring(run_cycle, mongo, lease, close)


@dataclass(frozen=True)
class ReadOnly:
    """What one sync's worker would see, for who only looks. Nothing can be changed by it on either site.

    The store belongs to nobody who holds the lease, so that it refuses to write, too. Nothing is logged.
    """

    file: SyncFile
    context: Context
    store: MongoStore
    predecessor: Predecessor

    @property
    def jiras(self) -> Mapping[Side, Jira]:
        return self.context.jiras

    def dry_run(self) -> list[PlannedStep]:
        """Return what the next cycle would do. Raises what would end it."""
        return dry_run(self.context, self.file.digest, self.predecessor)


@contextmanager
def read_only(file: SyncFile, client: MongoClient[dict[str, Any]], environ: Mapping[str, str]) -> Iterator[ReadOnly]:
    """Yield what one sync's worker would see."""
    sync, log = file.sync, silence()

    def limits_of(connection: Connection, budget: float | None) -> rate_limits.ReadOnlyLimits:
        return rate_limits.ReadOnlyLimits(client, site_of(connection.base_url), budget, log)

    jiras = _jiras(sync, environ, time.sleep, limits_of, lambda: None)
    mongo = MongoStore(client, sync.database, Lease.never_held(client, sync.database))
    context = Context(sync, jiras, mongo, log, checkpoint=lambda: None)
    try:
        yield ReadOnly(file, context, mongo, ReplacedService(_legacy_database(client, sync)))
    finally:
        for jira in set(jiras.values()):
            jira.close()


def _legacy_database(client: MongoClient[dict[str, Any]], sync: Sync) -> LegacyDatabase:
    """Return where the replaced service left what it knew: here, or in a database named exactly as the sync is."""
    return LegacyDatabase(client, {sync.database, sync.name})


def _jiras(
    sync: Sync,
    environ: Mapping[str, str],
    pause: Callable[[float], None],
    limits_of: Callable[[Connection, float | None], rate_limits.SiteLimits],
    check: Callable[[], None],
) -> dict[Side, JiraClient]:
    lag = timedelta(minutes=sync.search_lag_minutes) if sync.search_lag_minutes else None

    def jira(side: Side) -> JiraClient:
        budget = sync.account(side).calls_per_second
        connect = partial(_connection, sync, side, environ)
        return JiraClient(
            connect, pause, search_lag=lag, check=check, limits_of=lambda connection: limits_of(connection, budget)
        )

    user = jira(Side.USER)
    # One account on one site is one client: one check of who we are serves both sides.
    dev = user if sync.account(Side.USER) is sync.account(Side.DEV) else jira(Side.DEV)
    return {Side.USER: user, Side.DEV: dev}


def silence() -> FilteringBoundLogger:
    """Return a log that keeps nothing."""
    log: FilteringBoundLogger = structlog.wrap_logger(None, processors=[_drop])
    return log


def _drop(_logger: Any, _method: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


def _check_pause(journal: Journal) -> None:
    if pause := journal.paused():
        raise Paused(str(pause))


def _usage(clients: Collection[JiraClient]) -> Usage:
    calls = sum((Counter(each.calls) for each in clients), Counter[tuple[str, int]]())
    return Usage(calls, sum(each.cooldown for each in clients))


def _remember(journal: Journal, lease: Lease, cycle: PastCycle) -> None:
    """Keep how a cycle went. It is for people, so nothing depends on it, and nothing waits for a dead MongoDB."""
    if lease.is_held():
        with suppress(Unavailable):
            journal.record_cycle(cycle)


def _connection(sync: Sync, side: Side, environ: Mapping[str, str]) -> Connection:
    resolved = resolve(sync, side, environ)
    if resolved.connection is None:
        raise NeedsOperator("; ".join(f"{fault.field}: {fault.message}" for fault in resolved.faults))
    return resolved.connection
