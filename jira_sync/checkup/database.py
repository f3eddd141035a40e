"""MongoDB: whether it is there, takes writes as a worker makes them, and who writes for a sync."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError, WTimeoutError
from pymongo.write_concern import WriteConcern

from jira_sync.checkup.finding import Finding, failed, listed, passed, warning
from sync_model.definition import Sync
from sync_worker.database import rate_limits
from sync_worker.database.lease import writer_of
from sync_worker.database.mongodb_errors import unavailable

Client = MongoClient[dict[str, Any]]
COLLECTION = "doctor"
"""Where a document is written and deleted again. Nothing of it stays."""
PATIENCE = 5000
"""Milliseconds for a majority of the servers to have it on disk."""
NOT_AUTHENTICATED = 18
NOT_AUTHORISED = 13


def server(client: Client, *, embedded: bool) -> tuple[list[Finding], bool]:
    """Return what there is to say of the server, and whether it answers; `embedded`: it is one of the group's own."""
    began = time.monotonic()
    try:
        version = client.server_info()["version"]
        seconds = time.monotonic() - began
        told = client.admin.command("hello")
    except PyMongoError as error:
        return [_failure(error, embedded=embedded)], False
    members = told.get("hosts") or [f"{host}:{port}" for host, port in client.nodes]
    kind = f"replica set {told['setName']} of {listed(members)}" if "setName" in told else listed(members)
    return [passed(f"{kind} answers in {seconds * 1000:.0f} ms: MongoDB {version}")], True


def of_sync(client: Client, sync: Sync, *, is_expected_to_run: bool) -> Iterator[Finding]:
    """Say whether the sync's database takes writes, and whether somebody writes for it."""
    trouble = _writes(client, sync.database)
    yield trouble or passed(f"it takes writes to {sync.database}, and has them on disk when it says so")
    if shared := _writes(client, rate_limits.DATABASE):
        advice = f"{shared.advice}; until then the syncs of a site do not tell each other of its limits"
        yield warning(shared.says, advice)
    try:
        writer = writer_of(client[sync.database])
    except PyMongoError as error:
        yield _failure(error)
        return
    if writer:
        process, since = writer
        yield passed(f"process {process.pid} on {process.host} runs this sync since {since:%Y-%m-%d %H:%M} UTC")
    elif is_expected_to_run:
        yield warning("no worker holds this sync, although it should run", "jira-sync status says why")
    else:
        yield passed("no worker runs this sync")


def _writes(client: Client, name: str) -> Finding | None:
    """Write and delete a document as a worker would; return what goes wrong, or None."""
    durable = WriteConcern(w="majority", j=True, wtimeout=PATIENCE)
    collection = client.get_database(name, write_concern=durable)[COLLECTION]
    try:
        written = collection.insert_one({}).inserted_id
        collection.delete_one({"_id": written})
    except WTimeoutError:
        advice = "are enough members of the replica set up? A worker waits for them too"
        return failed(f"no majority of its servers has taken a write to {name} within {PATIENCE // 1000} s", advice)
    except PyMongoError as error:
        return _failure(error, name)
    with suppress(PyMongoError):  # that an empty collection stays is no harm
        if not collection.find_one():
            collection.drop()
    return None


def _failure(error: PyMongoError, database: str = "", *, embedded: bool = False) -> Finding:
    """Return what the driver's error means. Never repeats the address, which may hold a password."""
    code = error.code if isinstance(error, OperationFailure) else None
    if code == NOT_AUTHENTICATED:
        return failed(
            "MongoDB does not accept the user or password in DATABASE_URL", "correct it, then restart the group"
        )
    if code == NOT_AUTHORISED:
        says = f"our MongoDB user may not write to {database}" if database else "our MongoDB user may not ask that"
        return failed(says, f"grant it the role readWrite on {database or 'the databases of all syncs'}")
    look = (
        "supervisorctl start mongodb; its log says why it ended." if embedded else "does it run? Is DATABASE_URL right?"
    )
    return failed(str(unavailable(error)), f"{look} Nothing is lost meanwhile: workers wait for it")
