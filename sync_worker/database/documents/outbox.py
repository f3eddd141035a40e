"""The outbox: which issues have changes that are not carried out yet, and which of them are due.

`waiting` in an issue's document says how its first pending cause stands. All queries here go by it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo import ASCENDING

from sync_model.definition.sync import Side
from sync_worker.core.decisions.retry import LATEST_TRY
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import Backlog, FailingIssue, Waiting
from sync_worker.database.documents.conversion import to_state
from sync_worker.database.documents.fencing import FencedCollections
from sync_worker.database.documents.formats import Document
from sync_worker.database.documents.issues import issue_id_of
from sync_worker.database.mongodb_errors import errors_translated


class Outbox(FencedCollections):
    """Finds issues by what waits for them."""

    @errors_translated()
    def due(self, side: Side, now: datetime, limit: int) -> list[Waiting]:
        documents = self._issues.find(_is_due(side, now), {"id": True, "waiting": True})
        found = documents.sort([("waiting.attempts", ASCENDING), ("waiting.since", ASCENDING)]).limit(limit)
        return [_to_waiting(side, document, now) for document in found]

    @errors_translated()
    def count_due(self, side: Side, now: datetime) -> int:
        return self._issues.count_documents(_is_due(side, now))

    @errors_translated()
    def waiting(self, side: Side) -> list[str]:
        return [document["id"] for document in self._issues.find(_is_waiting(side), {"_id": False, "id": True})]

    @errors_translated()
    def next_try(self, side: Side, after: datetime) -> datetime | None:
        wanted = _is_waiting(side) | {"waiting.next_try": {"$gt": after}}
        document = self._issues.find_one(wanted, {"waiting": True}, sort=[("waiting.next_try", ASCENDING)])
        return document["waiting"]["next_try"] if document else None

    @errors_translated()
    def backlog(self) -> Backlog:
        queued = sum(self._issues.count_documents(_is_waiting(side)) for side in Side)
        dead = self._issues.find({"dead_letters": {"$exists": True}}, {"dead_letters": True})
        first = {side: self._first_by(side, "since") for side in Side} if queued else {}
        oldest = {side: document["waiting"]["since"] for side, document in first.items() if document}
        failing = self._longest_failing() if queued else None
        return Backlog(queued, sum(document["dead_letters"] for document in dead), oldest, failing)

    @errors_translated()
    def failing(self) -> list[IssueState]:
        states = []
        failed = [_is_waiting(side) | {"waiting.attempts": {"$gt": 0}} for side in Side]
        for document in self._issues.find({"$or": [{"dead_letters": {"$exists": True}}, *failed]}):
            with suppress(InvalidRequest):  # whoever needs that issue reports that its document does not fit
                states.append(to_state(document))
        return states

    def _first_by(self, side: Side, field: str) -> Document | None:
        """Return the document of the issue of `side` with the earliest time in this field of `waiting`."""
        wanted = _is_waiting(side) | {f"waiting.{field}": {"$type": "date"}}
        return self._issues.find_one(wanted, sort=[(f"waiting.{field}", ASCENDING)])

    def _longest_failing(self) -> FailingIssue | None:
        found = [document for side in Side if (document := self._first_by(side, "failing_since"))]
        with suppress(InvalidRequest):  # whoever needs that issue reports that its document does not fit
            for document in sorted(found, key=lambda document: document["waiting"]["failing_since"]):
                state = to_state(document)
                if state.pending and (failure := state.pending[0].failure):
                    return FailingIssue(state.key, failure.first_at, failure.attempts, failure.error)
        return None


def _is_waiting(side: Side) -> dict[str, Any]:
    # The indexes hold only documents with `waiting`. MongoDB uses them only for a query that says so.
    return {"side": side, "waiting": {"$exists": True}}


def _is_due(side: Side, now: datetime) -> dict[str, Any]:
    """Match what `core.decisions.retry.is_due` says of. Each part of it goes by an index."""
    times = ({"$lte": now}, {"$gt": now + LATEST_TRY})
    return {"$or": [_is_waiting(side) | {"waiting.next_try": time} for time in times]}


def _to_waiting(side: Side, document: Document, now: datetime) -> Waiting:
    """Return what `waiting` says, whatever somebody may have made of it by hand."""
    attempts, since = document["waiting"].get("attempts"), document["waiting"].get("since")
    return Waiting(
        side,
        issue_id_of(document["_id"]),
        attempts if isinstance(attempts, int) else 0,
        since if isinstance(since, datetime) else now,
    )
