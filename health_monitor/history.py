"""The history of each sync, read from its database and kept for a few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from health_monitor.databases import DatabaseClient, SyncDatabases
from sync_model.definition.sync import Sync
from sync_worker.core.errors import SyncError
from sync_worker.core.issues.state import IssueState
from sync_worker.core.records import JournalEntry, PastCycle, Pause
from sync_worker.core.unprocessable import UnprocessableIssue
from sync_worker.database.control import Control
from sync_worker.database.journal import Journal

FRESH_SECONDS = 3.0
"""A history, or the error of reading it, is returned again for so long."""
FRESH_COUNTS_SECONDS = 60.0
"""The same for the hourly counts of a sync."""
KNOWN_COUNTS_SECONDS = 600.0
"""For so long they are shown while later ones are not known."""
CYCLES = 50
ACTIONS = 100
REFUSALS = 20


@dataclass(frozen=True)
class SyncHistory:
    """The history of one sync, newest first, or the `error` of reading it.

    `per_hour` counts the actions of the last day, the oldest hour first. `failing` are the issues with changes that
    failed or were given up, `unprocessable` those that cannot be handled. `refusals` are requests that were refused.
    """

    cycles: tuple[PastCycle, ...] = ()
    actions: tuple[JournalEntry, ...] = ()
    per_hour: tuple[int, ...] = ()
    refusals: tuple[JournalEntry, ...] = ()
    failing: tuple[IssueState, ...] = ()
    unprocessable: tuple[UnprocessableIssue, ...] = ()
    pause: Pause | None = None
    error: str | None = None


@dataclass
class _CacheEntry:
    """The history of one sync, and until when on the monotonic clock it is fresh."""

    history: SyncHistory = field(default_factory=SyncHistory)
    fresh_until: float = float("-inf")
    reading: asyncio.Future[SyncHistory] | None = None


@dataclass(frozen=True)
class _Counts:
    """The actions of a sync in each hour of a day, and until when on the monotonic clock they are fresh, and shown."""

    per_hour: tuple[int, ...]
    fresh_until: float
    known_until: float


class HistoryCache:
    """Reads each sync's history at most once at a time, whoever asks. Never raises because MongoDB does not answer."""

    def __init__(self, databases: SyncDatabases) -> None:
        self._databases = databases
        self._entries: dict[str, _CacheEntry] = {}
        self._counts: dict[str, _Counts] = {}
        self._counting: asyncio.Future[None] | None = None
        self._unavailable_until, self._unavailable_reason = float("-inf"), ""
        self._counts_unavailable_until = float("-inf")

    async def history(self, sync: Sync) -> SyncHistory:
        entry = self._entries.setdefault(sync.name, _CacheEntry())
        if time.monotonic() < entry.fresh_until:
            return entry.history
        if entry.reading is None:
            entry.reading = asyncio.ensure_future(self._refresh(entry, sync))
        # A client that hangs up must not cancel the reading that others wait for.
        return await asyncio.shield(entry.reading)

    def per_hour(self, syncs: Iterable[Sync]) -> dict[str, tuple[int, ...]]:
        """Return the hourly counts of actions of these syncs, as far as they have been read. It waits for no database.

        Counts that are no longer fresh are read again in the background, those of no other syncs.
        """
        wanted = {sync.name: sync for sync in syncs}
        clock = time.monotonic()
        self._counts = {name: counts for name, counts in self._counts.items() if clock < counts.known_until}
        due = [sync for name, sync in wanted.items() if clock >= self._fresh_until(name)]
        if due and (self._counting is None or self._counting.done()):
            self._counting = asyncio.ensure_future(self._refresh_counts(due))
        return {name: self._counts[name].per_hour for name in wanted if name in self._counts}

    def forget(self, name: str) -> None:
        """Have the history of the sync `name` read again at the next request."""
        self._entries.pop(name, None)

    async def _refresh(self, entry: _CacheEntry, sync: Sync) -> SyncHistory:
        try:
            entry.history = await self._databases.call(partial(self._read, sync))
        except SyncError as error:
            entry.history = SyncHistory(error=str(error))
            self._unavailable_until, self._unavailable_reason = time.monotonic() + FRESH_SECONDS, str(error)
        finally:
            entry.fresh_until, entry.reading = time.monotonic() + FRESH_SECONDS, None
        return entry.history

    def _read(self, sync: Sync, client: DatabaseClient) -> SyncHistory:
        if time.monotonic() < self._unavailable_until:
            # The server is the same for all syncs: another one has just waited for it in vain.
            raise SyncError(self._unavailable_reason)
        journal = Journal(client, sync.database)
        control = Control(client, sync)
        return SyncHistory(
            cycles=tuple(journal.cycles(CYCLES)),
            actions=tuple(journal.actions(ACTIONS)),
            refusals=tuple(journal.refusals(REFUSALS)),
            per_hour=tuple(journal.per_hour(datetime.now(UTC))),
            failing=tuple(control.failing()),
            unprocessable=tuple(control.unprocessable()),
            pause=journal.paused(),
        )

    def _fresh_until(self, name: str) -> float:
        known = self._counts.get(name)
        return max(known.fresh_until if known else float("-inf"), self._counts_unavailable_until)

    async def _refresh_counts(self, syncs: Sequence[Sync]) -> None:
        def counts_of(sync: Sync) -> Callable[[DatabaseClient], tuple[int, ...]]:
            return lambda client: tuple(Journal(client, sync.database).per_hour(datetime.now(UTC)))

        for sync in syncs:
            try:
                per_hour = await self._databases.call(counts_of(sync))
            except SyncError:
                self._counts_unavailable_until = time.monotonic() + FRESH_SECONDS
                return
            clock = time.monotonic()
            self._counts[sync.name] = _Counts(per_hour, clock + FRESH_COUNTS_SECONDS, clock + KNOWN_COUNTS_SECONDS)
