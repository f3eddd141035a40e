"""Writers that share one database, each with a lease of its own; and a database with something of everything in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from sync_model.definition.sync import Side
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.progress import Progress
from sync_worker.database.connection import connect
from sync_worker.database.lease import TIMING, WRITER, Lease, LeaseTiming
from sync_worker.database.store import MongoStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Writer:
    """A lease and a store that believe in it, as one worker has them."""

    state = IssueState(Side.USER, "10001", "SUP-1", "Will Do", NOW, NOW)
    pair = Pair("10001", "20001", "SUP-1", "DEV-1", NOW)

    def __init__(self, url: str, database: str, folder: Path, timing: LeaseTiming) -> None:
        self.client: MongoClient[dict[str, Any]] = connect(url, "test")
        self.lease = Lease(self.client, database, folder, lambda: None, timing)
        self.store = MongoStore(self.client, database, self.lease)
        self.database = self.client[database]

    def write_all(self, status: str) -> None:
        self.store.save([replace(self.state, status=status)])
        self.store.save_pair(replace(self.pair, user_key=status))
        self.store.save_progress(Progress(definition=status))

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        names = ("issues", "pairs", "progress", "requests")
        return {name: list(self.database[name].find().sort("_id")) for name in names}

    def ends(self) -> datetime:
        return self.database["lease"].find_one({"_id": WRITER})["expires"]

    def expire(self) -> None:
        """Let the lease run out, whoever has it."""
        self.database["lease"].update_one({"_id": WRITER}, {"$set": {"expires": NOW}})

    def close(self) -> None:
        self.lease.release()
        self.client.close()


@pytest.fixture
def new_writer(mongo_server, database_name, tmp_path) -> Iterator[Callable[..., Writer]]:
    """Make writers, with `timing` of their leases if asked for."""
    made: list[Writer] = []

    def make(**timing: float) -> Writer:
        made.append(Writer(mongo_server.url, database_name, tmp_path, replace(TIMING, **timing)))
        return made[-1]

    yield make
    for writer in made:
        writer.close()
    with MongoClient[dict[str, Any]](mongo_server.url) as client:
        client.drop_database(database_name)


@pytest.fixture
def succeeded(new_writer) -> Writer:
    """A writer whose lease ran out and was taken over, and that has not noticed: it is about to write."""
    first, second = new_writer(), new_writer()
    first.lease.hold()
    first.write_all("first")
    first.expire()
    second.lease.hold()
    first.lease._until = float("inf")
    first.successor = second
    return first


class KeptDatabase:
    """The database of a bench's sync, as far as a backup keeps it."""

    collections = ("issues", "pairs", "progress", "actions", "cycles")

    def __init__(self, bench) -> None:
        self._bench = bench

    def fill(self) -> tuple[str, str]:
        """Let the sync have done something, and have something that waits and something that was given up."""
        bench = self._bench
        key, counterpart = bench.pair()
        _, other = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        bench.control.fault(
            "one", "status", status=400, message="It is wrong.", times=1, method="POST", path="/transitions$"
        )
        bench.cycle()
        bench.dev.move(other, "In Progress")
        bench.control.fault("one", "status", status=500, method="POST", path="/transitions$")
        bench.cycle()
        bench.control.heal("one")
        bench.stop()
        return key, counterpart

    def content(self) -> dict[str, list[dict[str, Any]]]:
        """Return all documents, but for who wrote them last."""
        database = self._bench.database
        found = {name: list(database[name].find({}, {"writer": False}).sort("_id")) for name in self.collections}
        return {name: documents for name, documents in found.items() if documents}

    def indexes(self) -> dict[str, set[str]]:
        names = [name for name in self.collections if name != "progress"]
        return {name: set(self._bench.database[name].index_information()) for name in names}


@pytest.fixture
def kept(bench) -> KeptDatabase:
    return KeptDatabase(bench)
