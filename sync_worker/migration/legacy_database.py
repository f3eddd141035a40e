"""What the replaced service left in MongoDB, read once and never written.

    jira_mapping               user_issue_key, dev_issue_key, created_at: one document per pair
    sync_state                 name, last_sync: its cursor, and that of its monitor, which is of no use here
    user_project_issue_state,  issue_key, status, updated_at: what it last saw of an issue
    dev_project_issue_state

Its database was named exactly as the sync is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import InvalidName, OperationFailure, PyMongoError

from sync_model.definition import Side
from sync_worker.core.errors import DatabaseUnavailable
from sync_worker.core.timing import LONG_AGO
from sync_worker.database.mongodb_errors import unavailable
from sync_worker.migration.legacy import LastSeen, LegacyPair, LegacyState

MAPPING = "jira_mapping"
SYNC_STATE = "sync_state"
STATES = {side: f"{side}_project_issue_state" for side in Side}
UNAUTHORIZED = 13
COLLECTIONS = (MAPPING, SYNC_STATE, *STATES.values())
NOT_OF_A_WORKER = ("jira-status-sync", "jira-sync")
"""What else is in `sync_state`."""


class LegacyDatabase:
    """Satisfies `LegacySource`. Of several databases, what the later one says of an issue counts."""

    def __init__(self, client: MongoClient[dict[str, Any]], names: Collection[str]) -> None:
        """Raises ValueError when one of the names cannot be a database's."""
        try:
            self._databases = [client[name] for name in sorted(names)]
        except InvalidName as error:
            raise ValueError(str(error)) from None
        self._client = client

    @property
    def where(self) -> str:
        """Where that is, for people."""
        servers = sorted(self._client.topology_description.server_descriptions())
        names = " and ".join(each.name for each in self._databases)
        return f"{names} on {', '.join(f'{host}:{port}' for host, port in servers)}"

    def read(self) -> LegacyState | None:
        try:
            found = [each for each in self._databases if self._is_in(each)]
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
            found = [each for database in self._databases for each in database[SYNC_STATE].find()]
        except PyMongoError as error:
            raise self._unavailable(error) from error
        cursors = [each.get("last_sync") for each in found if each.get("name") not in NOT_OF_A_WORKER]
        return max((each for each in cursors if isinstance(each, datetime)), default=None)

    def _is_in(self, database: Database[dict[str, Any]]) -> bool:
        """Tell whether it left anything there. Where it is not the only place to look, it may be closed to us."""
        try:
            return any(database[name].find_one({}, {"_id": True}) for name in COLLECTIONS)
        except OperationFailure as error:
            if error.code != UNAUTHORIZED or len(self._databases) == 1:
                raise
            return False

    def _unavailable(self, error: PyMongoError) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"what the replaced service left in {self.where} cannot be read: {unavailable(error)}"
        )

    def _pairs(self) -> list[LegacyPair]:
        """Return the pairs, oldest first."""
        found = {}
        for each in (each for database in self._databases for each in database[MAPPING].find()):
            keys = _text(each.get("user_issue_key")), _text(each.get("dev_issue_key"))
            if all(keys):
                found[keys] = LegacyPair(*keys, _time(each.get("created_at")))
        return sorted(found.values(), key=lambda pair: pair.created or LONG_AGO)

    def _states(self, side: Side) -> dict[str, LastSeen]:
        found: dict[str, LastSeen] = {}
        for each in (each for database in self._databases for each in database[STATES[side]].find()):
            key, seen = _text(each.get("issue_key")), LastSeen(_text(each.get("status")), _time(each.get("updated_at")))
            if key and seen.status and (key not in found or (found[key].at or LONG_AGO) <= (seen.at or LONG_AGO)):
                found[key] = seen
        return found


def left_on(client: MongoClient[dict[str, Any]]) -> list[str]:
    """Return the names of all databases on the server in which the replaced service left pairs, if it tells them."""
    try:
        names = client.list_database_names()
        return [name for name in names if MAPPING in client[name].list_collection_names()]
    except PyMongoError:
        return []


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
