"""What one sync remembers, in its own MongoDB database.

    progress   one document, `_id: "sync"`:
               cursors {user, dev}     up to when, on each Jira's clock, every change is remembered
               baselines {user, dev}   changes before this were only noted (initialSyncEnabled: false)
               format                  the version of this layout
    issues     one document per issue seen, `_id: "user:10001"`: the fields of `state.IssueState`; its causes that
               are not carried out yet are in `pending`, each with the marks of what was begun and what is done, and
               with its failure, if the last attempt failed; those that were given up are in `dead`
    pairs      one document per pair of counterparts, `_id`: the user issue's id; `dev_id` is unique too:
               the fields of `state.Pair`
    requests   what operators ask the writer for: kind ("retry", "dismiss"), issues ("user:10001"; none means all), by
    lease      who the writer is; see `sync_worker.database.lease`
    actions, cycles, control   what was done, and whether it is to pause; see `sync_worker.database.journal`

Issues are named by their immutable ids. Every write replaces one whole document, is safe to repeat, and is refused
when a later writer has written the document. A write has reached the journal when it returns: what we are about to
do in Jira must not be forgotten by a crash. A document that does not fit is a problem of its issue, not of others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from bson import ObjectId
from pydantic import TypeAdapter, ValidationError
from pymongo import ASCENDING, MongoClient, ReplaceOne
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

from sync_model.definition import Side
from sync_worker.core.errors import InvalidRequest, NeedsOperator
from sync_worker.core.pairs import Pair
from sync_worker.core.ports import Backlog, FailingIssue, Waiting
from sync_worker.core.progress import Progress
from sync_worker.core.records import JournalEntry, Request
from sync_worker.core.state import IssueState
from sync_worker.core.timing import LONG_AGO
from sync_worker.database import driver_threads
from sync_worker.database.journal import Journal
from sync_worker.database.lease import Lease, unavailable

FORMAT = 1
PROGRESS = "sync"
RESTORING = "restoring"
"""In the progress, while the database is being replaced by a backup, and when that was interrupted: since when."""
SECONDS_TO_FIND_A_SERVER = 3
SECONDS_TO_ANSWER = 20
SECONDS_BETWEEN_CHECKS = 120
"""Whether the server is there, while nobody asks it anything; who does finds out at once."""
CONNECTIONS = 2
DUPLICATE_KEY = 11000
ID_OF = {Side.USER: "_id", Side.DEV: "dev_id"}
"""Where a side's issue is named in a pair: both are indexed."""

_issue_state = TypeAdapter(IssueState)
_pair = TypeAdapter(Pair)
_progress = TypeAdapter(Progress)

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


def _answered(method: Callable[Concatenate[MongoStore, P], R]) -> Callable[Concatenate[MongoStore, P], R]:
    """Make every failure of MongoDB an Unavailable: all that we ask of it is safe to ask again."""

    @wraps(method)
    def wrapper(self: MongoStore, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except PyMongoError as error:
            raise unavailable(error) from error

    return wrapper


def connect(url: str, name: str) -> MongoClient[dict[str, Any]]:
    """Return a client that gives up soon enough for a stop to be answered. Raises ValueError for a wrong URL."""
    driver_threads.install()
    try:
        return MongoClient(
            url,
            appname=f"jira-sync {name}",
            tz_aware=True,
            serverSelectionTimeoutMS=SECONDS_TO_FIND_A_SERVER * 1000,
            connectTimeoutMS=SECONDS_TO_FIND_A_SERVER * 1000,
            socketTimeoutMS=SECONDS_TO_ANSWER * 1000,
            maxPoolSize=CONNECTIONS,
            # One more connection, to see whether the server is there: it is asked now and then instead of over a
            # connection that stands open for its answer, beside which another one would measure how fast it is.
            serverMonitoringMode="poll",
            heartbeatFrequencyMS=SECONDS_BETWEEN_CHECKS * 1000,
            # Nothing is opened before it is needed; see `sync_worker.runtime.warm_up`.
            connect=False,
        )
    except (PyMongoError, ValueError) as error:
        # The message of a malformed URL may quote the URL, and with it a password.
        raise ValueError(f"DATABASE_URL is not a MongoDB address ({type(error).__name__})") from None


class MongoStore:
    """Satisfies `sync_worker.core.ports.Store`, for the writer who holds `lease`."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str, lease: Lease) -> None:
        durable = WriteConcern(w="majority", j=True)
        self._database = client.get_database(database, write_concern=durable)
        self._lease = lease
        self.journal = Journal(client, database)
        self._issues = self._database["issues"]
        self._pairs = self._database["pairs"]
        self._requests = self._database["requests"]

    @_answered
    def prepare(self) -> bool:
        """Create the indexes of a new database; return whether it is one.

        Raises NeedsOperator when it was written by a newer version.
        """
        document = self._database["progress"].find_one({"_id": PROGRESS}, {"format": True}) or {}
        if document.get("format", FORMAT) > FORMAT:
            raise NeedsOperator("the database was written by a newer version of jira-sync")
        if document.get("format") == FORMAT:
            return False  # the indexes are there: the progress was written after them
        create_indexes(self._issues, self._pairs)
        return True

    @_answered
    def progress(self) -> Progress:
        document = self._database["progress"].find_one({"_id": PROGRESS}) or {}
        if at := document.get(RESTORING):
            raise NeedsOperator(
                f"the restore of {at:%Y-%m-%d %H:%M} UTC did not come to its end: jira-sync restore --replace again"
            )
        return to_progress(document)

    @_answered
    def save_progress(self, progress: Progress) -> None:
        self._lease.check()
        document = {**_progress.dump_python(progress), "format": FORMAT, "writer": self._lease.token}
        try:
            self._database["progress"].replace_one(self._ours(PROGRESS), document, upsert=True)
        except DuplicateKeyError:
            raise self._lease.lost() from None

    # Issues

    @_answered
    def state(self, side: Side, issue_id: str) -> IssueState | None:
        document = self._issues.find_one({"_id": f"{side}:{issue_id}"})
        return _to_state(document) if document else None

    @_answered
    def states(self, side: Side, ids: Collection[str]) -> tuple[dict[str, IssueState], dict[str, str]]:
        documents = self._issues.find({"_id": {"$in": [f"{side}:{issue_id}" for issue_id in ids]}})
        return _fitting(((each["_id"].partition(":")[2], each) for each in documents), _to_state)

    @_answered
    def save(self, states: Iterable[IssueState]) -> None:
        writes = [
            ReplaceOne(self._ours(f"{each.side}:{each.id}"), self._from_state(each), upsert=True) for each in states
        ]
        self._lease.check()
        try:
            if writes:
                self._issues.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            if any(each.get("code") == DUPLICATE_KEY for each in (error.details or {}).get("writeErrors", ())):
                raise self._lease.lost() from None
            raise

    @_answered
    def forget(self, state: IssueState) -> None:
        self._lease.check()
        self._issues.delete_one(self._ours(f"{state.side}:{state.id}"))

    @_answered
    def due(self, side: Side, now: datetime, limit: int) -> list[Waiting]:
        documents = self._issues.find(_due(side, now), {"id": True, "waiting": True})
        found = documents.sort([("waiting.attempts", ASCENDING), ("waiting.since", ASCENDING)]).limit(limit)
        return [_waiting_issue(side, each, now) for each in found]

    @_answered
    def count_due(self, side: Side, now: datetime) -> int:
        return self._issues.count_documents(_due(side, now))

    @_answered
    def next_try(self, side: Side, after: datetime) -> datetime | None:
        wanted = _waiting(side) | {"waiting.next_try": {"$gt": after}}
        document = self._issues.find_one(wanted, {"waiting": True}, sort=[("waiting.next_try", ASCENDING)])
        return document["waiting"]["next_try"] if document else None

    @_answered
    def backlog(self) -> Backlog:
        queued = sum(self._issues.count_documents(_waiting(side)) for side in Side)
        dead = self._issues.find({"dead_letters": {"$exists": True}}, {"dead_letters": True})
        first = {side: self._first_waiting(side, "since") for side in Side} if queued else {}
        oldest = {side: document["waiting"]["since"] for side, document in first.items() if document}
        failing = self._longest_failing() if queued else None
        return Backlog(queued, sum(each["dead_letters"] for each in dead), oldest, failing)

    def _first_waiting(self, side: Side, field: str) -> dict[str, Any] | None:
        wanted = _waiting(side) | {f"waiting.{field}": {"$type": "date"}}
        return self._issues.find_one(wanted, sort=[(f"waiting.{field}", ASCENDING)])

    def _longest_failing(self) -> FailingIssue | None:
        found = [each for side in Side if (each := self._first_waiting(side, "failing_since"))]
        with suppress(InvalidRequest):  # one that does not fit is said where it is needed
            for document in sorted(found, key=lambda each: each["waiting"]["failing_since"]):
                state = _to_state(document)
                if state.pending and (failure := state.pending[0].failure):
                    return FailingIssue(state.key, failure.first_at, failure.attempts, failure.error)
        return None

    @_answered
    def failing(self) -> list[IssueState]:
        found = []
        failed = [_waiting(side) | {"waiting.attempts": {"$gt": 0}} for side in Side]
        for document in self._issues.find({"$or": [{"dead_letters": {"$exists": True}}, *failed]}):
            with suppress(InvalidRequest):  # one that does not fit is said where it is needed
                found.append(_to_state(document))
        return found

    # Pairs

    @_answered
    def pair_of(self, side: Side, issue_id: str) -> Pair | None:
        document = self._pairs.find_one({ID_OF[side]: issue_id})
        return _to_pair(document) if document else None

    @_answered
    def pairs_of(self, side: Side, ids: Collection[str]) -> tuple[dict[str, Pair], dict[str, str]]:
        documents = self._pairs.find({ID_OF[side]: {"$in": list(ids)}})
        return _fitting(((each[ID_OF[side]], each) for each in documents), _to_pair)

    @_answered
    def paired(self, side: Side, ids: Collection[str]) -> set[str]:
        field = ID_OF[side]
        return {each[field] for each in self._pairs.find({field: {"$in": list(ids)}}, {field: True})}

    @_answered
    def living(self, side: Side) -> set[str]:
        there = {f"gone.{side}": {"$exists": False}}
        return {each[ID_OF[side]] for each in self._pairs.find(there, {ID_OF[side]: True})}

    @_answered
    def gone(self, side: Side) -> set[str]:
        deleted = {f"gone.{side}": {"$exists": True}}
        return {each[ID_OF[side]] for each in self._pairs.find(deleted, {ID_OF[side]: True})}

    @_answered
    def away(self) -> list[Pair]:
        return list(self._pairs_where({"is_away": True}))

    @_answered
    def missing(self) -> list[Pair]:
        return list(self._pairs_where({"is_missing": True}))

    def _pairs_where(self, condition: dict[str, Any]) -> Iterator[Pair]:
        for document in self._pairs.find(condition):
            with suppress(InvalidRequest):  # said where the pair is needed
                yield _to_pair(document)

    @_answered
    def save_pair(self, pair: Pair) -> None:
        # The filter names both ids, so that a pair with another partner is not replaced but refused as a duplicate.
        self._lease.check()
        wanted = {**self._ours(pair.user_id), "dev_id": pair.dev_id}
        try:
            self._pairs.replace_one(wanted, self._from_pair(pair), upsert=True)
        except DuplicateKeyError:
            either = [{"_id": pair.user_id}, {"dev_id": pair.dev_id}]
            if self._pairs.find_one({"$or": either, "writer": {"$gt": self._lease.token}}):
                raise self._lease.lost() from None
            message = f"{pair.user_key} or {pair.dev_key} already has another counterpart"
            raise InvalidRequest(message, final=True) from None

    @_answered
    def save_pairs(self, pairs: Sequence[Pair]) -> None:
        """Remember the pairs. Raises InvalidRequest like `save_pair`, with all but the one in question remembered."""
        self._lease.check()
        writes = [
            ReplaceOne({**self._ours(pair.user_id), "dev_id": pair.dev_id}, self._from_pair(pair), upsert=True)
            for pair in pairs
        ]
        try:
            if writes:
                self._pairs.bulk_write(writes, ordered=False)
        except BulkWriteError:
            for pair in pairs:
                self.save_pair(pair)

    @_answered
    def forget_pair(self, pair: Pair) -> None:
        self._lease.check()
        self._pairs.delete_one({**self._ours(pair.user_id), "dev_id": pair.dev_id})

    # For commands: these look through all there is

    @_answered
    def named(self, names: Collection[str]) -> list[IssueState]:
        """Return what is remembered of the issues with these keys or ids, on either side."""
        wanted = {"$in": list(names)}
        found, _ = _fitting(
            ((each["_id"], each) for each in self._issues.find({"$or": [{"key": wanted}, {"id": wanted}]})), _to_state
        )
        return list(found.values())

    @_answered
    def pairs_named(self, keys: Collection[str]) -> list[Pair]:
        """Return the pairs of which an issue has one of these keys, as far as we know."""
        wanted = {"$in": list(keys)}
        return list(self._pairs_where({"$or": [{"user_key": wanted}, {"dev_key": wanted}]}))

    def record(self, entries: Sequence[JournalEntry]) -> None:
        self.journal.record(entries)

    # What operators ask for

    @_answered
    def requests(self) -> list[Request]:
        return [
            Request(str(each["_id"]), str(each.get("kind")), tuple(each.get("issues") or ()), str(each.get("by") or ""))
            for each in self._requests.find().sort("_id", ASCENDING)
        ]

    @_answered
    def ask(self, kind: str, issues: Collection[str], by: str = "") -> str:
        """Leave a request for the writer, in the name of `by`; return its id."""
        return str(self._requests.insert_one({"kind": kind, "issues": list(issues), "by": by}).inserted_id)

    @_answered
    def is_answered(self, request_id: str) -> bool:
        return self._requests.find_one({"_id": ObjectId(request_id)}) is None

    @_answered
    def answer(self, request: Request) -> None:
        self._lease.check()
        identity = ObjectId(request.id)
        deleted = self._requests.delete_one(self._ours(identity)).deleted_count
        if not deleted and self._requests.find_one({"_id": identity}):
            raise self._lease.lost()

    def _ours(self, identity: str | ObjectId) -> dict[str, Any]:
        """Match a document unless a later writer has written it; an upsert then fails, because it is there."""
        return {"_id": identity, "writer": {"$not": {"$gt": self._lease.token}}}

    def _from_pair(self, pair: Pair) -> dict[str, Any]:
        """Return the document, with what the indexes look for."""
        states = {"is_away": bool(pair.away), "is_missing": bool(set(pair.missing) - set(pair.gone))}
        marks = {name: True for name, holds in states.items() if holds}
        return {**_pair.dump_python(pair), **marks, "writer": self._lease.token}

    def _from_state(self, state: IssueState) -> dict[str, Any]:
        """Return the document; `waiting` is there, for the index, exactly while causes are pending."""
        document: dict[str, Any] = {**_issue_state.dump_python(state), "writer": self._lease.token}
        if state.pending:
            first = state.pending[0]
            attempts, next_try = (first.failure.attempts, first.failure.next_try) if first.failure else (0, LONG_AGO)
            document["waiting"] = {"attempts": attempts, "since": first.at, "next_try": next_try}
            if first.failure:
                document["waiting"]["failing_since"] = first.failure.first_at
        if state.dead:
            document["dead_letters"] = len(state.dead)
        return document


def create_indexes(issues: MongoCollection[dict[str, Any]], pairs: MongoCollection[dict[str, Any]]) -> None:
    pairs.create_index([("dev_id", ASCENDING)], unique=True)
    for name in ("away", "missing"):
        pairs.create_index([(f"is_{name}", ASCENDING)], sparse=True)
    order = [("side", ASCENDING), ("waiting.attempts", ASCENDING), ("waiting.since", ASCENDING)]
    issues.create_index(order, partialFilterExpression={"waiting": {"$exists": True}})
    for field in ("next_try", "since", "failing_since"):
        times = [("side", ASCENDING), (f"waiting.{field}", ASCENDING)]
        issues.create_index(times, partialFilterExpression={"waiting": {"$exists": True}})
    issues.create_index([("dead_letters", ASCENDING)], sparse=True)


def to_progress(document: dict[str, Any]) -> Progress:
    """Return what a document in `progress` says. Raises NeedsOperator when it does not fit."""
    try:
        return _progress.validate_python(_without(document, "_id", "format", "writer"))
    except ValidationError as error:
        raise NeedsOperator(f"the document {PROGRESS} in `progress` does not fit: {_what(error)}; mend it") from None


def _waiting_issue(side: Side, document: dict[str, Any], now: datetime) -> Waiting:
    """Return what `due` tells of a document, whatever somebody may have made of it by hand."""
    attempts, since = document["waiting"].get("attempts"), document["waiting"].get("since")
    return Waiting(
        side,
        document["_id"].partition(":")[2],
        attempts if isinstance(attempts, int) else 0,
        since if isinstance(since, datetime) else now,
    )


def _waiting(side: Side) -> dict[str, Any]:
    # That `waiting` exists has to be said: MongoDB uses the indexes, which hold only such documents, no other way.
    return {"side": side, "waiting": {"$exists": True}}


def _due(side: Side, now: datetime) -> dict[str, Any]:
    return _waiting(side) | {"waiting.next_try": {"$lte": now}}


def _fitting(
    documents: Iterable[tuple[str, dict[str, Any]]], read: Callable[[dict[str, Any]], T]
) -> tuple[dict[str, T], dict[str, str]]:
    """Return what `read` makes of the documents, by issue id, and why it makes nothing of the others."""
    found: dict[str, T] = {}
    unprocessable: dict[str, str] = {}
    for issue_id, document in documents:
        try:
            found[issue_id] = read(document)
        except InvalidRequest as error:
            unprocessable[issue_id] = str(error)
    return found, unprocessable


def _to_state(document: dict[str, Any]) -> IssueState:
    try:
        return _issue_state.validate_python(_without(document, "_id", "waiting", "writer", "dead_letters"))
    except ValidationError as error:
        raise InvalidRequest(f"the document {document['_id']} in `issues` does not fit: {_what(error)}") from None


def _to_pair(document: dict[str, Any]) -> Pair:
    try:
        return _pair.validate_python(_without(document, "_id", "writer", "is_away", "is_missing"))
    except ValidationError as error:
        raise InvalidRequest(f"the document {document['_id']} in `pairs` does not fit: {_what(error)}") from None


def _without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in names}


def _what(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
