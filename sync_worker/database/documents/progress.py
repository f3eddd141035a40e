"""How far the sync as a whole has come: the one document in `progress`.

What is read of it is not rolled back. A server that has just become the primary does not know at once what a majority
has, and would show an older progress. So reads and writes are in one session: a read waits for what was written in it.
"""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.errors import DuplicateKeyError

from sync_worker.core.errors import DatabaseUnavailable, NeedsOperator
from sync_worker.core.progress import Progress
from sync_worker.database.documents.conversion import PROGRESS, from_progress, to_progress
from sync_worker.database.documents.fencing import FencedCollections
from sync_worker.database.lease import Lease
from sync_worker.database.mongodb_errors import errors_translated

RESTORING = "restoring"
"""A field that is there while a backup takes the place of the database, and after that was interrupted: since when."""


class ProgressDocument(FencedCollections):
    """Reads and writes the progress."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str, lease: Lease) -> None:
        super().__init__(client, database, lease)
        self._is_there = False
        """The document was there when it was read or written last. Only somebody else removes it."""

    @errors_translated()
    def progress(self) -> Progress:
        document = self._progress.find_one({"_id": PROGRESS}, session=self._in_order) or {}
        self._is_there = bool(document)
        if at := document.get(RESTORING):
            raise NeedsOperator(
                f"the restore of {at:%Y-%m-%d %H:%M} UTC did not come to its end: jira-sync restore --replace again"
            )
        return to_progress(document)

    @errors_translated()
    def is_still(self, database: str) -> bool:
        wanted = {"_id": PROGRESS, "identity.database": database}
        return self._progress.find_one(wanted, {"_id": True}, session=self._in_order) is not None

    @errors_translated()
    def save_progress(self, progress: Progress) -> None:
        self._lease.check()
        document = from_progress(progress, self._lease.token, self.format)
        ours, is_new = self._unless_superseded(PROGRESS), not self._is_there
        try:
            done = self._progress.replace_one(ours, document, upsert=is_new, session=self._in_order)
        except DuplicateKeyError:
            raise self._refusal(self._progress, [PROGRESS]) from None
        if not (is_new or done.matched_count):
            raise self._why_not_saved()
        self._is_there = True

    def _raise_format(self) -> None:
        """Have each version refuse the database that does not read `format`, before anything is written in it."""
        self._lease.check()
        change = {"$set": {"format": self.format, "writer": self._lease.token}}
        if not self._progress.update_one(
            self._unless_superseded(PROGRESS), change, session=self._in_order
        ).matched_count:
            raise self._why_not_saved()

    def _why_not_saved(self) -> Exception:
        """Return what to raise when the progress has not been replaced, although it was there."""
        if self._progress.find_one({"_id": PROGRESS}, {"_id": True}, session=self._in_order):
            return self._refusal(self._progress, [PROGRESS])
        return DatabaseUnavailable("the database was emptied meanwhile; what is in Jira is looked at first")
