"""Who is to look at once: processes in other containers, which no signal of ours reaches.

In the database that all containers share:

    wakeups   one document per process, `_id`: its home and pid; `process`: the fields of `ProcessIdentity`;
              `database`: of which sync; `at`: when, on MongoDB's own clock

Whoever asks something of a worker leaves one. The monitor in the worker's container takes it, and sends the worker a
signal. It is a help, no more: a worker finds out by itself when it renews its lease.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pymongo import ASCENDING, MongoClient
from pymongo.errors import PyMongoError

from sync_worker.database.connection import SHARED_DATABASE, answered_soon, forgettable_database
from sync_worker.database.process_identity import ProcessIdentity, this_process

KEPT_SECONDS = 600
COLLECTION = "wakeups"
MOST_AT_ONCE = 100

Client = MongoClient[dict[str, Any]]


def leave(client: Client, database: str, process: ProcessIdentity) -> None:
    """Leave word for `process`, the writer of the sync of this database, to look at once."""
    key = {"_id": f"{process.home} {process.pid}"}
    word = {"process": {"$literal": asdict(process)}, "database": {"$literal": database}, "at": "$$NOW"}
    with suppress(PyMongoError), answered_soon():
        forgettable_database(client, SHARED_DATABASE)[COLLECTION].update_one(key, [{"$set": word}], upsert=True)


class Wakeups:
    """What is left for the processes of this container."""

    def __init__(self, client: Client) -> None:
        self._collection = forgettable_database(client, SHARED_DATABASE)[COLLECTION]
        self._home = this_process(Path()).home

    def prepare(self) -> None:
        """Create the indexes. Raises PyMongoError."""
        self._collection.create_index([("process.home", ASCENDING)])
        self._collection.create_index([("at", ASCENDING)], expireAfterSeconds=KEPT_SECONDS)

    def take(self, workers: Collection[int]) -> list[int]:
        """Wake those of `workers`, by their pids, for whom word is left; return them. Raises PyMongoError.

        Whoever else can write to the database can have no other process of this machine get a signal.
        """
        with answered_soon():
            found = list(self._collection.find({"process.home": self._home}).limit(MOST_AT_ONCE))
            woken = [pid for document in found if (pid := _woken(document, workers))]
            for document in found:
                # By its time, too: the next word for the same process may be there already.
                self._collection.delete_one({"_id": document["_id"], "at": document.get("at")})
        return woken


def _woken(document: dict[str, Any], workers: Collection[int]) -> int | None:
    """Send the signal; return to whom it was sent."""
    try:
        process = ProcessIdentity(**document["process"])
        if process.pid not in workers or process.is_certainly_dead():
            return None
        os.kill(process.pid, signal.SIGUSR1)
    except (KeyError, TypeError, ValueError, OSError):
        return None
    return process.pid
