"""`jira-sync import`: what the replaced service left is taken over, shown before it is done, and done by one writer.

The sync's worker must not run meanwhile. Until the takeover has come to its end, its worker refuses to begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from sync_model.loading import SyncFile
from sync_worker import rehearsal
from sync_worker.errors import Refused, Undecided
from sync_worker.former import Estate, Former
from sync_worker.lease import Lease
from sync_worker.memory import LONG_AGO, Importing
from sync_worker.overlay import Overlay
from sync_worker.parts import looking, silence
from sync_worker.rehearsal import Step
from sync_worker.store import MongoStore
from sync_worker.takeover import Report, TakeOver


@dataclass(frozen=True)
class Import:
    """One sync's import from `estate`, which `source` names for people, into the database on `client`'s server."""

    file: SyncFile
    client: MongoClient[dict[str, Any]]
    environ: Mapping[str, str]
    run_dir: Path
    estate: Estate
    source: str

    def preview(self, former: Former) -> tuple[Report, list[Step]]:
        """Return what the import would come to, and what the worker would do then. Nothing is changed anywhere."""
        sync = self.file.sync
        with looking(self.file, self.client, self.environ) as (jiras, store):
            overlay = Overlay(store)
            # It does not wait for search: what that hides for the moment is not shown here.
            at_once = replace(store.progress(), importing=Importing(LONG_AGO))
            report = TakeOver(sync, jiras, overlay, silence(), lambda: None).run(self.estate, former, at_once)
            return report, rehearsal.rehearse(sync, self.file.digest, jiras, overlay, lambda: None)

    def check(self) -> None:
        """Raise Refused when a worker runs the sync."""
        lease = self._lease()
        lease.look()
        if holder := lease.holder:
            advice = f"stop it first: supervisorctl stop {self.file.sync.name} (a pause is not enough)"
            raise Refused(f"process {holder.pid} on {holder.host} runs {self.file.sync.name}; {advice}")

    def run(self, former: Former, by: str, wait: Callable[[Undecided], None]) -> Report:
        """Do it, in the name of `by`; `wait` is called when search has to catch up first.

        Raises Refused when a person must do something first, Displaced when a worker runs the sync, and Unavailable
        when MongoDB or Jira does not answer.
        """
        with looking(self.file, self.client, self.environ) as (jiras, _), self._writing() as store:
            takeover = TakeOver(self.file.sync, jiras, store, silence(), lambda: None, by, self.source)
            while True:
                try:
                    return takeover.run(self.estate, former, store.progress())
                except Undecided as undecided:
                    wait(undecided)

    @contextmanager
    def _writing(self) -> Iterator[MongoStore]:
        sync, lease = self.file.sync, self._lease()
        store = MongoStore(self.client, sync.database, sync.name, lease)
        try:
            lease.hold()
            store.prepare()
            store.journal.prepare(timedelta(days=sync.history_days))
            yield store
        finally:
            lease.release()

    def _lease(self) -> Lease:
        return Lease(self.client, self.file.sync.database, self.run_dir, lambda: None)
