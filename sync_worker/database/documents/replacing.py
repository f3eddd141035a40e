"""Replacing all that is remembered of issues and pairs at once: by nothing, or by what was laid down beside it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pymongo import InsertOne

from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.database.documents.conversion import from_pair, from_state
from sync_worker.database.documents.fencing import FencedCollections
from sync_worker.database.documents.indexes import create_indexes
from sync_worker.database.mongodb_errors import errors_translated

ASIDE = "aside_"
"""How the names of collections begin that were set aside. The time of that follows, and the former name."""
MOVING = "moving_"
"""How the names of collections begin in which something is laid down, until it is put in place."""


class Replacing(FencedCollections):
    """Replaces the documents of all issues and pairs. The progress is the caller's."""

    @errors_translated()
    def begin_anew(self) -> None:
        """It may be interrupted, and is then done again: what is set aside already is not there any more."""
        at = f"{datetime.now(UTC):%Y%m%d%H%M%S}"
        existing = self._database.list_collection_names()
        for collection in (self._issues, self._pairs):
            if collection.name in existing:
                self._lease.check()
                collection.rename(f"{ASIDE}{at}_{collection.name}")
        create_indexes(self._issues, self._pairs)

    @errors_translated()
    def stage_nothing(self) -> None:
        self._lease.check()
        for name in (self._issues.name, self._pairs.name):
            self._database.drop_collection(MOVING + name)
            self._database.create_collection(MOVING + name)
        create_indexes(self._database[MOVING + self._issues.name], self._database[MOVING + self._pairs.name])

    @errors_translated()
    def stage(self, states: Iterable[IssueState], pairs: Iterable[Pair]) -> None:
        token = self._lease.token
        documents = {
            self._issues.name: [
                {"_id": f"{state.side}:{state.id}", **from_state(state, token, self.format)} for state in states
            ],
            self._pairs.name: [{"_id": pair.user_id, **from_pair(pair, token, self.format)} for pair in pairs],
        }
        self._lease.check()
        for name, staged in documents.items():
            if staged:
                self._database[MOVING + name].bulk_write([InsertOne(document) for document in staged])

    @errors_translated()
    def put_in_place(self) -> None:
        existing = self._database.list_collection_names()
        for collection in (self._issues, self._pairs):
            if MOVING + collection.name in existing:
                self._lease.check()
                self._database[MOVING + collection.name].rename(collection.name, dropTarget=True)
