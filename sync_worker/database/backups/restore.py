"""Replaces a sync's database with a backup, and makes that safe to work on, old as it may be.

The backup is loaded into collections beside the present ones, which then take their places. Meanwhile a mark in the
progress makes every worker refuse to work. So a restore that was interrupted then is noticed, whoever comes next.

What a person had forgotten stays forgotten: the worker erases it anew from what was restored.

The database does not know what was done in Jira after the backup, nor what happened while the backup was made. So the
cursors go back further than a backup can take, and the progress says `restored`. Before anything else is done, all
counterparts created since are found by their marks (`engine.recognition.recovery`). Comments are looked for before
they are posted (`engine.intents`). Moves that our account made since are ours (`engine.detection.diff`,
`facets.status`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.errors import BulkWriteError, InvalidName, InvalidOperation, OperationFailure

from sync_model.definition.sync import Sync
from sync_worker.core.errors import NeedsOperator
from sync_worker.core.progress import Progress, Restored
from sync_worker.core.records import JournalEntry
from sync_worker.database.backups import backup
from sync_worker.database.backups.backup_formats import Found
from sync_worker.database.backups.previous_format import PreviousFormat
from sync_worker.database.connection import durable_database
from sync_worker.database.documents.conversion import PROGRESS, to_progress
from sync_worker.database.documents.formats import format_of, readable
from sync_worker.database.documents.indexes import create_indexes
from sync_worker.database.documents.kept_format import OF_A_FORMAT
from sync_worker.database.documents.progress import RESTORING
from sync_worker.database.lease import Lease
from sync_worker.database.mongodb_errors import errors_translated
from sync_worker.database.store import MongoStore

LOOK_BACK = timedelta(days=1)
"""How much further back the cursors go, besides the time for which a change is tried again. No backup takes so long."""
INSERTED_AT_ONCE = 500
MOST_BYTES_WAITING = 4 * 1024 * 1024
"""Of BSON, besides the last document. In memory, documents are several times as large."""
LONGEST_REASON = 200
INVALID_NAMESPACE = 73
WITH_WRITER = ("issues", "pairs", "unprocessable")
"""The collections in which each document carries the token of its last writer."""
FORGOTTEN = "forgotten"


class Restore:
    """Replaces a sync's database with a backup. `lease` is held meanwhile."""

    def __init__(self, client: MongoClient[dict[str, Any]], sync: Sync, lease: Lease) -> None:
        self._sync, self._lease = sync, lease
        self._database = durable_database(client, sync.database)
        self._store = MongoStore(client, sync.database, lease)

    def run(
        self, path: Path, contents: backup.Contents, by: str, step: Callable[[int], None], *, replace_existing: bool
    ) -> None:
        """Do it, in the name of `by`. `contents` is the result of `backup.check`. Raises as `_run` does."""
        text = f"the backup of {contents.made}" if contents.made else str(path)
        source = partial(backup.documents, path, contents)
        entry = JournalEntry(datetime.now(UTC), by, "restore", text=text)
        self._run(contents, source, entry, step, replace_existing=replace_existing)

    def back_to_previous_format(self, by: str, step: Callable[[int], None]) -> backup.Contents:
        """Put back what was remembered before the format was raised; return it. The journal stays.

        Raises as `_run` does, and NeedsOperator when nothing is kept.
        """
        previous = PreviousFormat(self._database)
        text = f"what was kept of format {previous.number} on {previous.contents.made}"
        entry = JournalEntry(datetime.now(UTC), by, "restore", text=text)
        self._run(previous.contents, previous.documents, entry, step, replace_existing=True, only=OF_A_FORMAT)
        return previous.contents

    def _run(
        self,
        contents: backup.Contents,
        documents: Callable[[], Iterator[Found]],
        entry: JournalEntry,
        step: Callable[[int], None],
        *,
        replace_existing: bool,
        only: Collection[str] | None = None,
    ) -> None:
        """Put `documents` in the place of what is there, or of those collections in `only`.

        Raises NeedsOperator when a person must do something first, LeaseLost when a worker has begun meanwhile,
        Damaged when the file has changed since the check, and Unavailable when MongoDB does not answer.
        """
        progress = self._progress_to_restore(contents)
        self._lease.find_holder()
        if holder := self._lease.holder:
            advice = f"stop it first: jira-sync stop {self._sync.name} (a pause is not enough)"
            raise NeedsOperator(f"process {holder.pid} on {holder.host} runs {self._sync.name}; {advice}")
        with errors_translated():
            if not replace_existing and (existing := self._count_existing()):
                raise NeedsOperator(
                    f"the database {self._database.name} holds {existing}; say --replace to have it replaced"
                )
            self._lease.hold()
            self._drop_staging()
            try:
                names = self._load(documents(), contents, step)
            except backup.Damaged:
                self._drop_staging()
                raise
            forgotten = self._keep_forgotten()
            self._swap(names, only)
            if forgotten:
                self._store.ask("forget", forgotten, entry.who)
        self._store.save_progress(progress)
        self._store.record([entry])

    def _progress_to_restore(self, contents: backup.Contents) -> Progress:
        document = contents.progress or {}
        if RESTORING in document:
            raise NeedsOperator("the backup is of a database that was being restored")
        try:
            progress = to_progress(document)
            self._store.format = format_of(document) or readable()[0]  # what is restored is of that one
        except NeedsOperator as error:
            raise NeedsOperator(f"in the backup, {error}") from None
        back = LOOK_BACK + timedelta(hours=self._sync.retry_for_hours)
        try:
            cursors = {side: at - back for side, at in progress.cursors.items()}
        except OverflowError:
            raise NeedsOperator("the backup is damaged: its cursors are of the first days of time") from None
        return replace(progress, cursors=cursors, restored=Restored(since=cursors))

    def _count_existing(self) -> str:
        names = backup.collections_of(self._database)
        counts = {name: self._database[name].estimated_document_count() for name in names}
        return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)

    def _drop_staging(self) -> None:
        """Remove what a restore that was interrupted has left."""
        for name in self._database.list_collection_names():
            if name.startswith(backup.STAGING):
                self._database.drop_collection(name)

    def _load(self, documents: Iterator[Found], contents: backup.Contents, step: Callable[[int], None]) -> list[str]:
        """Load the backup into staging collections; return the names that these are to get."""
        staging = {name: self._database[backup.STAGING + name] for name in WITH_WRITER}
        for collection in staging.values():
            self._database.create_collection(collection.name)
        create_indexes(staging["issues"], staging["pairs"])
        waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
        size = 0
        for done, (_, name, document, length) in enumerate(documents, 1):
            if name != backup.FIRST:
                writer = {"writer": self._lease.token} if name in WITH_WRITER else {}
                waiting[name].append({**document, **writer})
                size += length
            if len(waiting[name]) >= INSERTED_AT_ONCE or size >= MOST_BYTES_WAITING:
                self._insert(waiting)
                size = 0
            step(done)
        self._insert(waiting)
        return sorted({*WITH_WRITER, FORGOTTEN, *contents.counts} - {backup.FIRST, *backup.LEFT_OUT})

    def _keep_forgotten(self) -> list[str]:
        """Let the tombstones outlive the restore; return of which issues. The backup may hold what was erased since."""
        kept, staging = list(self._database[FORGOTTEN].find()), self._database[backup.STAGING + FORGOTTEN]
        self._lease.check()
        for document in kept:
            staging.replace_one({"_id": document["_id"]}, document, upsert=True)
        return [document["_id"] for document in kept]

    def _insert(self, waiting: dict[str, list[dict[str, Any]]]) -> None:
        for name, documents in waiting.items():
            self._lease.check()
            try:
                if documents:
                    self._database[backup.STAGING + name].insert_many(documents)
            except (OperationFailure, InvalidOperation, InvalidName, BSONError) as error:
                if isinstance(error, OperationFailure) and not _is_about_content(error):
                    raise
                # Nothing but the staging collections was touched.
                raise backup.Damaged(f"nothing was restored: {_refused(name, error)}") from error
        waiting.clear()

    def _swap(self, names: list[str], only: Collection[str] | None) -> None:
        """Let the loaded collections take their places.

        A collection that is not in the backup is dropped, unless it is none of those in `only`.
        """
        self._lease.check()
        mark = {RESTORING: datetime.now(UTC), "format": self._store.format, "writer": self._lease.token}
        self._database["progress"].replace_one({"_id": PROGRESS}, mark, upsert=True)
        existing = self._database.list_collection_names()
        for name in names:
            self._lease.check()
            if backup.STAGING + name in existing:
                self._database[backup.STAGING + name].rename(name, dropTarget=True)
        for name in backup.collections_of(self._database):
            if name not in {*names, backup.FIRST} and (only is None or name in only):
                self._database.drop_collection(name)
        self._database["requests"].delete_many({})


def _is_about_content(error: OperationFailure) -> bool:
    """Tell whether MongoDB refuses what was to be written, not that we write."""
    return error.code == INVALID_NAMESPACE or bool(_faults(error))


def _faults(error: Exception) -> list[dict[str, Any]]:
    return error.details.get("writeErrors", []) if isinstance(error, BulkWriteError) else []


def _refused(name: str, error: Exception) -> str:
    """Return what MongoDB does not take, and why, as a sentence."""
    faults = _faults(error)
    why = str(faults[0].get("errmsg", "")) if faults else str(error)
    return f"MongoDB does not take a document of {name[:40]} in the backup: {why[:LONGEST_REASON]}"
