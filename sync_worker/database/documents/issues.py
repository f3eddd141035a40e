"""What is remembered of each issue: the documents in `issues`. `outbox` finds those with something to deliver."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import islice

from bson.errors import BSONError
from pymongo import ASCENDING, DESCENDING, ReplaceOne
from pymongo.errors import BulkWriteError, OperationFailure

from sync_model.definition.sync import Side
from sync_worker.core.concurrency import batches
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.state import IssueState
from sync_worker.database.documents.conversion import convert_all, from_state, to_state
from sync_worker.database.documents.fencing import FencedCollections
from sync_worker.database.documents.formats import Document
from sync_worker.database.mongodb_errors import LONGEST_MESSAGE, errors_translated

NAMED_AT_ONCE = 1000
"""Ids in one query."""
DUPLICATE_KEY = 11000
DOCUMENT_REFUSED = frozenset({2, 9, 52, 54, 57, 10334, 17419, 17420})
"""Codes of errors that are about the document itself, such as its size, and that no waiting mends."""


class IssueDocuments(FencedCollections):
    """Reads and writes the states of issues."""

    @errors_translated()
    def state(self, side: Side, issue_id: str) -> IssueState | None:
        document = self._issues.find_one({"_id": _identity(side, issue_id)})
        return to_state(document) if document else None

    @errors_translated()
    def states(self, side: Side, ids: Collection[str]) -> tuple[dict[str, IssueState], dict[str, str]]:
        documents = self._issues.find({"_id": {"$in": [_identity(side, issue_id) for issue_id in ids]}})
        return convert_all(((issue_id_of(document["_id"]), document) for document in documents), to_state)

    @errors_translated()
    def known(self, side: Side, ids: Collection[str]) -> set[str]:
        found: set[str] = set()
        for batch in batches(ids, NAMED_AT_ONCE):
            wanted = {"_id": {"$in": [_identity(side, issue_id) for issue_id in batch]}}
            found |= {issue_id_of(document["_id"]) for document in self._issues.find(wanted, {"_id": True})}
        return found

    @errors_translated()
    def named(self, names: Collection[str]) -> list[IssueState]:
        """Return the states of the issues with these keys or ids, on either side. Looks through all issues."""
        wanted = {"$in": list(names)}
        documents = self._issues.find({"$or": [{"key": wanted}, {"id": wanted}]})
        states, _ = convert_all(((document["_id"], document) for document in documents), to_state)
        return list(states.values())

    @errors_translated()
    def latest_states(self, side: Side, limit: int) -> list[IssueState]:
        documents = self._issues.find({"side": side}).sort("updated", DESCENDING).limit(limit)
        states, _ = convert_all(((document["_id"], document) for document in documents), to_state)
        return list(states.values())

    @errors_translated()
    def states_after(self, side: Side, issue_id: str, limit: int) -> list[IssueState]:
        wanted = {"side": side, "_id": {"$gt": _identity(side, issue_id)}}
        documents = self._issues.find(wanted).sort("_id", ASCENDING)
        return list(islice(_converted(documents), limit))

    @errors_translated()
    def save(self, states: Iterable[IssueState]) -> None:
        documents = {
            _identity(state.side, state.id): from_state(state, self._lease.token, self.format) for state in states
        }
        writes = [
            ReplaceOne(self._unless_superseded(identity), document, upsert=True)
            for identity, document in documents.items()
        ]
        self._lease.check()
        try:
            if writes:
                self._issues.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            codes = {failed.get("code") for failed in (error.details or {}).get("writeErrors", ())}
            if DUPLICATE_KEY in codes:
                raise self._refusal(self._issues, documents) from None
            if codes & DOCUMENT_REFUSED:
                raise InvalidRequest(f"its document cannot be stored: {_first_message(error)}") from error
            raise
        except OperationFailure as error:
            if error.code in DOCUMENT_REFUSED:  # what is much too large is refused with all that is in the request
                raise InvalidRequest(f"its document cannot be stored: {error}"[:LONGEST_MESSAGE]) from error
            raise
        except (BSONError, UnicodeError, OverflowError) as error:
            raise InvalidRequest(f"its document cannot be stored: {type(error).__name__}: {error}") from error

    @errors_translated()
    def forget(self, state: IssueState) -> None:
        self._lease.check()
        self._issues.delete_one(self._unless_superseded(_identity(state.side, state.id)))


def _converted(documents: Iterable[Document]) -> Iterator[IssueState]:
    for document in documents:
        with suppress(InvalidRequest):  # whoever needs that issue reports that its document does not fit
            yield to_state(document)


def _first_message(error: BulkWriteError) -> str:
    return str((error.details or {})["writeErrors"][0].get("errmsg"))[:LONGEST_MESSAGE]


def _identity(side: Side, issue_id: str) -> str:
    return f"{side}:{issue_id}"


def issue_id_of(identity: str) -> str:
    """Return the issue's id on its own site, from the `_id` of its document."""
    return identity.partition(":")[2]
