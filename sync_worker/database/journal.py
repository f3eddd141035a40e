"""What was done and why, in the sync's own database, for people who look at it later.

    actions   one document per action, kept for `historyDays`: the fields of `state.JournalEntry`
    cycles    one document per cycle that ended, kept for a week: the fields of `heartbeat.CycleSummary`, and `error`
    control   `_id: "pause"`, there while the sync is paused: by, at, reason

Nothing here decides what the sync does, but for the pause. MongoDB deletes by itself what is too old.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from pymongo import ASCENDING, DESCENDING, MongoClient
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import OperationFailure, PyMongoError

from sync_worker.core.records import JournalEntry, PastCycle, Pause
from sync_worker.database.lease import unavailable

CYCLES_KEPT = timedelta(days=7)
PAUSE = "pause"
_entry = TypeAdapter(JournalEntry)


class Journal:
    """One sync's journal. Every method may raise Unavailable. Needs no lease: it is only ever added to."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str) -> None:
        self._database = client.get_database(database)
        self._actions: MongoCollection[dict[str, Any]] = self._database["actions"]
        self._cycles: MongoCollection[dict[str, Any]] = self._database["cycles"]
        self._control: MongoCollection[dict[str, Any]] = self._database["control"]

    def prepare(self, keep: timedelta) -> None:
        """See that the indexes are there, and that actions are kept for `keep`."""
        with _answered():
            _expire(self._actions, "at", keep)
            _expire(self._cycles, "started", CYCLES_KEPT)
            for field in ("issue", "counterpart"):
                self._actions.create_index([(field, ASCENDING), ("at", ASCENDING)])

    def record(self, entries: Sequence[JournalEntry]) -> None:
        if entries:
            with _answered():
                self._actions.insert_many([_entry.dump_python(each) for each in entries], ordered=False)

    def record_cycle(self, cycle: PastCycle) -> None:
        with _answered():
            self._cycles.insert_one(asdict(cycle))

    def cycles(self, limit: int) -> list[PastCycle]:
        """Return the last cycles, newest first."""
        with _answered():
            found = self._cycles.find({}, {"_id": False}).sort([("started", DESCENDING)]).limit(limit)
            return [PastCycle(**each) for each in found]

    def actions(self, limit: int) -> list[JournalEntry]:
        """Return the last actions, newest first."""
        with _answered():
            found = self._actions.find({}, {"_id": False}).sort([("at", DESCENDING)]).limit(limit)
            return [_entry.validate_python(each) for each in found]

    def of_issue(self, names: Collection[str]) -> list[JournalEntry]:
        """Return all that is known of an issue, oldest first. `names` are its keys, present and past."""
        with _answered():
            wanted = {"$in": list(names)}
            found = self._actions.find({"$or": [{"issue": wanted}, {"counterpart": wanted}]}, {"_id": False})
            return [_entry.validate_python(each) for each in found.sort([("at", ASCENDING)])]

    def per_hour(self, now: datetime, hours: int = 24) -> list[int]:
        """Return how many actions were done in each of the last `hours` hours, oldest first."""
        counts = [0] * hours
        first = now - timedelta(hours=hours)
        since = {"$dateDiff": {"startDate": first, "endDate": "$at", "unit": "second"}}
        group = {"_id": {"$floor": {"$divide": [since, 3600]}}, "count": {"$sum": 1}}
        wanted = {"at": {"$gt": first, "$lte": now}, "result": "done", "side": {"$ne": None}}
        with _answered():
            for each in self._actions.aggregate([{"$match": wanted}, {"$group": group}]):
                counts[min(int(each["_id"]), hours - 1)] += each["count"]
        return counts

    # The pause

    def paused(self) -> Pause | None:
        with _answered():
            found = self._control.find_one({"_id": PAUSE}, {"_id": False})
            return Pause(**found) if found else None

    def pause(self, by: str, reason: str = "") -> None:
        """Keep the sync from working, across restarts, until `resume`. A pause that is there stays as it was."""
        document = asdict(Pause(by, datetime.now(UTC), reason))
        with _answered():
            self._control.update_one({"_id": PAUSE}, {"$setOnInsert": document}, upsert=True)

    def resume(self) -> bool:
        """End the pause; return whether there was one."""
        with _answered():
            return self._control.delete_one({"_id": PAUSE}).deleted_count > 0


class _answered:  # noqa: N801 - reads as a statement where it is used
    """Makes every failure of MongoDB an Unavailable."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PyMongoError):
            raise unavailable(error) from error


def _expire(collection: MongoCollection[dict[str, Any]], field: str, keep: timedelta) -> None:
    """Have MongoDB delete what is older than `keep`, also where it was told another time before."""
    seconds = int(keep.total_seconds())
    try:
        collection.create_index([(field, ASCENDING)], expireAfterSeconds=seconds)
    except OperationFailure:
        index = {"keyPattern": {field: 1}, "expireAfterSeconds": seconds}
        collection.database.command("collMod", collection.name, index=index)
