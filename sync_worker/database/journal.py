"""What was done and why, in the sync's own database, for people who look at it later.

    actions   one document per action, kept for `historyDays`: the fields of `core.records.JournalEntry`
    cycles    one document per cycle that ended, kept for a week: the fields of `core.records.PastCycle`
    refusals  one document per request that was refused, kept for a week: the same fields
    control   one document, `_id: "pause"`, while the sync is paused: the fields of `core.records.Pause`

Nothing here decides what the sync does, except the pause. A pause must not be lost with the primary, because a
person relies on it. MongoDB itself deletes what is too old.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from pymongo import ASCENDING, DESCENDING, MongoClient
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import OperationFailure

from sync_model.secrecy.redaction import all_redacted
from sync_worker.core.records import JournalEntry, PastCycle, Pause
from sync_worker.database.connection import answered_soon, durable_database
from sync_worker.database.mongodb_errors import errors_translated

CYCLES_KEPT = timedelta(days=7)
REFUSALS_KEPT = timedelta(days=7)
PAUSE = "pause"
SECONDS_PER_HOUR = 3600
_entry = TypeAdapter(JournalEntry)


class Journal:
    """One sync's journal. Every method may raise Unavailable. No lease is needed: the journal is only ever added to."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str) -> None:
        self._database = durable_database(client, database)
        self._actions: MongoCollection[dict[str, Any]] = self._database["actions"]
        self._cycles: MongoCollection[dict[str, Any]] = self._database["cycles"]
        self._refusals: MongoCollection[dict[str, Any]] = self._database["refusals"]
        self._control: MongoCollection[dict[str, Any]] = self._database["control"]

    @errors_translated()
    def prepare(self, keep: timedelta) -> None:
        """See that the indexes are there, and that actions are kept for `keep`."""
        _expire(self._actions, "at", keep)
        _expire(self._cycles, "started", CYCLES_KEPT)
        _expire(self._refusals, "at", REFUSALS_KEPT)
        for field in ("issue", "counterpart"):
            self._actions.create_index([(field, ASCENDING), ("at", ASCENDING)])

    @errors_translated()
    def record(self, entries: Sequence[JournalEntry]) -> None:
        if entries:
            self._actions.insert_many([all_redacted(_entry.dump_python(entry)) for entry in entries], ordered=False)

    @errors_translated()
    def record_once(self, entry: JournalEntry) -> None:
        """Record what was done for its `cause`, unless it is recorded. Looks through the whole journal."""
        document = all_redacted(_entry.dump_python(entry))
        known = {"what": entry.what, "cause": entry.cause}
        self._actions.update_one(known, {"$setOnInsert": document}, upsert=True)

    @errors_translated()
    def record_cycle(self, cycle: PastCycle) -> None:
        self._cycles.insert_one(all_redacted(asdict(cycle)))

    @errors_translated()
    def cycles(self, limit: int) -> list[PastCycle]:
        """Return the last cycles, newest first."""
        found = self._cycles.find({}, {"_id": False}).sort([("started", DESCENDING)]).limit(limit)
        return [PastCycle(**document) for document in found]

    @errors_translated()
    def actions(self, limit: int) -> list[JournalEntry]:
        """Return the last actions, newest first."""
        found = self._actions.find({}, {"_id": False}).sort([("at", DESCENDING)]).limit(limit)
        return [_entry.validate_python(document) for document in found]

    @errors_translated()
    def record_refusal(self, refusal: JournalEntry) -> None:
        """Keep a request that was refused, apart from what was done: whoever floods must not push that out of sight."""
        self._refusals.insert_one(all_redacted(_entry.dump_python(refusal)))

    @errors_translated()
    def refusals(self, limit: int) -> list[JournalEntry]:
        """Return the last requests that were refused, newest first."""
        found = self._refusals.find({}, {"_id": False}).sort([("at", DESCENDING)]).limit(limit)
        return [_entry.validate_python(document) for document in found]

    @errors_translated()
    def of_issue(self, names: Collection[str]) -> list[JournalEntry]:
        """Return all that is known of an issue, oldest first. `names` are its keys, present and past."""
        wanted = {"$in": list(names)}
        found = self._actions.find({"$or": [{"issue": wanted}, {"counterpart": wanted}]}, {"_id": False})
        return [_entry.validate_python(document) for document in found.sort([("at", ASCENDING)])]

    @errors_translated()
    def per_hour(self, now: datetime, hours: int = 24) -> list[int]:
        """Return how many actions were done in each of the last `hours` hours, oldest first."""
        counts = [0] * hours
        first = now - timedelta(hours=hours)
        since = {"$dateDiff": {"startDate": first, "endDate": "$at", "unit": "second"}}
        group = {"_id": {"$floor": {"$divide": [since, SECONDS_PER_HOUR]}}, "count": {"$sum": 1}}
        wanted = {"at": {"$gt": first, "$lte": now}, "result": "done", "side": {"$ne": None}}
        for hour in self._actions.aggregate([{"$match": wanted}, {"$group": group}]):
            # An action of this very second falls into the hour that begins now: it counts for the last one.
            counts[min(int(hour["_id"]), hours - 1)] += hour["count"]
        return counts

    # The pause

    @errors_translated()
    def paused(self) -> Pause | None:
        with answered_soon():
            found = self._control.find_one({"_id": PAUSE}, {"_id": False})
        return Pause(**found) if found else None

    @errors_translated()
    def pause(self, by: str, reason: str = "") -> None:
        """Keep the sync from working, across restarts, until `resume`. A pause that is there stays as it was."""
        document = all_redacted(asdict(Pause(by, datetime.now(UTC), reason)))
        self._control.update_one({"_id": PAUSE}, {"$setOnInsert": document}, upsert=True)

    @errors_translated()
    def resume(self) -> bool:
        """End the pause; return whether there was one."""
        return self._control.delete_one({"_id": PAUSE}).deleted_count > 0


def _expire(collection: MongoCollection[dict[str, Any]], field: str, keep: timedelta) -> None:
    """Have MongoDB delete what is older than `keep`, even if it was told another time before."""
    seconds = int(keep.total_seconds())
    try:
        collection.create_index([(field, ASCENDING)], expireAfterSeconds=seconds)
    except OperationFailure:  # the index is there, with another time
        index = {"keyPattern": {field: 1}, "expireAfterSeconds": seconds}
        collection.database.command("collMod", collection.name, index=index)
