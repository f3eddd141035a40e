"""Fencing: MongoDB refuses a document of a writer that has been succeeded.

Each document carries the token of its last writer, and tokens grow. A write matches a document only if no later writer
has written it. If one has, the upsert tries to insert the document a second time, and fails as a duplicate.
"""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from pymongo import MongoClient

from sync_worker.database.connection import durable_database
from sync_worker.database.lease import Lease


class FencedCollections:
    """The collections of one sync in which each document belongs to its last writer. `lease` says who that is now."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str, lease: Lease) -> None:
        self._database = durable_database(client, database)
        self._lease = lease
        self._progress = self._database["progress"]
        self._issues = self._database["issues"]
        self._pairs = self._database["pairs"]
        self._requests = self._database["requests"]
        self._unprocessable = self._database["unprocessable"]

    def _unless_superseded(self, identity: str | ObjectId) -> dict[str, Any]:
        """Match a document unless a later writer has written it."""
        return {"_id": identity, "writer": {"$not": {"$gt": self._lease.token}}}
