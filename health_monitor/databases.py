"""The connection to the syncs' databases: calls run in threads, and end soon when MongoDB does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import pymongo
from pymongo import MongoClient

from sync_model.definition.sync import Sync
from sync_model.program_names import MONITOR
from sync_worker.core.errors import SyncError
from sync_worker.database.connection import connect
from sync_worker.database.control import Control

TIMEOUT_SECONDS = 2.5
"""For all that one call does."""
THREADS = 4

DatabaseClient = MongoClient[dict[str, Any]]
T = TypeVar("T")


class SyncDatabases:
    """The databases of a group's syncs. `url` looks up where the server is, and may raise ValueError."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._client: DatabaseClient | None = None
        self._connecting = Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="databases")

    def run(self, use: Callable[[DatabaseClient], T]) -> T:
        """Return what `use` returns, for a thread that may wait. Raises SyncError, soon."""
        with pymongo.timeout(TIMEOUT_SECONDS):
            return use(self._connected_client())

    async def call(self, use: Callable[[DatabaseClient], T]) -> T:
        """Return what `use` returns; it runs in a thread. Raises SyncError when MongoDB does not answer in time."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(self.run, use))

    async def control(self, sync: Sync, use: Callable[[Control], T]) -> T:
        """Return what `use` returns, given the sync's control. Raises SyncError."""
        return await self.call(lambda client: use(Control(client, sync)))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client:
            self._client.close()

    def _connected_client(self) -> DatabaseClient:
        """Connect at the first call and not at the start: the server's name may have to be looked up in the DNS."""
        with self._connecting:
            if self._client is None:
                try:
                    self._client = connect(self._url(), MONITOR)
                except ValueError as error:
                    raise SyncError(str(error)) from None
            return self._client
