"""How far the sync as a whole has come: the one document in `progress`.

What is read of it is not rolled back. A server that has just become the primary does not know at once what a majority
has, and would show an older progress. So reads and writes are in one session: a read waits for what was written in it.
"""

from __future__ import annotations

from pymongo.errors import DuplicateKeyError

from sync_worker.core.errors import NeedsOperator
from sync_worker.core.progress import Progress
from sync_worker.database.documents.conversion import PROGRESS, from_progress, to_progress
from sync_worker.database.documents.fencing import FencedCollections
from sync_worker.database.mongodb_errors import errors_translated

RESTORING = "restoring"
"""A field that is there while a backup takes the place of the database, and after that was interrupted: since when."""


class ProgressDocument(FencedCollections):
    """Reads and writes the progress."""

    @errors_translated()
    def progress(self) -> Progress:
        document = self._progress.find_one({"_id": PROGRESS}, session=self._in_order) or {}
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
        document = from_progress(progress, self._lease.token)
        try:
            ours = self._unless_superseded(PROGRESS)
            self._progress.replace_one(ours, document, upsert=True, session=self._in_order)
        except DuplicateKeyError:
            raise self._refusal(self._progress, [PROGRESS]) from None
