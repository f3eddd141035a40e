"""Which sync databases a MongoDB server has, or had: in the database that all syncs of a server share.

    databases   one document per database, `_id`: its own id; `name`: what it was called last; `seen`: when

A database that was dropped leaves its document here. So a new one can tell that an earlier one is gone for good, and
that it was not only called differently, or was on another server. It is a help, no more: nothing depends on it that it
can be kept, and our MongoDB user may lack the right to write it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pymongo import DESCENDING, MongoClient
from pymongo.errors import PyMongoError

from sync_worker.core.ports import Fate
from sync_worker.database.documents.conversion import PROGRESS
from sync_worker.database.shared.rate_limits import DATABASE


class Registry:
    """The databases of the server that `client` is connected to. `name` is what ours is called."""

    def __init__(self, client: MongoClient[dict[str, Any]], name: str) -> None:
        self._client, self._name = client, name
        self._databases = client[DATABASE]["databases"]

    def register(self, database: str) -> None:
        with suppress(PyMongoError):
            document = {"name": self._name, "seen": datetime.now(UTC)}
            self._databases.replace_one({"_id": database}, document, upsert=True)

    def latest(self) -> str | None:
        """Return the id of the last database that was called what ours is called."""
        try:
            known = self._databases.find_one({"name": self._name}, sort=[("seen", DESCENDING)])
        except PyMongoError:
            return None
        return str(known["_id"]) if known else None

    def fate_of(self, database: str) -> Fate | None:
        try:
            known = self._databases.find_one({"_id": database})
            if known is None:
                return None
            name = str(known.get("name"))
            progress = self._client[name]["progress"].find_one({"_id": PROGRESS}, {"identity.database": True})
        except PyMongoError:
            return None
        there = ((progress or {}).get("identity") or {}).get("database")
        return Fate(name, is_gone=there != database)
