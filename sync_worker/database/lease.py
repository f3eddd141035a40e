"""One writer per sync: a lease in the sync's own database, with a fencing token.

    lease      one document, `_id: "writer"`:
               token     grows by one with every new writer; each document of the sync carries its last writer's
               owner     one process; expires when it ends on MongoDB's own clock unless it is renewed
               process   who that is, for people and to find out that it is dead: host, pid, run directory, …
               wake      counts the times that somebody asked the writer to look at once; heeds_signal: SIGUSR1 tells it

Whoever does not hold the lease neither asks Jira for anything nor writes to the database. MongoDB refuses a
document of a writer that has been succeeded, because the document names a higher token. Jira cannot do that, so
the last look at the lease is right before a request is sent, on a clock that goes on while a machine sleeps.
"""

from __future__ import annotations

import os
import signal
import socket
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
from pymongo.write_concern import WriteConcern

from sync_worker.core.errors import DatabaseUnavailable, LeaseLost
from sync_worker.core.wakeup import Wakeup

SECONDS = 24.0
"""How long a lease lasts without being renewed. With a look every few seconds, a successor is at work within 30."""
MARGIN = 2.0
"""Seconds before its end from which on a lease is not relied upon."""
RENEW_EVERY = 5.0
RENEW_UNUSED_EVERY = 16.0
"""While nothing is done by it: in an idle group, most of what a worker does is to renew its lease."""
WRITER = "writer"
DEAD_STATES = frozenset("ZX")


@dataclass(frozen=True)
class Process:
    """One process on one machine. `home` tells one boot and process namespace from all others."""

    host: str
    home: str
    pid: int
    started: str
    run_dir: str

    def is_certainly_dead(self) -> bool:
        """Tell whether it was a process of this very machine, and is no more."""
        return self.home == _home() and _start_of(self.pid) != self.started


class Lease:
    """The right to act for one sync. `on_wake` is called when somebody asks its writer to look at once."""

    def __init__(
        self, client: MongoClient[dict[str, Any]], database: str, run_dir: Path, on_wake: Callable[[], None]
    ) -> None:
        durable = WriteConcern(w="majority", j=True)
        self._database = client.get_database(database, write_concern=durable)
        self._lease = self._database["lease"]
        self._on_wake = on_wake
        self._owner = uuid.uuid4().hex
        self._me = Process(socket.gethostname(), _home(), os.getpid(), _start_of(os.getpid()), str(run_dir.resolve()))
        self._until = float("-inf")
        self._wake = 0
        self._wakeup = Wakeup()
        self._is_used = True
        self._renewing: Thread | None = None
        self.token = 0
        self.holder: Process | None = None
        self.heeds_signal = False
        """SIGUSR1 makes this process `look_at_once`."""

    # Getting hold of it

    def hold(self) -> None:
        """Be the writer from now on, or go on being it.

        Raises LeaseLost when another worker is, and Unavailable when MongoDB does not say.
        """
        if self.is_held():
            return
        try:
            self._acquire()
        except PyMongoError as error:
            raise unavailable(error) from error
        if self._renewing is None:
            self._renewing = Thread(target=self._renew, name="lease", daemon=True)
            self._renewing.start()

    def check(self) -> None:
        """Raise LeaseLost unless this worker is certainly the writer now."""
        self._is_used = True
        if not self.is_held():
            raise LeaseLost("the lease has run out; another worker may act for this sync now")

    def lost(self) -> LeaseLost:
        """Take note that another worker has been at work meanwhile; return what to raise."""
        self._until = float("-inf")
        return LeaseLost("another worker acts for this sync now")

    def is_held(self) -> bool:
        return _clock() < self._until

    def look(self) -> None:
        """Find out who the writer is, without wanting to be it. MongoDB's silence tells nothing."""
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

    def release(self) -> None:
        """Let the next one act at once. When MongoDB does not answer, the lease ends by itself."""
        self._wakeup.request_stop()
        self._until = float("-inf")
        mine = {"_id": WRITER, "owner": self._owner, "token": self.token}
        try:
            self._lease.update_one(mine, {"$set": {"expires": None, "owner": None}})
        except PyMongoError:
            return

    def wake_writer(self) -> bool:
        """Ask the writer to look at once; return whether there is one. Raises Unavailable."""
        try:
            held = {"_id": WRITER, "$expr": {"$gt": ["$expires", "$$NOW"]}}
            found = self._lease.find_one_and_update(held, {"$inc": {"wake": 1}})
        except PyMongoError as error:
            raise unavailable(error) from error
        if found is None or (writer := _process_in(found)).is_certainly_dead():
            return False
        # Another machine's finds out when it renews its lease.
        if found.get("heeds_signal") and writer.home == self._me.home:
            with suppress(OSError):
                os.kill(writer.pid, signal.SIGUSR1)
        return True

    def look_at_once(self) -> None:
        """Find out now whether somebody wants this writer to look. To be called from a signal handler, too."""
        self._wakeup.wake()

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
            "expires": _from_now(),
        }
        document = self._lease.find_one_and_update(
            {"_id": WRITER, "$or": free}, [{"$set": taken}], return_document=ReturnDocument.AFTER
        )
        if document is None:
            raise self._held_by(before)
        if before and before["owner"] not in (None, self._owner) and not _process_in(before).is_certainly_dead():
            self._fence_off(document["token"])
        self.token, self._wake, self.holder = document["token"], document["wake"], self._me
        self._until = asked_at + SECONDS - MARGIN

    def _held_by(self, document: dict[str, Any] | None) -> LeaseLost:
        if document is None or not document["owner"]:
            return LeaseLost("another worker has just taken this sync over")
        self.holder = _process_in(document)
        since = f"{document['since']:%Y-%m-%d %H:%M:%S} UTC"
        return LeaseLost(
            f"process {self.holder.pid} on {self.holder.host} runs this sync since {since}; "
            f"this one takes over when that one ends"
        )

    def _fence_off(self, token: int) -> None:
        """Make MongoDB refuse whatever a predecessor that may yet wake up has still to write."""
        for name in ("issues", "pairs", "progress", "requests"):
            self._database[name].update_many({}, {"$max": {"writer": token}})

    # Keeping it

    def _renew(self) -> None:
        while True:
            self._wakeup.wait(RENEW_EVERY if self._is_used else RENEW_UNUSED_EVERY)
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
                mine, [{"$set": {"expires": _from_now()}}], return_document=ReturnDocument.AFTER
            )
        except PyMongoError:
            return False  # it runs out by itself, unless MongoDB is back in time
        if document is None:
            self._until = float("-inf")
        elif not self._wakeup.stop:
            self._until = asked_at + SECONDS - MARGIN
            if document["wake"] != self._wake:
                self._wake = document["wake"]
                self._on_wake()
        return True


def writer_of(database: Database[dict[str, Any]]) -> tuple[Process, datetime] | None:
    """Return who writes for the sync of this database and since when; None when nobody does. Raises PyMongoError."""
    held = database["lease"].find_one({"_id": WRITER, "$expr": {"$gt": ["$expires", "$$NOW"]}})
    process = _process_in(held) if held else None
    return (process, held["since"]) if held and process and not process.is_certainly_dead() else None


def unavailable(error: PyMongoError) -> DatabaseUnavailable:
    """Return what a failure of MongoDB is to us: all that we ask of it is safe to ask again."""
    # Without the driver's long account of every server it knows.
    sentence = str(error).split(", Timeout:")[0].split(" (configured timeouts")[0][:200]
    return DatabaseUnavailable(f"MongoDB: {sentence}", ambiguous=True)


def _from_now() -> dict[str, Any]:
    return {"$add": ["$$NOW", int(SECONDS * 1000)]}


def _process_in(document: dict[str, Any]) -> Process:
    return Process(**document["process"])


def _clock() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _home() -> str:
    """Return what tells one boot of one machine, and one process namespace on it, from all others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return f"unknown {uuid.uuid4().hex}"
    return f"{boot} {namespace}"


def _start_of(pid: int) -> str:
    """Return when process `pid` of this machine started, in the kernel's own measure; empty when it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in DEAD_STATES else fields[19]
