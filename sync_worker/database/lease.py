"""One writer per sync: a lease in the sync's own database, with a fencing token.

    lease      one document, `_id: "writer"`:
               token          grows by one with every new writer; each document of the sync carries its last writer's
               owner          the holder, by a random id; None when the lease was released
               expires        when the lease ends on MongoDB's own clock, unless it is renewed
               process        who the holder is: the fields of `database.process_identity.ProcessIdentity`
               since          when the holder got the lease
               wake           counts how often somebody asked the holder to look at once
               heeds_signal   whether SIGUSR1 tells the holder of that

Whoever does not hold the lease neither asks Jira for anything nor writes to the database. MongoDB refuses a document
of a writer that has been succeeded, because the document has a higher token. Jira cannot do that. So the lease is
checked right before a request is sent, on a clock that goes on while the machine sleeps.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

from pymongo import MongoClient, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from sync_worker.core.errors import LeaseLost
from sync_worker.core.wakeup import Wakeup
from sync_worker.database.connection import durable_database
from sync_worker.database.mongodb_errors import errors_translated
from sync_worker.database.process_identity import ProcessIdentity, this_process

WRITER = "writer"
FENCED_COLLECTIONS = ("issues", "pairs", "progress", "requests", "unprocessable")


@dataclass(frozen=True)
class LeaseTiming:
    """Seconds: `lasts` without being renewed, `margin` before its end from which on it is not relied upon.

    `renew_every` holds while something is done under the lease, `renew_unused_every` while nothing is.
    """

    lasts: float
    margin: float
    renew_every: float
    renew_unused_every: float


TIMING = LeaseTiming(lasts=24.0, margin=2.0, renew_every=5.0, renew_unused_every=16.0)
"""A worker that stands by looks every few seconds, so that a successor is at work within 30. Most of what an idle group
does is to renew its leases."""


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
        self._database = durable_database(client, database)
        self._lease = self._database["lease"]
        self._on_wake = on_wake
        self._timing = timing
        self._owner = uuid.uuid4().hex
        self._me = this_process(run_dir)
        self._until = float("-inf")
        self._wake_count = 0
        self._wakeup = Wakeup()
        self._is_used = True
        self._renewing: Thread | None = None
        self.token = 0
        self.holder: ProcessIdentity | None = None
        self.heeds_signal = False
        """SIGUSR1 makes this process call `renew_now`."""

    @classmethod
    def never_held(cls, client: MongoClient[dict[str, Any]], database: str) -> Lease:
        """Return a lease for who only reads, or wakes the holder: a store with it refuses every write."""
        return cls(client, database, Path(), lambda: None)

    # Acquiring and releasing

    def hold(self) -> None:
        """Acquire the lease, unless it is held already.

        Raises LeaseLost when another worker holds it, and Unavailable when MongoDB does not answer.
        """
        if self.is_held():
            return
        with errors_translated():
            self._acquire()
        if self._renewing is None:
            self._renewing = Thread(target=self._renew, name="lease", daemon=True)
            self._renewing.start()

    def release(self) -> None:
        """Let the next worker act at once. When MongoDB does not answer, the lease ends by itself."""
        self._wakeup.request_stop()
        self._until = float("-inf")
        mine = {"_id": WRITER, "owner": self._owner, "token": self.token}
        with suppress(PyMongoError):
            self._lease.update_one(mine, {"$set": {"expires": None, "owner": None}})

    def _acquire(self) -> None:
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
        if before and before["owner"] and _process_in(before).is_certainly_dead():
            free.append({"owner": before["owner"], "token": before["token"]})
        taken = {
            "token": {"$add": ["$token", 1]},
            "owner": self._owner,
            "process": asdict(self._me),
            "heeds_signal": self.heeds_signal,
            "since": "$$NOW",
            "expires": self._end(),
        }
        document = self._lease.find_one_and_update(
            {"_id": WRITER, "$or": free}, [{"$set": taken}], return_document=ReturnDocument.AFTER
        )
        if document is None:
            raise self._held_by(before)
        if before and before["owner"] not in (None, self._owner) and not _process_in(before).is_certainly_dead():
            self._fence_off(document["token"])
        self.token, self._wake_count, self.holder = document["token"], document["wake"], self._me
        self._until = asked_at + self._timing.lasts - self._timing.margin

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

    def _fence_off(self, token: int) -> None:
        """Have MongoDB refuse what the former holder still has to write. It is not known to be dead."""
        for name in FENCED_COLLECTIONS:
            self._database[name].update_many({}, {"$max": {"writer": token}})

    # Relying on it

    def check(self) -> None:
        """Raise LeaseLost unless this worker is certainly the writer now."""
        self._is_used = True
        if not self.is_held():
            raise LeaseLost("the lease has run out; another worker may act for this sync now")

    def is_held(self) -> bool:
        return _clock() < self._until

    def lost(self) -> LeaseLost:
        """Take note that another worker has been the writer meanwhile; return what to raise."""
        self._until = float("-inf")
        return LeaseLost("another worker acts for this sync now")

    # Renewing

    def renew_now(self) -> None:
        """Renew without waiting, and so find out whether somebody wants this worker to look at once.

        It may be called from a signal handler.
        """
        self._wakeup.wake()

    def _renew(self) -> None:
        while True:
            self._wakeup.wait(self._timing.renew_every if self._is_used else self._timing.renew_unused_every)
            if self._wakeup.stop:
                return
            self._wakeup.look = False
            self._is_used = not self._renew_once()  # what failed is tried again soon

    def _renew_once(self) -> bool:
        """Tell whether MongoDB answered."""
        asked_at = _clock()
        mine = {"_id": WRITER, "owner": self._owner, "token": self.token}
        try:
            document = self._lease.find_one_and_update(
                mine, [{"$set": {"expires": self._end()}}], return_document=ReturnDocument.AFTER
            )
        except PyMongoError:
            return False  # the lease runs out by itself, unless MongoDB is back in time
        if document is None:
            self._until = float("-inf")
        elif not self._wakeup.stop:
            self._until = asked_at + self._timing.lasts - self._timing.margin
            if document["wake"] != self._wake_count:
                self._wake_count = document["wake"]
                self._on_wake()
        return True

    def _end(self) -> dict[str, Any]:
        """Return the expression for when the lease ends if it is taken or renewed now."""
        return {"$add": ["$$NOW", int(self._timing.lasts * 1000)]}

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
        # A writer on another machine finds out when it renews its lease.
        if found.get("heeds_signal") and writer.home == self._me.home:
            with suppress(OSError):
                os.kill(writer.pid, signal.SIGUSR1)
        return True


def writer_of(database: Database[dict[str, Any]]) -> tuple[ProcessIdentity, datetime] | None:
    """Return who writes for the sync of this database and since when; None when nobody does. Raises PyMongoError."""
    held = database["lease"].find_one({"_id": WRITER, "$expr": {"$gt": ["$expires", "$$NOW"]}})
    process = _process_in(held) if held else None
    return (process, held["since"]) if held and process and not process.is_certainly_dead() else None


def _process_in(document: dict[str, Any]) -> ProcessIdentity:
    return ProcessIdentity(**document["process"])


def _clock() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
