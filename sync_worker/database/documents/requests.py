"""What operators ask the sync's writer for: the documents in `requests`, which are deleted when they are answered."""

from __future__ import annotations

from collections.abc import Collection

from bson import ObjectId
from pymongo import ASCENDING

from sync_worker.core.records import Request
from sync_worker.database.documents.fencing import FencedCollections
from sync_worker.database.mongodb_errors import errors_translated


class RequestDocuments(FencedCollections):
    """Reads, leaves and answers requests. Whoever leaves one needs no lease."""

    @errors_translated()
    def requests(self) -> list[Request]:
        return [
            Request(
                str(document["_id"]),
                str(document.get("kind")),
                tuple(document.get("issues") or ()),
                str(document.get("by") or ""),
            )
            for document in self._requests.find().sort("_id", ASCENDING)
        ]

    @errors_translated()
    def ask(self, kind: str, issues: Collection[str], by: str = "") -> str:
        """Leave a request for the writer, in the name of `by`; return its id."""
        return str(self._requests.insert_one({"kind": kind, "issues": list(issues), "by": by}).inserted_id)

    @errors_translated()
    def is_answered(self, request_id: str) -> bool:
        return self._requests.find_one({"_id": ObjectId(request_id)}) is None

    @errors_translated()
    def answer(self, request: Request) -> None:
        self._lease.check()
        identity = ObjectId(request.id)
        # Whoever leaves a request is no writer: it has no token until a writer is succeeded.
        unless_superseded = {"_id": identity, "writer": {"$not": {"$gt": self._lease.token}}}
        deleted = self._requests.delete_one(unless_superseded).deleted_count
        if not deleted and self._requests.find_one({"_id": identity}):
            raise self._lease.lost()
