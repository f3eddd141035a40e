"""Fencing: MongoDB refuses a document of a writer that has been succeeded.

Each document carries the token of its last writer, and tokens grow. A write matches a document only if no later writer
has written it. If one has, the upsert tries to insert the document a second time, and fails as a duplicate.

A writer whose predecessor may still be at work gives its token to all documents first. A lower token then shows that
the predecessor has written a document since. That one is not overwritten: it gets our token, and is read again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bson import ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection as MongoCollection

from sync_worker.core.errors import DatabaseUnavailable
from sync_worker.database.connection import MAJORITY, durable_database
from sync_worker.database.documents import formats
from sync_worker.database.lease import Lease


class FencedCollections:
    """The collections of one sync in which each document belongs to its last writer. `lease` says who that is now."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str, lease: Lease) -> None:
        self._database = durable_database(client, database)
        self._lease = lease
        self.format = formats.readable()[0]
        """The number of the format in which documents are written."""
        self._progress = self._database.get_collection("progress", read_concern=MAJORITY)
        self._in_order = client.start_session(causal_consistency=True)
        """For the progress, which one thread at a time reads and writes."""
        self._issues = self._database["issues"]
        self._pairs = self._database["pairs"]
        self._requests = self._database["requests"]
        self._unprocessable = self._database["unprocessable"]
        self._forgotten = self._database["forgotten"]

    def _unless_superseded(self, identity: str | ObjectId) -> dict[str, Any]:
        """Match a document unless somebody else has written it since we have the right to."""
        is_ours: dict[str, Any] = {"$not": {"$gt": self._lease.token}}
        if self._lease.fenced:
            is_ours = {"$gte": self._lease.fenced, "$lte": self._lease.token}
        return {"_id": identity, "writer": is_ours}

    def _is_ours(self, document: dict[str, Any]) -> bool:
        """Tell whether `_unless_superseded` matches this document."""
        writer = document.get("writer")
        return self._lease.fenced <= writer <= self._lease.token if writer is not None else not self._lease.fenced

    def _refusal(self, collection: MongoCollection[dict[str, Any]], identities: Collection[str]) -> Exception:
        """Return what to raise when MongoDB has refused to write one of these documents as a duplicate."""
        these = {"_id": {"$in": list(identities)}}
        if collection.find_one({**these, "writer": {"$gt": self._lease.token}}):
            return self._lease.lost()
        is_rival_s = {"writer": {"$not": {"$gte": self._lease.fenced}}}
        collection.update_many({**these, **is_rival_s}, {"$max": {"writer": self._lease.fenced}})
        return DatabaseUnavailable("the worker before this one has written meanwhile; what it wrote is read first")
