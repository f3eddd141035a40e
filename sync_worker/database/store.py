"""What one sync remembers, in its own MongoDB database.

    progress   one document, `_id: "sync"`: the fields of `core.progress.Progress`; and `format`, the number of the
               format in which the database is written; see `database.documents.formats`
    issues     one document per issue that was seen, `_id: "user:10001"`: the fields of `core.issues.state.IssueState`;
               and, for the indexes, `waiting` while a cause is pending, and `dead_letters` while one was given up
    pairs      one document per pair of counterparts, `_id`: the user issue's id; `dev_id` is unique, too: the fields
               of `core.issues.pairs.Pair`; and, for the indexes, `is_away` and `is_missing`
    aside_…    what was remembered of issues and pairs before a person had the sync begin anew
    format_1_… what was remembered before the format was raised; see `database.documents.kept_format`
    requests   one document per request of an operator: `kind`, `issues` and `by` of `core.records.Request`
    unprocessable   one document per issue that cannot be handled now, `_id: "user:10001"`: the fields of
               `core.unprocessable.UnprocessableIssue`
    forgotten  one tombstone per issue that a person had forgotten; see `database.documents.forgotten`
    lease      who the writer is; see `database.lease`
    actions, cycles, control   what was done, and whether the sync is paused; see `database.journal`

Issues are named by their immutable ids. Every write replaces one whole document and is safe to repeat. The field
`writer` of each document is the fencing token of its last writer; see `database.documents.fencing`. A write has reached
the journals of a majority of MongoDB's servers when it returns: neither a crash nor another primary must forget what we
are about to do in Jira. A document that does not fit is a problem of its issue, not of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import MongoClient

from sync_worker.core.ports import Fate
from sync_worker.core.records import JournalEntry
from sync_worker.database.documents.conversion import PROGRESS
from sync_worker.database.documents.forgotten import ForgottenDocuments
from sync_worker.database.documents.formats import format_of, format_to_write, readable
from sync_worker.database.documents.indexes import create_indexes
from sync_worker.database.documents.issues import IssueDocuments
from sync_worker.database.documents.kept_format import keep
from sync_worker.database.documents.outbox import Outbox
from sync_worker.database.documents.pairs import PairDocuments
from sync_worker.database.documents.progress import ProgressDocument
from sync_worker.database.documents.replacing import Replacing
from sync_worker.database.documents.requests import RequestDocuments
from sync_worker.database.documents.unprocessable import UnprocessableDocuments
from sync_worker.database.journal import Journal
from sync_worker.database.lease import Lease
from sync_worker.database.mongodb_errors import errors_translated
from sync_worker.database.shared.fleet import Fleet
from sync_worker.database.shared.registry import Registry

NOWHERE = "jira_sync_nowhere"
"""The name of a database that is never written to."""


class MongoStore(
    ProgressDocument,
    IssueDocuments,
    Outbox,
    PairDocuments,
    RequestDocuments,
    UnprocessableDocuments,
    ForgottenDocuments,
    Replacing,
):
    """Satisfies `core.ports.Store`, for the writer who holds `lease`. Without the lease it can be read from."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str, lease: Lease) -> None:
        super().__init__(client, database, lease)
        self._client = client
        self.journal = Journal(client, database)
        self._registry = Registry(client, database)

    @errors_translated()
    def prepare(self, fleet: Fleet | None = None) -> bool:
        """Choose the format to write, and create the indexes of a new database; return whether it is one.

        The newest format is chosen as soon as all containers of `fleet` read it; None: there are no others. Raises
        NeedsOperator when this version does not read the database.
        """
        stored = self.stored_format()
        of_all = None if fleet is None or stored == readable()[1] else fleet.newest_format(readable()[0])
        self.format = format_to_write(stored, of_all)
        if stored == self.format:
            return False  # the indexes are there: the progress was written after them
        create_indexes(self._issues, self._pairs)
        if stored is not None:
            self._lease.check()
            keep(self._database, stored)
            self._raise_format()
        return stored is None

    @errors_translated()
    def stored_format(self) -> int | None:
        """Return the format of the database; None for a new one. Raises NeedsOperator like `prepare`."""
        return format_of(self._progress.find_one({"_id": PROGRESS}, {"format": True}) or {})

    def emptied(self) -> MongoStore:
        return MongoStore(self._client, NOWHERE, self._lease)

    def register(self, database: str) -> None:
        self._registry.register(database)

    def latest_registered(self) -> str | None:
        return self._registry.latest()

    def fate_of(self, database: str) -> Fate | None:
        return self._registry.fate_of(database)

    def record(self, entries: Sequence[JournalEntry]) -> None:
        self.journal.record(entries)

    def record_once(self, entry: JournalEntry) -> None:
        self.journal.record_once(entry)
