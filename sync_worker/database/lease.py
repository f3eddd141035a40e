"""One writer per sync: a lease in the sync's own database, with a fencing token.

    lease      one document, `_id: "writer"`:
               token          grows by one with every new writer; each document of the sync carries its last writer's
               owner          the holder, by a random id; None when the lease was released
               expires        when the lease ends on MongoDB's own clock, unless it is renewed
               renewed        when the holder renewed or released it last, on MongoDB's own clock
               heartbeat      what the holder said last of itself, as JSON; it is written with a renewal
               heartbeat_age  how old, in seconds, that was at the renewal
               process        who the holder is: the fields of `database.process_identity.ProcessIdentity`
               since          when the holder got the lease
               wake           counts how often somebody asked the holder to look at once
               heeds_signal   whether SIGUSR1 tells the holder of that
               fenced         the token of the last writer whose predecessor was not known to be dead; 0 without one.
                              Documents with lower tokens are read again before they are written
               fencing        there while not all documents have got that token

Whoever does not hold the lease neither asks Jira for anything nor writes to the database. MongoDB refuses a document
of a writer that has been succeeded, because the document has a higher token. Jira cannot do that. So the lease is
checked right before a request is sent, on a clock that goes on while the machine sleeps.

MongoDB's clock may jump, and another primary has another clock. So a lease that has run out by that clock may still be
believed in by its holder: see `fenced`. And a lease that nobody renews for as long as it lasts, on our own clock, has
run out, whatever MongoDB's clock says.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pymongo
from pymongo import ASCENDING, MongoClient, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_preferences import ReadPreference

from sync_worker.core.errors import LeaseLost
from sync_worker.core.records import SaidOfItself
from sync_worker.core.wakeup import Wakeup
from sync_worker.database import wakeups
from sync_worker.database.connection import MAJORITY, answered_soon, durable_database, look_at_servers
from sync_worker.database.mongodb_errors import errors_translated
from sync_worker.database.process_identity import ProcessIdentity, this_process

WRITER = "writer"
FENCED_COLLECTIONS = ("issues", "pairs", "progress", "requests", "unprocessable")


@dataclass(frozen=True)
class LeaseTiming:
    """Seconds: `lasts` without being renewed, `margin` before its end from which on it is not relied upon.

    `renew_every` holds while something is done under the lease, `renew_unused_every` while nothing is, and
    `try_again_every` after a renewal that failed.
    """

    lasts: float
    margin: float
    renew_every: float
    renew_unused_every: float
    try_again_every: float = 1.0


TIMING = LeaseTiming(lasts=42.0, margin=2.0, renew_every=5.0, renew_unused_every=16.0)
"""Most of what an idle group does is to renew its leases. A primary may hang right after a renewal, and the servers may
take 12 seconds to elect another one: there is time left to renew the lease with that one. A worker that stands by looks
every few seconds, so that a successor on another machine is at work within 45; on the same machine, the dead are known.
"""
FENCED_AT_ONCE = 2000
SECONDS_TO_LET_GO = 2.0
"""For the one write with which a lease is released. Whoever stops a group waits for it."""
"""Documents. Hundreds of thousands of them in one request would take longer than any request may."""


class Lease:
    """The right to act for one sync. `on_wake` is called when somebody asks its holder to look at once."""

    def __init__(
        self,
        client: MongoClient[dict[str, Any]],
        database: str,
        run_dir: Path,
        on_wake: Callable[[], None],
        timing: LeaseTiming = TIMING,
    ) -> None:
        self._client = client
        self._database = durable_database(client, database)
        self._lease = self._database.get_collection("lease", read_concern=MAJORITY)
        self._on_wake = on_wake
        self._timing = timing
        self._owner = uuid.uuid4().hex
        self._me = this_process(run_dir)
        self._until = float("-inf")
        self._wake_count = 0
        self._wakeup = Wakeup()
        self._is_used = True
        self._renewing: Thread | None = None
        self._must_fence = self._is_doubtful = self._is_busy = self._is_answered = False
        self._lock = Lock()
        self._last_seen: tuple[dict[str, Any], float] | None = None
        self.token = 0
        self.fenced = 0
        self.holder: ProcessIdentity | None = None
        self.heeds_signal = False
        """SIGUSR1 makes this process call `renew_now`."""
        self.heartbeat: Callable[[], SaidOfItself | None] = lambda: None
        """Returns what the holder said last of itself. Other containers read it."""
        self.last_words: bytes | None = None
        """What the worker before this one said last, as far as it is known."""
        self._told: bytes | None = None

    @classmethod
    def never_held(cls, client: MongoClient[dict[str, Any]], database: str) -> Lease:
        """Return a lease for who only reads, or wakes the holder: a store with it refuses every write."""
        return cls(client, database, Path(), lambda: None)

    # Acquiring and releasing

    def hold(self) -> None:
        """Acquire the lease, or renew it if it is held already.

        Either is a write that a majority confirms. So whoever has been succeeded finds out now, whatever it believes.
        Raises LeaseLost when another worker holds the lease, and Unavailable when MongoDB does not answer.
        """
        with errors_translated():
            self._is_answered = False
            if self.is_held() and not self._must_fence:
                self._renew_or_lose()
            if not self.is_held() or self._must_fence:
                self._acquire()
            self._is_answered = True
            if self._renewing is None:
                self._renewing = Thread(target=self._renew, name="lease", daemon=True)
                self._renewing.start()
            if self._must_fence:
                self._fence_off()

    def release(self) -> None:
        """Let the next worker act at once. When MongoDB does not answer, the lease ends by itself.

        Nothing is asked when there is nothing to release, nor when the last question was not answered: whoever stops
        the group would wait for each worker until it has been in vain.
        """
        self._wakeup.request_stop()
        self._until = float("-inf")
        if not (self.token and self._is_answered):
            return
        with suppress(PyMongoError), pymongo.timeout(SECONDS_TO_LET_GO):
            self._end()

    def let_go(self) -> None:
        """Let another worker act, and go on as one that stands by: this one cannot do the work. Raises Unavailable."""
        self._until = float("-inf")
        with errors_translated(), answered_soon():
            self._end()

    def _end(self) -> None:
        """End the lease, if it is still ours, and say the last words with it."""
        self._lease.update_one(self._mine, [{"$set": {**self._renewal()[0], "expires": None, "owner": None}}])

    @property
    def _mine(self) -> dict[str, Any]:
        return {"_id": WRITER, "owner": self._owner, "token": self.token}

    def _acquire(self) -> None:
        with answered_soon():
            before = self._lease.find_one({"_id": WRITER})
        if before is None:
            with suppress(DuplicateKeyError):
                self._lease.insert_one({"_id": WRITER, "token": 0, "owner": None, "expires": None, "wake": 0})
        asked_at = _clock()
        free: list[dict[str, Any]] = [
            {"expires": None},
            {"owner": self._owner},
            {"$expr": {"$lte": ["$expires", "$$NOW"]}},
        ]
        no_rivals: list[str | None] = [None, self._owner]
        if before and before["owner"] and _process_in(before).is_certainly_dead():
            free.append({"owner": before["owner"], "token": before["token"]})
            no_rivals.append(before["owner"])
        elif before and self._is_abandoned(before, asked_at):
            free.append({name: before[name] for name in ("owner", "token", "expires")})
        renewal, said = self._renewal(is_first=True)
        with answered_soon():
            document = self._lease.find_one_and_update(
                {"_id": WRITER, "$or": free},
                [{"$set": {**self._taken(no_rivals), **renewal}}],
                return_document=ReturnDocument.AFTER,
            )
        if document is None:
            raise self._held_by(before)
        last_words = before.get("heartbeat") if before and before["owner"] != self._owner else None
        if isinstance(last_words, str):
            self.last_words = last_words.encode()
        with self._lock:
            self._told = said
            self.token, self._wake_count, self.holder = document["token"], document["wake"], self._me
            self.fenced, self._must_fence = document["fenced"], bool(document.get("fencing"))
            self._is_doubtful = False
            self._until = asked_at + self._timing.lasts - self._timing.margin

    def _taken(self, no_rivals: list[str | None]) -> dict[str, Any]:
        """Return what changes in the document, for MongoDB to compute. Of the owners in `no_rivals` none is alive."""
        token = {"$add": ["$token", 1]}
        has_rival = {"$not": {"$in": [{"$ifNull": ["$owner", None]}, no_rivals]}}
        return {
            "token": token,
            "fenced": {"$cond": [has_rival, token, {"$ifNull": ["$fenced", 0]}]},
            "fencing": {"$cond": [has_rival, True, {"$ifNull": ["$fencing", "$$REMOVE"]}]},
            "owner": self._owner,
            "process": asdict(self._me),
            "heeds_signal": self.heeds_signal,
            "since": {"$cond": [{"$eq": ["$owner", self._owner]}, "$since", "$$NOW"]},
        }

    def _is_abandoned(self, document: dict[str, Any], now: float) -> bool:
        """Tell whether nobody has renewed the lease for as long as it lasts, as we have seen it ourselves."""
        renewed = {name: document[name] for name in ("owner", "token", "expires")}
        if self._last_seen is None or self._last_seen[0] != renewed:
            self._last_seen = renewed, now
        return now - self._last_seen[1] >= self._timing.lasts

    def _held_by(self, document: dict[str, Any] | None) -> LeaseLost:
        """Take note of who holds the lease; return what to raise."""
        if document is None or not document["owner"]:
            return LeaseLost("another worker has just taken this sync over")
        self.holder = _process_in(document)
        since = f"{document['since']:%Y-%m-%d %H:%M:%S} UTC"
        return LeaseLost(
            f"process {self.holder.pid} on {self.holder.host} runs this sync since {since}; "
            f"this one takes over when that one ends"
        )

    def _fence_off(self) -> None:
        """Have MongoDB refuse what the former holder still has to write. It is not known to be dead.

        The lease is renewed meanwhile. What is interrupted here goes on when the lease is held again, by whomever.
        """
        for name in FENCED_COLLECTIONS:
            collection = self._database[name]
            for identities in self._identities_in(name):
                self.check()
                collection.update_many({"_id": {"$in": identities}}, {"$max": {"writer": self.fenced}})
        self._lease.update_one(self._mine, {"$unset": {"fencing": True}})
        self._must_fence = False

    def _identities_in(self, name: str) -> Iterator[list[Any]]:
        """Yield the `_id`s of all documents of a collection, some at a time."""
        last: dict[str, Any] = {}
        while True:
            found = self._database[name].find(last, {"_id": True}).sort("_id", ASCENDING).limit(FENCED_AT_ONCE)
            identities = [document["_id"] for document in found]
            if not identities:
                return
            yield identities
            last = {"_id": {"$gt": identities[-1]}}

    # Relying on it

    def check(self) -> None:
        """Raise LeaseLost unless this worker is certainly the writer now."""
        self._is_used = True
        if not self.is_held():
            raise LeaseLost("the lease has run out; another worker may act for this sync now")

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Renew the lease often meanwhile, also while no answer comes: so a server that hangs is noticed soon."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    def is_held(self) -> bool:
        return _clock() < self._until and not self._is_doubtful

    def lost(self) -> LeaseLost:
        """Take note that another worker has been the writer meanwhile; return what to raise."""
        self._until = float("-inf")
        return LeaseLost("another worker acts for this sync now")

    def distrust(self) -> None:
        """Have the lease acquired again before it is relied on. MongoDB has failed, and what failed may be seen.

        A write that no majority has confirmed may be visible on the primary, and be lost with it. To acquire the lease
        is a write, too: once a majority has that one, it has all earlier ones that are visible on the same server.
        """
        self._is_doubtful, self._is_answered = True, False
        look_at_servers(self._client)

    # Renewing

    def renew_now(self) -> None:
        """Renew without waiting, and so find out whether somebody wants this worker to look at once.

        It may be called from a signal handler.
        """
        self._wakeup.wake()

    def _renew(self) -> None:
        timing, failed = self._timing, False
        while True:
            pause = timing.renew_every if self._is_used or self._is_busy else timing.renew_unused_every
            self._wakeup.wait(timing.try_again_every if failed else pause)
            if self._wakeup.stop:
                return
            self._wakeup.look = self._is_used = False
            failed = not self._renew_once()

    def _renew_once(self) -> bool:
        """Tell whether MongoDB answered."""
        try:
            self._renew_or_lose()
        except PyMongoError:
            self._is_answered = False
            look_at_servers(self._client)
            return False  # the lease runs out by itself, unless MongoDB is back in time
        return True

    def _renew_or_lose(self) -> None:
        asked_at, mine = _clock(), self._mine
        renewal, said = self._renewal()
        with answered_soon():
            document = self._lease.find_one_and_update(
                mine, [{"$set": renewal}], projection={"heartbeat": False}, return_document=ReturnDocument.AFTER
            )
        with self._lock:
            self._is_answered = True
            if mine == self._mine:  # else the lease was acquired again meanwhile
                self._told = said
                self._renewed(document, asked_at)

    def _renewed(self, document: dict[str, Any] | None, asked_at: float) -> None:
        """Take note of how a renewal ended. Without a document, another worker has the lease."""
        if document is None:
            self._until = float("-inf")
        elif not self._wakeup.stop:
            self._until = asked_at + self._timing.lasts - self._timing.margin
            if document["wake"] != self._wake_count:
                self._wake_count = document["wake"]
                self._on_wake()

    def _renewal(self, *, is_first: bool = False) -> tuple[dict[str, Any], bytes | None]:
        """Return what changes in the document if the lease is taken or renewed now, and what the holder then has said.

        What it said before is there already.
        """
        changes: dict[str, Any] = {"expires": {"$add": ["$$NOW", int(self._timing.lasts * 1000)]}, "renewed": "$$NOW"}
        said = self.heartbeat()
        if said is None:
            return changes | ({"heartbeat": None} if is_first else {}), None
        changes["heartbeat_age"] = max(0.0, time.monotonic() - said.at)
        if is_first or said.content is not self._told:
            changes["heartbeat"] = {"$literal": said.content.decode()}
        return changes, said.content

    # The holder, seen by others

    def find_holder(self) -> None:
        """Find out who the holder is, without acquiring the lease. Nothing changes when MongoDB does not answer."""
        try:
            found = writer_of(self._database)
        except PyMongoError:
            return
        self.holder = found[0] if found else None

    def shares_heartbeat(self) -> bool:
        """Tell whether another worker, which is the writer, sends its heartbeats to the same file as this one."""
        holder = self.holder
        if holder is None or self.is_held():
            return False
        return holder != self._me and (holder.home, holder.run_dir) == (self._me.home, self._me.run_dir)

    @errors_translated()
    def wake_writer(self) -> bool:
        """Ask the writer to look at once; return whether there is one. Raises Unavailable."""
        held = {"_id": WRITER, "$expr": {"$gt": ["$expires", "$$NOW"]}}
        found = self._lease.find_one_and_update(held, {"$inc": {"wake": 1}})
        if found is None or (writer := _process_in(found)).is_certainly_dead():
            return False
        if found.get("heeds_signal"):
            if writer.home == self._me.home:
                with suppress(OSError):
                    os.kill(writer.pid, signal.SIGUSR1)
            else:
                # Without a monitor there, it finds out when it renews its lease.
                wakeups.leave(self._client, self._database.name, writer)
        return True


def writer_of(database: Database[dict[str, Any]]) -> tuple[ProcessIdentity, datetime] | None:
    """Return who writes for the sync of this database and since when; None when nobody does. Raises PyMongoError."""
    lease = database.get_collection("lease", read_preference=ReadPreference.PRIMARY, read_concern=MAJORITY)
    with answered_soon():
        held = lease.find_one({"_id": WRITER, "$expr": {"$gt": ["$expires", "$$NOW"]}})
    process = _process_in(held) if held else None
    return (process, held["since"]) if held and process and not process.is_certainly_dead() else None


def _process_in(document: dict[str, Any]) -> ProcessIdentity:
    return ProcessIdentity(**document["process"])


def _clock() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
