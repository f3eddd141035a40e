"""A sync's database from a backup: all of it, or as it was before; and safe to work on, old as it may be.

The backup is loaded beside what is there, and then takes its place. While it does, a mark in the progress makes every
worker refuse, so that a restore that was interrupted there is noticed, whoever comes next.

What was done in Jira after the backup, the database does not know, nor what happened while the backup was made. So the
cursors go back further than a backup can take, and the progress says `restored`: before anything else is done, all
counterparts created since are found by their marks; comments are looked for before they are posted; moves that our
account made since are ours. See `engine.recovery`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from sync_model.definition import Sync
from sync_worker.core.errors import NeedsOperator
from sync_worker.core.progress import Progress, Restored
from sync_worker.core.records import JournalEntry
from sync_worker.database import backup
from sync_worker.database.lease import Lease, unavailable
from sync_worker.database.store import FORMAT, PROGRESS, RESTORING, MongoStore, create_indexes, to_progress

LOOK_BACK = timedelta(days=1)
"""Longer than a backup takes. What was done so long before its cursors is looked for again, too; and what was begun
even earlier, and has been tried again since."""
AT_ONCE = 500
OURS = ("issues", "pairs")
"""The collections of which each document carries the token of its last writer."""


class Restore:
    """Puts a backup in the place of a sync's database. `lease` is held meanwhile."""

    def __init__(self, client: MongoClient[dict[str, Any]], sync: Sync, lease: Lease) -> None:
        self._sync, self._lease = sync, lease
        durable = WriteConcern(w="majority", j=True)
        self._database: Database[dict[str, Any]] = client.get_database(sync.database, write_concern=durable)
        self._store = MongoStore(client, sync.database, lease)

    def run(self, path: Path, contents: backup.Contents, by: str, step: Callable[[int], None], *, over: bool) -> None:
        """Do it. `contents` is what a check of the file gave; `over`: what is there may be replaced.

        Raises NeedsOperator when a person must do something first, LeaseLost when a worker has begun meanwhile,
        Damaged when the file has changed since the check, and Unavailable when MongoDB does not answer.
        """
        progress = self._progress(contents)
        self._lease.look()
        if holder := self._lease.holder:
            advice = f"stop it first: supervisorctl stop {self._sync.name} (a pause is not enough)"
            raise NeedsOperator(f"process {holder.pid} on {holder.host} runs {self._sync.name}; {advice}")
        try:
            if not over and (there := self._what_is_there()):
                raise NeedsOperator(
                    f"the database {self._database.name} holds {there}; say --replace to have it replaced"
                )
            self._lease.hold()
            self._drop_drafts()
            drafts = self._load(path, contents, step)
            self._swap(drafts)
        except PyMongoError as error:
            raise unavailable(error) from error
        self._store.save_progress(progress)
        text = f"the backup of {contents.made}" if contents.made else str(path)
        self._store.record([JournalEntry(datetime.now(UTC), by, "restore", text=text)])

    def _progress(self, contents: backup.Contents) -> Progress:
        document = contents.progress or {}
        if document.get("format", FORMAT) > FORMAT:
            raise NeedsOperator("the backup was made by a newer version of jira-sync")
        if RESTORING in document:
            raise NeedsOperator("the backup is of a database that was being restored")
        progress = to_progress(document)
        back = LOOK_BACK + timedelta(hours=self._sync.retry_for_hours)
        cursors = {side: at - back for side, at in progress.cursors.items()}
        return replace(progress, cursors=cursors, restored=Restored(since=cursors))

    def _what_is_there(self) -> str:
        names = backup.collections_of(self._database)
        counts = {name: self._database[name].estimated_document_count() for name in names}
        return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)

    def _drop_drafts(self) -> None:
        """Remove what a restore that was interrupted has left."""
        for name in self._database.list_collection_names():
            if name.startswith(backup.DRAFT):
                self._database.drop_collection(name)

    def _load(self, path: Path, contents: backup.Contents, step: Callable[[int], None]) -> list[str]:
        """Load the backup into collections of its own; return the names that these are to get."""
        drafts = {name: self._database[backup.DRAFT + name] for name in OURS}
        for draft in drafts.values():
            self._database.create_collection(draft.name)
        create_indexes(drafts["issues"], drafts["pairs"])
        waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
        done = 0
        for name, document in backup.documents(path, contents):
            if name == backup.FIRST:
                continue
            writer = {"writer": self._lease.token} if name in OURS else {}
            waiting[name].append({**document, **writer})
            if len(waiting[name]) >= AT_ONCE:
                self._insert(name, waiting.pop(name))
            done += 1
            step(done)
        for name in list(waiting):
            self._insert(name, waiting.pop(name))
        return sorted({*OURS, *contents.counts} - {backup.FIRST, *backup.LEFT_OUT})

    def _insert(self, name: str, documents: list[dict[str, Any]]) -> None:
        self._lease.check()
        self._database[backup.DRAFT + name].insert_many(documents)

    def _swap(self, names: list[str]) -> None:
        """Let the loaded collections take their places, and what is not in the backup go."""
        self._lease.check()
        mark = {RESTORING: datetime.now(UTC), "format": FORMAT, "writer": self._lease.token}
        self._database["progress"].replace_one({"_id": PROGRESS}, mark, upsert=True)
        there = self._database.list_collection_names()
        for name in names:
            self._lease.check()
            if backup.DRAFT + name in there:
                self._database[backup.DRAFT + name].rename(name, dropTarget=True)
        for name in backup.collections_of(self._database):
            if name not in {*names, backup.FIRST}:
                self._database.drop_collection(name)
        self._database["requests"].delete_many({})
