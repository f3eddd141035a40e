"""The issues that cannot be handled: the documents in `unprocessable`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pymongo.errors import DuplicateKeyError

from sync_model.definition.sync import Side
from sync_worker.core.unprocessable import UnprocessableIssue
from sync_worker.database.documents.conversion import convert_all, from_unprocessable, to_unprocessable
from sync_worker.database.documents.fencing import FencedCollections
from sync_worker.database.mongodb_errors import errors_translated


class UnprocessableDocuments(FencedCollections):
    """Reads and writes them. One whose document does not fit is left out: it is noted anew when it fails again."""

    @errors_translated()
    def unprocessable(self) -> list[UnprocessableIssue]:
        documents = self._unprocessable.find()
        found, _ = convert_all(((document["_id"], document) for document in documents), to_unprocessable)
        return list(found.values())

    @errors_translated()
    def save_unprocessable(self, issue: UnprocessableIssue) -> None:
        self._lease.check()
        document, identity = from_unprocessable(issue, self._lease.token, self.format), _identity(issue.side, issue.id)
        try:
            self._unprocessable.replace_one(self._unless_superseded(identity), document, upsert=True)
        except DuplicateKeyError:
            raise self._refusal(self._unprocessable, [identity]) from None

    @errors_translated()
    def forget_unprocessable(self, side: Side, ids: Collection[str]) -> None:
        self._lease.check()
        wanted: dict[str, Any] = {"_id": {"$in": [_identity(side, issue_id) for issue_id in ids]}}
        self._unprocessable.delete_many(wanted)


def _identity(side: Side, issue_id: str) -> str:
    return f"{side}:{issue_id}"
