"""What the syncs' databases know of the past: read in threads, cached, and given up on soon when MongoDB is dead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import pymongo
from pymongo import MongoClient

from sync_model.definition import Sync
from sync_worker.core.errors import SyncError
from sync_worker.core.records import JournalEntry, PastCycle, Pause
from sync_worker.core.state import IssueState
from sync_worker.database.connection import connect
from sync_worker.database.control import Control
from sync_worker.database.journal import Journal

PATIENCE = 2.5
"""Seconds for everything that one answer needs."""
FRESH = 3.0
"""Seconds for which what was read, or that it could not be read, is said again without asking."""
FRESH_HOURS = 60.0
CYCLES = 50
ACTIONS = 100
THREADS = 4

T = TypeVar("T")


@dataclass(frozen=True)
class SyncHistory:
    """One sync's past, newest first, or the `error` that keeps it from us. `failing`: what failed or was given up.
    `per_hour`: the actions of the last day, oldest hour first.
    """

    cycles: tuple[PastCycle, ...] = ()
    actions: tuple[JournalEntry, ...] = ()
    per_hour: tuple[int, ...] = ()
    failing: tuple[IssueState, ...] = ()
    pause: Pause | None = None
    error: str | None = None


@dataclass
class _Kept:
    """What is known of one sync, and until when on the monotonic clock it is said again."""

    past: SyncHistory = field(default_factory=SyncHistory)
    until: float = float("-inf")
    reading: asyncio.Future[SyncHistory] | None = None


class Archive:
    """Reads the syncs' databases for everybody who asks, each once at a time. Never raises for a dead MongoDB."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connected: MongoClient[dict[str, Any]] | None = None
        self._connecting = Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="history")
        self._kept: dict[str, _Kept] = {}
        self._hours: dict[str, tuple[int, ...]] = {}
        self._hours_until = float("-inf")
        self._dead_until, self._why_dead = float("-inf"), ""
        self._background: set[asyncio.Future[None]] = set()

    async def past(self, sync: Sync) -> SyncHistory:
        """Return what is known of the sync's past."""
        kept = self._kept.setdefault(sync.name, _Kept())
        if time.monotonic() < kept.until:
            return kept.past
        if kept.reading is None:
            kept.reading = asyncio.ensure_future(self._read(kept, sync))
        return await asyncio.shield(kept.reading)

    def per_hour(self, syncs: Iterable[Sync]) -> dict[str, tuple[int, ...]]:
        """Return, by sync, how much was done in each hour of the last day, as far as that is known by now; what is
        old is read anew meanwhile.
        """
        if time.monotonic() > self._hours_until:
            self._hours_until = time.monotonic() + FRESH_HOURS
            task = asyncio.ensure_future(self._read_hours(tuple(syncs)))
            self._background.add(task)
            task.add_done_callback(self._background.discard)
        return self._hours

    async def steer(self, sync: Sync, do: Callable[[Control], T]) -> T:
        """Have `do` done with the sync's steering. Raises SyncError."""
        return await self._in_thread(lambda client: do(Control(client, sync)))

    def forget(self, name: str) -> None:
        """Have the sync's past read anew when it is next asked for."""
        self._kept.pop(name, None)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._connected:
            self._connected.close()

    async def _read(self, kept: _Kept, sync: Sync) -> SyncHistory:
        try:
            kept.past = await self._in_thread(partial(self._past, sync))
        except SyncError as error:
            kept.past = SyncHistory(error=str(error))
            self._dead_until, self._why_dead = time.monotonic() + FRESH, str(error)
        finally:
            kept.until, kept.reading = time.monotonic() + FRESH, None
        return kept.past

    def _past(self, sync: Sync, client: MongoClient[dict[str, Any]]) -> SyncHistory:
        if time.monotonic() < self._dead_until:
            raise SyncError(self._why_dead)  # somebody has just waited for that in vain
        journal = Journal(client, sync.database)
        return SyncHistory(
            cycles=tuple(journal.cycles(CYCLES)),
            actions=tuple(journal.actions(ACTIONS)),
            per_hour=tuple(journal.per_hour(datetime.now(UTC))),
            failing=tuple(Control(client, sync).failing()),
            pause=journal.paused(),
        )

    async def _read_hours(self, syncs: tuple[Sync, ...]) -> None:
        def hours(sync: Sync) -> Callable[[MongoClient[dict[str, Any]]], tuple[int, ...]]:
            return lambda client: tuple(Journal(client, sync.database).per_hour(datetime.now(UTC)))

        for sync in syncs:
            try:
                self._hours[sync.name] = await self._in_thread(hours(sync))
            except SyncError:
                self._hours_until = time.monotonic() + FRESH
                return

    async def _in_thread(self, do: Callable[[MongoClient[dict[str, Any]]], T]) -> T:
        def run() -> T:
            with pymongo.timeout(PATIENCE):
                return do(self._client())

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def _client(self) -> MongoClient[dict[str, Any]]:
        """Connect when that is first needed: the address of a server may have to be looked up."""
        with self._connecting:
            if self._connected is None:
                try:
                    self._connected = connect(self._url, "health-monitor")
                except ValueError as error:
                    raise SyncError(str(error)) from None
            return self._connected
