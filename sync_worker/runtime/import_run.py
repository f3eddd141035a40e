"""One run of `jira-sync import`: what the replaced service left is shown first, then taken over by one writer.

The sync's worker must not run meanwhile. Until the takeover has come to its end, its worker refuses to begin.

This module is all that other packages know of `migration`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from sync_model.files.loading import SyncFile
from sync_worker.core.errors import NeedsOperator, OutcomeUnknown
from sync_worker.core.progress import Importing
from sync_worker.core.timing import LONG_AGO
from sync_worker.database.lease import Lease
from sync_worker.database.shared.fleet import fleet_of
from sync_worker.database.store import MongoStore
from sync_worker.engine.dry_run import PlannedStep, dry_run
from sync_worker.engine.dry_store import DryRunStore
from sync_worker.migration.legacy import LegacySource, LegacyState
from sync_worker.migration.legacy_database import LegacyDatabase, databases_with_pairs
from sync_worker.migration.pairing import PairFinding, PairOutcome
from sync_worker.migration.takeover import TakeOver
from sync_worker.migration.takeover_report import MissedChange, TakeoverReport
from sync_worker.runtime.wiring import read_only_view

__all__ = [
    "Import",
    "LegacyDatabase",
    "LegacyState",
    "MissedChange",
    "PairFinding",
    "PairOutcome",
    "TakeoverReport",
    "databases_with_pairs",
]


@dataclass(frozen=True)
class Import:
    """One sync's import from `legacy_source` into the database on `client`'s server.

    `source` names `legacy_source` for people.
    """

    file: SyncFile
    client: MongoClient[dict[str, Any]]
    environ: Mapping[str, str]
    run_dir: Path
    legacy_source: LegacySource
    source: str

    def preview(self, legacy: LegacyState) -> tuple[TakeoverReport, list[PlannedStep]]:
        """Return what the import would come to, and what the worker would do then. Nothing is changed anywhere."""
        with read_only_view(self.file, self.client, self.environ) as view:
            context = replace(view.context, store=DryRunStore(view.store))
            # The preview does not wait for search. What search hides for the moment is not shown.
            at_once = replace(view.store.progress(), importing=Importing(LONG_AGO))
            report = TakeOver(context).run(self.legacy_source, legacy, at_once)
            return report, dry_run(context, self.file.digest, view.predecessor)

    def check(self) -> None:
        """Raise NeedsOperator when a worker runs the sync."""
        lease = self._lease()
        lease.find_holder()
        if holder := lease.holder:
            advice = f"stop it first: jira-sync stop {self.file.sync.name} (a pause is not enough)"
            raise NeedsOperator(f"process {holder.pid} on {holder.host} runs {self.file.sync.name}; {advice}")

    def run(self, legacy: LegacyState, by: str, wait: Callable[[OutcomeUnknown], None]) -> TakeoverReport:
        """Do it, in the name of `by`. `wait` is called when search has to catch up first.

        Raises NeedsOperator when a person must do something first, LeaseLost when a worker runs the sync, and
        Unavailable when MongoDB or Jira does not answer.
        """
        with read_only_view(self.file, self.client, self.environ) as view, self._writable_store() as store:
            takeover = TakeOver(replace(view.context, store=store), by, self.source)
            while True:
                try:
                    return takeover.run(self.legacy_source, legacy, store.progress())
                except OutcomeUnknown as unknown:
                    wait(unknown)

    @contextmanager
    def _writable_store(self) -> Iterator[MongoStore]:
        """Hold the lease meanwhile."""
        sync, lease = self.file.sync, self._lease()
        store = MongoStore(self.client, sync.database, lease)
        try:
            lease.hold()
            store.prepare(fleet_of(self.client, self.environ))
            store.journal.prepare(timedelta(days=sync.history_days))
            yield store
        finally:
            lease.release()

    def _lease(self) -> Lease:
        return Lease(self.client, self.file.sync.database, self.run_dir, lambda: None)
