"""Wiring: joins what one sync's worker consists of. This is the one module that knows all of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from pymongo import MongoClient
from structlog.typing import FilteringBoundLogger

from sync_model.accounts.connection import Connection, database_url, resolve, site_of
from sync_model.definition.sync import Side, Sync
from sync_model.environment.mongodb_address import files_in
from sync_model.files.loading import SyncFile
from sync_model.health.heartbeat import Phase
from sync_worker.core.context import Context, Predecessor
from sync_worker.core.decisions.brakes import WritesAtOnce
from sync_worker.core.decisions.rule_names import unknown_statuses, with_shown_names
from sync_worker.core.errors import DatabaseUnavailable, InvalidRequest, NeedsOperator, Paused, SyncError, Unavailable
from sync_worker.core.expiry import Expiry
from sync_worker.core.identity import Decision
from sync_worker.core.ports import Jira
from sync_worker.core.records import PastCycle
from sync_worker.database.journal import Journal
from sync_worker.database.lease import Lease
from sync_worker.database.shared import rate_limits
from sync_worker.database.shared.fleet import fleet_of
from sync_worker.database.shared.sign_in import SignIn
from sync_worker.database.store import MongoStore
from sync_worker.engine.cycle import Cycle, CycleResult
from sync_worker.engine.dry_run import PlannedStep, dry_run
from sync_worker.engine.recognition.adoption import Adopted, try_out
from sync_worker.engine.recognition.identification import Identification
from sync_worker.jira import JiraClient
from sync_worker.migration.legacy_database import LegacyDatabase
from sync_worker.migration.predecessor import ReplacedService
from sync_worker.runtime.foresight import Foresight
from sync_worker.runtime.heartbeats import ApiUsage
from sync_worker.runtime.loop import Worker

DEFAULT_DATABASE_URL = "mongodb://127.0.0.1:27017"
MOST_NAMES_TOLD = 20


class CycleRunner:
    """Runs the cycles of one sync for `worker`, with real sites and the real database.

    `close` closes the connections to the sites and releases the lease.
    """

    def __init__(
        self, file: SyncFile, worker: Worker, client: MongoClient[dict[str, Any]], environ: Mapping[str, str]
    ) -> None:
        sync = file.sync
        self._file, self._worker, self._client = file, worker, client
        self.lease = Lease(client, sync.database, worker.run_dir, worker.wakeup.wake)
        self.lease.heartbeat = lambda: worker.heartbeats.last
        worker.heartbeats.on_news = self.lease.renew_now
        self.store = MongoStore(client, sync.database, self.lease)

        def limits_of(connection: Connection, budget: float | None) -> rate_limits.SiteLimits:
            sign_in = SignIn(client, connection)
            return rate_limits.SiteLimits(client, site_of(connection.base_url), budget, worker.log, sign_in)

        jiras = _connect_to_sites(sync, environ, worker.wait, limits_of, self.lease.check)
        interval = timedelta(seconds=worker.interval)
        self._context = Context(sync, jiras, self.store, worker.log, self._checkpoint, interval)
        self._fleet = fleet_of(client, environ)
        self._jira_clients = set(jiras.values())
        self._predecessor = ReplacedService(_legacy_database(client, sync))
        self._is_prepared = False
        self._names_hold_until = float("-inf")
        self._identification, self._writes_at_once = Identification(), WritesAtOnce()
        self._foresight = Foresight(self._expiries, _mongodb_certificates(environ))

    def _expiries(self) -> list[Expiry]:
        try:
            return [expiry for jira in self._jira_clients for expiry in jira.expiries()]
        except SyncError:
            return []  # it is looked for again, and the next cycle says what is wrong

    def run_cycle(self, is_past_deadline: Callable[[], bool]) -> CycleResult:
        """Run one cycle. See `loop.RunCycle`."""
        try:
            with self.lease.in_use():
                return self._run_cycle(is_past_deadline)
        except DatabaseUnavailable:
            self.lease.distrust()
            raise

    def _run_cycle(self, is_past_deadline: Callable[[], bool]) -> CycleResult:
        if not self.lease.is_held():
            self.store.stored_format()  # a database that this version cannot read is left to workers that can
        self.lease.hold()
        if self.lease.last_words:
            self._worker.take_over(self.lease.last_words)
            self.lease.last_words = None
        _raise_if_paused(self.store.journal)
        self._worker.enter_cycle_from(Phase.STANDBY, Phase.PAUSED)
        self._prepare_database()
        self._resolve_names()
        result = Cycle(
            self._context,
            self._file.digest,
            self._worker.heartbeats.actions,
            is_past_deadline=is_past_deadline,
            on_detected=partial(self._worker.enter_cycle_from, Phase.BACKING_OFF, Phase.REFUSED),
            predecessor=self._predecessor,
            identification=self._identification,
            writes_at_once=self._writes_at_once,
        ).run()
        if (expiring := self._foresight.look()) is not None:
            self._worker.heartbeats.found(expiring=expiring)
        return result

    def usage(self) -> ApiUsage:
        """Return what this process has asked of Jira so far."""
        calls = sum((Counter(jira.calls) for jira in self._jira_clients), Counter[tuple[str, int]]())
        return ApiUsage(calls, sum(jira.cooldown for jira in self._jira_clients))

    def has_new_credentials(self) -> bool:
        """Tell whether the secrets of either side, if they were looked up now, would be others than those in use."""
        return any(jira.has_new_credentials() for jira in self._jira_clients)

    def record_cycle(self, cycle: PastCycle) -> None:
        """Keep how a cycle went. It is for people: nothing depends on it, and nothing waits for a dead MongoDB."""
        if self.lease.is_held():
            with suppress(Unavailable):
                self.store.journal.record_cycle(cycle)

    def close(self) -> None:
        self.lease.release()
        for jira in self._jira_clients:
            jira.close()

    def _checkpoint(self) -> None:
        self._worker.wait(0)
        if self._worker.wakeup.look:  # somebody wants something of us; perhaps that we pause
            _raise_if_paused(self.store.journal)

    def _resolve_names(self) -> None:
        """Resolve the names of statuses against the projects: at first, and once per census.

        It decides nothing when a site does not say: rules go by the names in the file then.
        """
        sync, now = self._file.sync, time.monotonic()
        if now < self._names_hold_until:
            return
        try:
            statuses = {side: jira.statuses(sync.project_key(side)) for side, jira in self._context.jiras.items()}
        except (InvalidRequest, Unavailable) as error:
            self._worker.log.info("the names of statuses cannot be looked up", error=str(error))
            return
        self._names_hold_until = now + sync.census_interval_hours * 3600
        self._context = replace(self._context, sync=with_shown_names(sync, statuses))
        unknown = unknown_statuses(sync, statuses)
        for sentence in unknown:
            self._worker.log.warning("unknown status", problem=sentence)
        self._worker.heartbeats.found(unknown_statuses=unknown[:MOST_NAMES_TOLD])

    def _prepare_database(self) -> None:
        """Prepare a new database: at the first cycle, or when somebody has emptied it since."""
        before = self.store.format if self._is_prepared else None
        try:
            is_new = self.store.prepare(self._fleet)
        except NeedsOperator:
            self.lease.let_go()  # a newer version has written before we got the lease, and may go on
            raise
        if before not in (None, self.store.format):
            self._worker.log.info("the database is written in a newer format from now on", format=self.store.format)
        if is_new:
            rate_limits.prepare(self._client)
        if is_new or not self._is_prepared:
            self.store.journal.prepare(timedelta(days=self._file.sync.history_days))
            self._is_prepared = True


def wire(
    file: SyncFile, worker: Worker, client: MongoClient[dict[str, Any]], environ: Mapping[str, str]
) -> CycleRunner:
    """Join what one sync's worker consists of, and have `worker` report and record what it does."""
    runner = CycleRunner(file, worker, client, environ)
    worker.heartbeats.usage = runner.usage
    worker.has_news = runner.has_new_credentials
    worker.heartbeats.is_silent = runner.lease.shares_heartbeat
    worker.record_cycle = runner.record_cycle
    return runner


@dataclass(frozen=True)
class ReadOnlyView:
    """What one sync's worker would see, for whoever only reads. It cannot change anything on either site.

    Its store has a lease that is never held, so that the store refuses to write, too. Nothing is logged.
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

    def try_out(self, decision: Decision) -> Adopted:
        """Return what a person's decision would come to."""
        return try_out(self.context, decision)


@contextmanager
def read_only_view(
    file: SyncFile, client: MongoClient[dict[str, Any]], environ: Mapping[str, str]
) -> Iterator[ReadOnlyView]:
    """Yield what one sync's worker would see."""
    sync, log = file.sync, silent_log()

    def limits_of(connection: Connection, budget: float | None) -> rate_limits.ReadOnlyLimits:
        sign_in = SignIn(client, connection)
        return rate_limits.ReadOnlyLimits(client, site_of(connection.base_url), budget, log, sign_in)

    jiras = _connect_to_sites(sync, environ, time.sleep, limits_of, lambda: None)
    store = MongoStore(client, sync.database, Lease.never_held(client, sync.database))
    context = Context(sync, jiras, store, log, checkpoint=lambda: None)
    try:
        yield ReadOnlyView(file, context, store, ReplacedService(_legacy_database(client, sync)))
    finally:
        for jira in set(jiras.values()):
            jira.close()


def _mongodb_certificates(environ: Mapping[str, str]) -> list[str]:
    """Return the file of the certificate that is shown to MongoDB, if one is."""
    with suppress(ValueError):
        found = files_in(database_url(environ) or "").get("tlsCertificateKeyFile")
        return [str(found)] if found else []
    return []


def _legacy_database(client: MongoClient[dict[str, Any]], sync: Sync) -> LegacyDatabase:
    """Return where the replaced service left what it knew: here, or in a database named exactly as the sync is."""
    return LegacyDatabase(client, {sync.database, sync.name})


def _connect_to_sites(
    sync: Sync,
    environ: Mapping[str, str],
    wait: Callable[[float], None],
    limits_of: Callable[[Connection, float | None], rate_limits.SiteLimits],
    check: Callable[[], None],
) -> dict[Side, JiraClient]:
    lag = timedelta(minutes=sync.search_lag_minutes) if sync.search_lag_minutes else None

    def connect(side: Side) -> JiraClient:
        budget = sync.account(side).calls_per_second
        resolved = partial(_resolve, sync, side, environ)
        return JiraClient(
            resolved, wait, search_lag=lag, check=check, limits_of=lambda connection: limits_of(connection, budget)
        )

    user = connect(Side.USER)
    # One account on one site is one client: one check of who we are serves both sides.
    dev = user if sync.account(Side.USER) is sync.account(Side.DEV) else connect(Side.DEV)
    return {Side.USER: user, Side.DEV: dev}


def _resolve(sync: Sync, side: Side, environ: Mapping[str, str]) -> Connection:
    resolved = resolve(sync, side, environ)
    if resolved.connection is None:
        raise NeedsOperator("; ".join(f"{fault.field}: {fault.message}" for fault in resolved.faults))
    return resolved.connection


def silent_log() -> FilteringBoundLogger:
    """Return a log that drops everything."""
    log: FilteringBoundLogger = structlog.wrap_logger(None, processors=[_drop])
    return log


def _drop(_logger: Any, _method: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


def _raise_if_paused(journal: Journal) -> None:
    if pause := journal.paused():
        raise Paused(str(pause))
