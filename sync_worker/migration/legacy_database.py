"""What the replaced service left in MongoDB. It is read once and never written.

    jira_mapping               user_issue_key, dev_issue_key, created_at: one document per pair
    sync_state                 name, last_sync: its cursor, and that of its monitor, which is of no use here
    user_project_issue_state,  issue_key, status, updated_at: what it last saw of an issue
    dev_project_issue_state

Its database was named exactly as the sync is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import InvalidName, OperationFailure, PyMongoError

from sync_model.definition.sync import Side
from sync_worker.core.errors import DatabaseUnavailable
from sync_worker.core.timing import LONG_AGO
from sync_worker.database.mongodb_errors import unavailable
from sync_worker.migration.legacy import LastSeen, LegacyPair, LegacyState

MAPPING = "jira_mapping"
SYNC_STATE = "sync_state"
STATES = {side: f"{side}_project_issue_state" for side in Side}
UNAUTHORIZED = 13
FIELDS = ("user_issue_key", "dev_issue_key", "created_at", "name", "last_sync", "issue_key", "status", "updated_at")
KEY = re.compile(r"[^\W\d_]\w*-[0-9]{1,20}")
LONGEST_TEXT = 255
"""Characters. Jira has no longer key, and no longer name of a status."""
TOLERANT: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
"""A date or a text that Python has no value for spoils one field, not the whole import."""
COLLECTIONS = (MAPPING, SYNC_STATE, *STATES.values())
NOT_OF_A_WORKER = ("jira-status-sync", "jira-sync")
"""Names of other documents in `sync_state`."""


class LegacyDatabase:
    """Satisfies `LegacySource`. If several databases know an issue, the later entry counts."""

    def __init__(self, client: MongoClient[dict[str, Any]], names: Collection[str]) -> None:
        """Raises ValueError when one of the names cannot be a database's."""
        try:
            self._databases = [client.get_database(name, TOLERANT) for name in sorted(names)]
        except InvalidName as error:
            raise ValueError(str(error)) from None
        self._client = client

    @property
    def address(self) -> str:
        """The databases and their servers, for people."""
        servers = sorted(self._client.topology_description.server_descriptions())
        names = " and ".join(database.name for database in self._databases)
        return f"{names} on {', '.join(f'{host}:{port}' for host, port in servers)}"

    def read(self) -> LegacyState | None:
        try:
            found = [database for database in self._databases if self._is_in_use(database)]
            if not found:
                return None
            self._databases = found
            states = {side: self._states(side) for side in Side}
            pairs = self._pairs()
            last_sync = self.last_sync()
        except PyMongoError as error:
            raise self._unavailable(error) from error
        return LegacyState(tuple(pairs), states, last_sync)

    def last_sync(self) -> datetime | None:
        try:
            found = list(self._documents(SYNC_STATE))
        except PyMongoError as error:
            raise self._unavailable(error) from error
        cursors = [document.get("last_sync") for document in found if document.get("name") not in NOT_OF_A_WORKER]
        return max((cursor for cursor in cursors if isinstance(cursor, datetime)), default=None)

    def _documents(self, collection: str) -> Iterator[dict[str, Any]]:
        # What else is in a document may be large.
        fields = dict.fromkeys(FIELDS, True)
        return (document for database in self._databases for document in database[collection].find({}, fields))

    def _is_in_use(self, database: Database[dict[str, Any]]) -> bool:
        """Tell whether the service left anything in this database.

        If it is not the only database to be read, we may lack the right to read it.
        """
        try:
            return any(database[name].find_one({}, {"_id": True}) for name in COLLECTIONS)
        except OperationFailure as error:
            if error.code != UNAUTHORIZED or len(self._databases) == 1:
                raise
            return False

    def _unavailable(self, error: PyMongoError) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"what the replaced service left in {self.address} cannot be read: {unavailable(error)}"
        )

    def _pairs(self) -> list[LegacyPair]:
        """Return the pairs, oldest first."""
        found = {}
        for document in self._documents(MAPPING):
            keys = _key(document.get("user_issue_key")), _key(document.get("dev_issue_key"))
            if all(keys):
                found[keys] = LegacyPair(*keys, _time(document.get("created_at")))
        return sorted(found.values(), key=lambda pair: pair.created or LONG_AGO)

    def _states(self, side: Side) -> dict[str, LastSeen]:
        found: dict[str, LastSeen] = {}
        for document in self._documents(STATES[side]):
            key = _key(document.get("issue_key"))
            seen = LastSeen(_text(document.get("status")), _time(document.get("updated_at")))
            if key and seen.status and (key not in found or (found[key].at or LONG_AGO) <= (seen.at or LONG_AGO)):
                found[key] = seen
        return found


def databases_with_pairs(client: MongoClient[dict[str, Any]]) -> list[str]:
    """Return the names of all databases on the server in which the replaced service left pairs.

    There are none if the server does not tell us its databases.
    """
    try:
        names = client.list_database_names()
        return [name for name in names if MAPPING in client[name].list_collection_names()]
    except PyMongoError:
        return []


def _key(value: object) -> str:
    """Return the key of an issue, which becomes a part of an address; an empty text if it is none."""
    key = _text(value)
    return key if KEY.fullmatch(key) else ""


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) and len(value) <= LONGEST_TEXT else ""


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
