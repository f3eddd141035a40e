"""The issues that a person had forgotten: all that names them is erased, and a tombstone stays.

    forgotten   one document per issue, `_id: "user:10001"`; `counterpart`, named likewise, if it had one; `at`

A tombstone has no text. It keeps the sync from taking up the two again, which still carry its marks in Jira.

The request says what is erased. First it gets all names that are found. So what is interrupted is done again as a
whole, although the documents that tell of those names are gone by then. The request itself is deleted last.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from sync_model.definition.sync import Side
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.actions import KINDS
from sync_worker.core.issues.causes import REFUSED
from sync_worker.core.issues.traces import Traces
from sync_worker.core.records import Request
from sync_worker.database.documents.fencing import FencedCollections
from sync_worker.database.documents.formats import Document
from sync_worker.database.mongodb_errors import errors_translated

FIRST_FORMAT = 2
"""A version that writes an older one does not heed tombstones."""
ID_OF = {Side.USER: "_id", Side.DEV: "dev_id"}
KEY_OF = {Side.USER: "user_key", Side.DEV: "dev_key"}
OF_ISSUES = ("issues", "unprocessable")
ERASED_FROM = ("actions", *OF_ISSUES, "pairs")
"""The ends of the names of the collections whose documents are erased.

What is beside them is set aside, kept of an older format, or laid down. The pairs are the last: they tell which two
issues belong together.
"""
TEXTS_OF_CAUSES = (
    "failure.error",
    *(f"marks.{mark}.refusal" for mark in (REFUSED, *KINDS)),
)
TEXTS = {
    "actions": ("text", "cause"),
    "refusals": ("text",),
    "cycles": ("error",),
    "control": ("reason",),
    "issues": tuple(f"{causes}.{text}" for causes in ("pending", "dead", "withheld") for text in TEXTS_OF_CAUSES),
    "unprocessable": ("failure.error",),
    "progress": ("brakes.creations.first", *(f"brakes.gone.{side}.first" for side in Side), "census_failure.error"),
}
"""Where something else than the issue may name it: the ends of the names of collections, and their fields."""


class ForgottenDocuments(FencedCollections):
    """Erases what is remembered of issues, and keeps their tombstones."""

    @errors_translated()
    def forgotten(self, side: Side, ids: Collection[str]) -> set[str]:
        wanted = {"_id": {"$in": [f"{side}:{issue_id}" for issue_id in ids]}}
        return {document["_id"].partition(":")[2] for document in self._forgotten.find(wanted, {"_id": True})}

    @errors_translated()
    def recall(self, side: Side, ids: Collection[str]) -> None:
        names = [f"{side}:{issue_id}" for issue_id in ids]
        self._lease.check()
        self._forgotten.delete_many({"$or": [{"_id": {"$in": names}}, {"counterpart": {"$in": names}}]})

    @errors_translated()
    def recall_all(self, side: Side) -> None:
        self._lease.check()
        self._forgotten.delete_many({"_id": {"$regex": f"^{side}:"}})

    @errors_translated()
    def traces(self, names: Collection[str]) -> Traces:
        """Return all names of the issues with these `Traces.names`, and of their counterparts.

        Looks through all issues and pairs.
        """
        found, before = Traces.of(names), list[str]()
        while before != found.names:
            before = found.names
            self._follow_issues(found)
            self._follow_pairs(found)
            self._follow_journal(found)
        return found

    @errors_translated()
    def erase(self, request: Request) -> None:
        if self.format < FIRST_FORMAT:
            raise InvalidRequest("another container runs a version that does not know of forgotten issues; update it")
        found = self.traces(request.issues)
        self._lease.check()
        self._requests.update_one({"_id": ObjectId(request.id)}, {"$set": {"issues": found.names}})
        self._leave_tombstones(found)
        self._erase_requests(found, but=request)
        names = self._database.list_collection_names()
        for end, fields in TEXTS.items():
            self._erase_texts(found, [name for name in names if name.endswith(end)], fields)
        for end in ERASED_FROM:
            self._erase_step(end, [name for name in names if name.endswith(end)], found)

    # By which names an issue is known

    def _follow_issues(self, found: Traces) -> None:
        for name in OF_ISSUES:
            for document in self._database[name].find(_about(name, found), {"key": True}):
                side, _, issue_id = document["_id"].partition(":")
                found.add(Side(side), issue_id, document.get("key"))

    def _follow_pairs(self, found: Traces) -> None:
        for pair in self._pairs.find(_about("pairs", found)):
            for side in Side:
                found.add(side, pair.get(ID_OF[side]), pair.get(KEY_OF[side]))
            found.pair_up(pair["_id"], pair["dev_id"])

    def _follow_journal(self, found: Traces) -> None:
        """Learn keys of earlier times. A key that is another issue's now tells nothing of the one in question."""
        told = _by_side()
        for entry in self._database["actions"].find(
            _about("actions", found), {"side": 1, "issue": 1, "counterpart": 1}
        ):
            found.is_known = True
            if entry.get("side") in set(Side):
                side = Side(entry["side"])
                told[side].add(entry.get("issue"))
                told[side.other].add(entry.get("counterpart"))
        for side in Side:
            keys = {key for key in told[side] if key and "-" in key and ":" not in key} - found.keys[side]
            found.keys[side] |= keys - self._keys_of_others(side, keys, found)

    def _keys_of_others(self, side: Side, keys: Collection[str], found: Traces) -> set[str]:
        if not found.ids[side]:
            return set()
        ours, among = sorted(found.ids[side]), {"$in": sorted(keys)}
        issues = self._issues.find({"side": side, "key": among, "id": {"$nin": ours}}, {"key": True})
        pairs = self._pairs.find({KEY_OF[side]: among, ID_OF[side]: {"$nin": ours}}, {KEY_OF[side]: True})
        return {document["key"] for document in issues} | {document[KEY_OF[side]] for document in pairs}

    # What is erased, and what is left

    def _leave_tombstones(self, found: Traces) -> None:
        at = datetime.now(UTC)
        writes = []
        for name in found.issues:
            change: Document = {"$setOnInsert": {"at": at}}
            if name in found.twins:
                change["$set"] = {"counterpart": found.twins[name]}
            writes.append(UpdateOne({"_id": name}, change, upsert=True))
        self._lease.check()
        if writes:
            self._forgotten.bulk_write(writes)

    def _erase_requests(self, found: Traces, but: Request) -> None:
        """Take the issues out of other requests. One that is about nothing else is deleted: an empty one means all."""
        names = found.names
        self._lease.check()
        others = {"_id": {"$ne": ObjectId(but.id)}, "kind": {"$ne": but.kind}, "issues": {"$in": names}}
        self._requests.delete_many({**others, "$nor": [{"issues": {"$elemMatch": {"$nin": names}}}]})
        self._requests.update_many(others, {"$pull": {"issues": {"$in": names}}})

    def _erase_step(self, end: str, collections: Collection[str], found: Traces) -> None:
        for name in collections:
            self._lease.check()
            if end == "pairs":
                self._erase_counterparts(name, found)
                self._count_fewer_pairs(name, self._database[name].count_documents(_about(end, found)))
            self._database[name].delete_many(_about(end, found))

    def _count_fewer_pairs(self, pairs: str, count: int) -> None:
        """Let it be known that these pairs were not lost. If they stay for now, they are counted again."""
        progress = self._database[pairs.removesuffix("pairs") + "progress"]
        progress.update_one({"identity.pairs": {"$gte": count}}, {"$inc": {"identity.pairs": -count}})

    def _erase_counterparts(self, pairs: str, found: Traces) -> None:
        """Erase the issues of these pairs: what was set aside may tell of another counterpart than the present one."""
        partners = Traces()
        for pair in self._database[pairs].find(_about("pairs", found)):
            for side in Side:
                partners.add(side, pair.get(ID_OF[side]), pair.get(KEY_OF[side]))
        self._database[pairs.removesuffix("pairs") + "issues"].delete_many(_about("issues", partners))

    def _erase_texts(self, found: Traces, collections: Collection[str], fields: Collection[str]) -> None:
        """Put something else in the place of the keys in texts that are about other issues, or about the sync."""
        if found.pattern is None:
            return
        is_named = {"$or": [{field: {"$regex": found.pattern}} for field in fields]}
        whole = {field.partition(".")[0] for field in fields}
        for name in collections:
            self._lease.check()
            for document in self._database[name].find(is_named, dict.fromkeys(whole, True)):
                changed = {field: found.without_keys(value) for field, value in document.items() if field in whole}
                self._database[name].update_one({"_id": document["_id"]}, {"$set": changed})


def _by_side() -> dict[Side, set[Any]]:
    return {side: set() for side in Side}


def _about(end: str, found: Traces) -> Document:
    """Match the documents of a collection, by the end of its name, that are about these issues."""
    if end == "actions":
        return {"$or": [match for side in Side for match in _of_journal(side, {"$in": found.names_on(side)})]}
    by_key = [{side: {"$in": sorted(found.keys[side])}} for side in Side]
    if end == "pairs":
        by_id = [{ID_OF[side]: {"$in": sorted(found.ids[side])}} for side in Side]
        return {"$or": [*by_id, *({KEY_OF[side]: keys} for match in by_key for side, keys in match.items())]}
    of_sides = [{"side": side, "key": keys} for match in by_key for side, keys in match.items()]
    return {"$or": [{"_id": {"$in": found.issues}}, *of_sides]}


def _of_journal(side: Side, names: Document) -> list[Document]:
    return [{"side": side, "issue": names}, {"side": side.other, "counterpart": names}, {"side": None, "issue": names}]
