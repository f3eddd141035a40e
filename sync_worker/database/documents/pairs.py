"""Which two issues are each other's counterpart: the documents in `pairs`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from pymongo import ASCENDING, DESCENDING, ReplaceOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from sync_model.definition.sync import Side
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.pairs import Pair
from sync_worker.database.documents.conversion import convert_all, from_pair, to_pair
from sync_worker.database.documents.fencing import FencedCollections
from sync_worker.database.mongodb_errors import errors_translated

ID_OF = {Side.USER: "_id", Side.DEV: "dev_id"}
"""The field of a pair with the id of a side's issue. Both are indexed."""


class PairDocuments(FencedCollections):
    """Reads and writes pairs."""

    @errors_translated()
    def pair_of(self, side: Side, issue_id: str) -> Pair | None:
        document = self._pairs.find_one({ID_OF[side]: issue_id})
        return to_pair(document) if document else None

    @errors_translated()
    def pairs_of(self, side: Side, ids: Collection[str]) -> tuple[dict[str, Pair], dict[str, str]]:
        documents = self._pairs.find({ID_OF[side]: {"$in": list(ids)}})
        return convert_all(((document[ID_OF[side]], document) for document in documents), to_pair)

    @errors_translated()
    def paired(self, side: Side, ids: Collection[str]) -> set[str]:
        return self._ids_where(side, {ID_OF[side]: {"$in": list(ids)}})

    @errors_translated()
    def count_pairs(self, *, exactly: bool = False) -> int:
        return self._pairs.count_documents({}) if exactly else self._pairs.estimated_document_count()

    @errors_translated()
    def latest_pairs(self, limit: int) -> list[Pair]:
        return list(_converted(self._pairs.find().sort("created", DESCENDING).limit(limit)))

    @errors_translated()
    def pairs_after(self, user_id: str, limit: int) -> list[Pair]:
        return list(islice(_converted(self._pairs.find({"_id": {"$gt": user_id}}).sort("_id", ASCENDING)), limit))

    @errors_translated()
    def living(self, side: Side) -> set[str]:
        return self._ids_where(side, {f"gone.{side}": {"$exists": False}})

    @errors_translated()
    def gone(self, side: Side) -> set[str]:
        return self._ids_where(side, {f"gone.{side}": {"$exists": True}})

    @errors_translated()
    def away(self) -> list[Pair]:
        return self._pairs_where({"is_away": True})

    @errors_translated()
    def missing(self) -> list[Pair]:
        return self._pairs_where({"is_missing": True})

    @errors_translated()
    def pairs_named(self, keys: Collection[str]) -> list[Pair]:
        """Return the pairs of which an issue has one of these keys, as far as we know. Looks through all pairs."""
        wanted = {"$in": list(keys)}
        return self._pairs_where({"$or": [{"user_key": wanted}, {"dev_key": wanted}]})

    @errors_translated()
    def save_pair(self, pair: Pair) -> None:
        self._lease.check()
        try:
            self._pairs.replace_one(self._same_pair(pair), from_pair(pair, self._lease.token, self.format), upsert=True)
        except DuplicateKeyError:
            either = [{"_id": pair.user_id}, {"dev_id": pair.dev_id}]
            found = list(self._pairs.find({"$or": either}, {"writer": True}))
            if any(not self._is_ours(document) for document in found):
                raise self._refusal(self._pairs, [document["_id"] for document in found]) from None
            message = f"{pair.user_key} or {pair.dev_key} already has another counterpart"
            raise InvalidRequest(message, final=True) from None

    @errors_translated()
    def save_pairs(self, pairs: Sequence[Pair]) -> None:
        """Remember the pairs. Raises InvalidRequest like `save_pair`, with all but the one in question remembered."""
        self._lease.check()
        writes = [
            ReplaceOne(self._same_pair(pair), from_pair(pair, self._lease.token, self.format), upsert=True)
            for pair in pairs
        ]
        try:
            if writes:
                self._pairs.bulk_write(writes, ordered=False)
        except BulkWriteError:
            for pair in pairs:
                self.save_pair(pair)

    @errors_translated()
    def forget_pair(self, pair: Pair) -> None:
        self._lease.check()
        self._pairs.delete_one(self._same_pair(pair))

    def _same_pair(self, pair: Pair) -> dict[str, Any]:
        # Both ids: a pair with another partner is not replaced by this one, which is then refused as a duplicate.
        return {**self._unless_superseded(pair.user_id), "dev_id": pair.dev_id}

    def _ids_where(self, side: Side, condition: dict[str, Any]) -> set[str]:
        return {document[ID_OF[side]] for document in self._pairs.find(condition, {ID_OF[side]: True})}

    def _pairs_where(self, condition: dict[str, Any]) -> list[Pair]:
        return list(_converted(self._pairs.find(condition)))


def _converted(documents: Iterable[dict[str, Any]]) -> Iterator[Pair]:
    for document in documents:
        with suppress(InvalidRequest):  # whoever needs that pair reports that its document does not fit
            yield to_pair(document)
