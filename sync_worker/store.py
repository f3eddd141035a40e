"""What one sync remembers, in its own MongoDB database.

    progress   one document, `_id: "sync"`:
               cursors {user, dev}     up to when, on each Jira's clock, every change is remembered
               baselines {user, dev}   changes before this were only noted (initialSyncEnabled: false)
               format                  the version of this layout
    issues     one document per issue seen, `_id: "user:10001"`: the fields of `memory.Memory`; its causes that
               are not carried out yet are in `pending`, each with the marks of what was begun and what is done
    pairs      one document per pair of counterparts, `_id`: the user issue's id; `dev_id` is unique too:
               the fields of `memory.Pair`

What the replaced service left in `jira_mapping`, here or in a database named exactly as the sync is, is read once.

Issues are named by their immutable ids. Every write replaces one whole document and is safe to repeat. A write
has reached the journal when it returns: what we are about to do in Jira must not be forgotten by a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import TypeAdapter, ValidationError
from pymongo import ASCENDING, MongoClient, ReplaceOne
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

from sync_model.definition import Side
from sync_worker.errors import Rejected, Unavailable
from sync_worker.memory import Memory, Pair, Progress

FORMAT = 1
PROGRESS = "sync"
SECONDS_TO_FIND_A_SERVER = 3
SECONDS_TO_ANSWER = 20

_memory = TypeAdapter(Memory)
_pair = TypeAdapter(Pair)
_progress = TypeAdapter(Progress)

P = ParamSpec("P")
R = TypeVar("R")


def _answered(method: Callable[Concatenate[MongoStore, P], R]) -> Callable[Concatenate[MongoStore, P], R]:
    """Make every failure of MongoDB an Unavailable: all that we ask of it is safe to ask again."""

    @wraps(method)
    def wrapper(self: MongoStore, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except PyMongoError as error:
            raise Unavailable(f"MongoDB: {_first_sentence(error)}", ambiguous=True) from error

    return wrapper


def connect(url: str, name: str) -> MongoClient[dict[str, Any]]:
    """Return a client that gives up soon enough for a stop to be answered. Raises ValueError for a wrong URL."""
    try:
        return MongoClient(
            url,
            appname=f"jira-sync {name}",
            tz_aware=True,
            serverSelectionTimeoutMS=SECONDS_TO_FIND_A_SERVER * 1000,
            connectTimeoutMS=SECONDS_TO_FIND_A_SERVER * 1000,
            socketTimeoutMS=SECONDS_TO_ANSWER * 1000,
            maxPoolSize=2,
        )
    except (PyMongoError, ValueError) as error:
        # The message of a malformed URL may quote the URL, and with it a password.
        raise ValueError(f"DATABASE_URL is not a MongoDB address ({type(error).__name__})") from None


class MongoStore:
    """Satisfies `sync_worker.edges.Store`."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str, former_database: str) -> None:
        durable = WriteConcern(w="majority", j=True)
        self._former = [client[name]["jira_mapping"] for name in {database, former_database}]
        self._database = client.get_database(database, write_concern=durable)
        self._issues = self._database["issues"]
        self._pairs = self._database["pairs"]

    @_answered
    def prepare(self) -> None:
        """Create the indexes. Raises Rejected when the database was written by a newer version."""
        document = self._database["progress"].find_one({"_id": PROGRESS}, {"format": True}) or {}
        if document.get("format", FORMAT) > FORMAT:
            raise Rejected("the database was written by a newer version of jira-sync")
        self._pairs.create_index([("dev_id", ASCENDING)], unique=True)
        self._issues.create_index(
            [("waiting.attempts", ASCENDING), ("waiting.since", ASCENDING)],
            partialFilterExpression={"waiting": {"$exists": True}},
        )

    @_answered
    def progress(self) -> Progress:
        document = self._database["progress"].find_one({"_id": PROGRESS}, {"_id": False, "format": False})
        return _progress.validate_python(document or {})

    @_answered
    def save_progress(self, progress: Progress) -> None:
        document = {**_progress.dump_python(progress), "format": FORMAT}
        self._database["progress"].replace_one({"_id": PROGRESS}, document, upsert=True)

    @_answered
    def memory(self, side: Side, issue_id: str) -> Memory | None:
        document = self._issues.find_one({"_id": f"{side}:{issue_id}"})
        return _to_memory(document) if document else None

    @_answered
    def memories(self, side: Side, ids: Collection[str]) -> dict[str, Memory]:
        documents = self._issues.find({"_id": {"$in": [f"{side}:{issue_id}" for issue_id in ids]}})
        return {memory.id: memory for memory in map(_to_memory, documents)}

    @_answered
    def save(self, memories: Iterable[Memory]) -> None:
        writes = [ReplaceOne({"_id": f"{each.side}:{each.id}"}, _from_memory(each), upsert=True) for each in memories]
        if writes:
            self._issues.bulk_write(writes, ordered=False)

    @_answered
    def waiting(self) -> list[tuple[Side, str]]:
        documents = self._issues.find({"waiting": {"$exists": True}}, {"side": True, "id": True})
        found = documents.sort([("waiting.attempts", ASCENDING), ("waiting.since", ASCENDING)])
        return [(Side(each["side"]), each["id"]) for each in found]

    @_answered
    def pair_of(self, side: Side, issue_id: str) -> Pair | None:
        document = self._pairs.find_one({f"{side}_id": issue_id}, {"_id": False})
        return _pair.validate_python(document) if document else None

    @_answered
    def paired(self, side: Side, ids: Collection[str]) -> set[str]:
        field = f"{side}_id"
        return {each[field] for each in self._pairs.find({field: {"$in": list(ids)}}, {field: True})}

    @_answered
    def former_pairs(self) -> list[tuple[str, str]]:
        documents = [document for collection in self._former for document in collection.find()]
        pairs = [(each.get("user_issue_key"), each.get("dev_issue_key")) for each in documents]
        return [(str(user_key), str(dev_key)) for user_key, dev_key in pairs if user_key and dev_key]

    @_answered
    def save_pair(self, pair: Pair) -> None:
        # The filter names both ids, so that a pair with another partner is not replaced but refused as a duplicate.
        wanted = {"_id": pair.user_id, "dev_id": pair.dev_id}
        try:
            self._pairs.replace_one(wanted, _pair.dump_python(pair), upsert=True)
        except DuplicateKeyError:
            message = f"{pair.user_key} or {pair.dev_key} already has another counterpart"
            raise Rejected(message) from None


def _to_memory(document: dict[str, Any]) -> Memory:
    fields = {key: value for key, value in document.items() if key not in ("_id", "waiting")}
    try:
        return _memory.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Rejected(f"the document {document['_id']} in `issues` does not fit: {where}: {first['msg']}") from None


def _from_memory(memory: Memory) -> dict[str, Any]:
    """Return the document for `memory`; `waiting` is there, for the index, exactly while causes are pending."""
    document: dict[str, Any] = _memory.dump_python(memory)
    if memory.pending:
        first = memory.pending[0]
        document["waiting"] = {"attempts": first.failure.attempts if first.failure else 0, "since": first.at}
    return document


def _first_sentence(error: PyMongoError) -> str:
    """Return what is wrong without the driver's long account of every server it knows."""
    return str(error).split(", Timeout:")[0].split(" (configured timeouts")[0][:200]
