"""What is kept of the format before (`documents.kept_format`), as a backup that `restore` can put back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from sync_worker.core.errors import NeedsOperator
from sync_worker.database.backups.backup import Contents
from sync_worker.database.backups.backup_formats import Found
from sync_worker.database.documents.conversion import PROGRESS
from sync_worker.database.documents.kept_format import KEPT, KEPT_AT, KEPT_FOR, OF_A_FORMAT, kept_name
from sync_worker.database.mongodb_errors import errors_translated

REMOVAL_TAKES = timedelta(days=1)
"""So long before the end of its time it is not put back any more: a part of it might be removed by then."""
INSTEAD = "a backup that was made before leads back"

Document = dict[str, Any]


class PreviousFormat:
    """What a database keeps of the newest of its former formats. Raises NeedsOperator when that is nothing."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        with errors_translated():
            existing = database.list_collection_names()
            self.number = max(_numbers(existing), default=0)
            progress = database[kept_name(self.number, "progress")].find_one({"_id": PROGRESS})
            if progress is None:
                why = f"its format was not raised in the last {KEPT_FOR.days} days"
                raise NeedsOperator(f"{database.name} keeps nothing of an older format: {why}; {INSTEAD}")
            made = progress.pop(KEPT_AT)
            if datetime.now(UTC) - made > KEPT_FOR - REMOVAL_TAKES:
                raise NeedsOperator(f"what {database.name} keeps of an older format is being removed; {INSTEAD}")
            counts = Counter(
                {
                    name: database[kept_name(self.number, name)].count_documents({})
                    for name in OF_A_FORMAT
                    if kept_name(self.number, name) in existing
                }
            )
        self.contents = Contents(database.name, counts, progress, made=made.isoformat(timespec="seconds"))

    def documents(self) -> Iterator[Found]:
        """Yield each document that is kept. Raises Unavailable."""
        with errors_translated():
            for name in self.contents.counts:
                for document in self._database[kept_name(self.number, name)].find().sort("_id", ASCENDING):
                    document.pop(KEPT_AT)
                    yield Found(self._database.name, name, document, 0)


def _numbers(collections: list[str]) -> Iterator[int]:
    for name in collections:
        number, _, collection = name.removeprefix(KEPT).partition("_")
        if name.startswith(KEPT) and number.isdigit() and collection == "progress":
            yield int(number)
