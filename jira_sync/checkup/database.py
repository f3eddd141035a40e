"""Checks MongoDB: whether it answers, accepts the writes of a worker, and which worker has a sync's lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError, WTimeoutError
from pymongo.write_concern import WriteConcern

from jira_sync.checkup.finding import Finding, failed, listed, passed, warning
from sync_model.definition.sync import Sync
from sync_model.environment import mongodb_address
from sync_worker.database.lease import writer_of
from sync_worker.database.mongodb_errors import unavailable
from sync_worker.database.shared import rate_limits

Client = MongoClient[dict[str, Any]]
COLLECTION = "doctor"
"""The collection in which a document is written and deleted again."""
PATIENCE = 5000
"""Milliseconds in which a majority of the servers must have written to disk."""
NOT_AUTHENTICATED = 18
NOT_AUTHORISED = 13


def server(client: Client, *, embedded: bool) -> tuple[list[Finding], bool]:
    """Return the findings about the server, and whether it answers. `embedded` says that the group runs it."""
    started = time.monotonic()
    try:
        version = client.server_info()["version"]
        seconds = time.monotonic() - started
        hello = client.admin.command("hello")
    except PyMongoError as error:
        return [_driver_failure(error, embedded=embedded)], False
    members = hello.get("hosts") or [f"{host}:{port}" if port else host for host, port in client.nodes]
    topology = client.topology_description.topology_type_name
    if "setName" in hello and topology == "Single":
        says = f"it is one member of the replica set {hello['setName']}, and no other one is spoken to"
        advice = "leave directConnection out of DATABASE_URL, and name all members: else a failover stops all syncs"
        return [warning(says, advice)], True
    kind = f"replica set {hello['setName']} of {listed(members)}" if "setName" in hello else listed(members)
    return [passed(f"{kind} answers in {seconds * 1000:.0f} ms: MongoDB {version}")], True


def address(url: str, *, answers: bool) -> Iterator[Finding]:
    """Yield what of the address does not count, and, unless the server `answers`, what may be meant otherwise."""
    if mongodb_address.has_plus(url) and not answers:
        yield warning("the + in DATABASE_URL's user name or password stands for a space", "write %2B if it is meant")
    if names := mongodb_address.overruled(url):
        yield passed(
            f"what DATABASE_URL says of {listed(names)} is overruled: jira-sync reads from the primary, writes to the "
            "journals of a majority, and has timeouts and connections of its own"
        )


def of_sync(client: Client, sync: Sync, *, is_expected_to_run: bool) -> Iterator[Finding]:
    """Yield whether the sync's database accepts writes, and which worker runs the sync."""
    failure = _write_failure(client, sync.database)
    yield failure or passed(f"it takes writes to {sync.database}, and has them on disk when it says so")
    if shared_failure := _write_failure(client, rate_limits.DATABASE):
        advice = f"{shared_failure.advice}; until then the syncs of a site do not tell each other of its limits"
        yield warning(shared_failure.says, advice)
    try:
        writer = writer_of(client[sync.database])
    except PyMongoError as error:
        yield _driver_failure(error)
        return
    if writer:
        process, since = writer
        yield passed(f"process {process.pid} on {process.host} runs this sync since {since:%Y-%m-%d %H:%M} UTC")
    elif is_expected_to_run:
        yield warning("no worker holds this sync, although it should run", "jira-sync status says why")
    else:
        yield passed("no worker runs this sync")


def _write_failure(client: Client, name: str) -> Finding | None:
    """Write and delete a document as durably as a worker; return what failed, or None."""
    durable = WriteConcern(w="majority", j=True, wtimeout=PATIENCE)
    collection = client.get_database(name, write_concern=durable)[COLLECTION]
    try:
        document_id = collection.insert_one({}).inserted_id
        collection.delete_one({"_id": document_id})
    except WTimeoutError:
        advice = "are enough members of the replica set up? A worker waits for them too"
        return failed(f"no majority of its servers has taken a write to {name} within {PATIENCE // 1000} s", advice)
    except PyMongoError as error:
        return _driver_failure(error, name)
    # An empty collection that stays does no harm.
    with suppress(PyMongoError):
        if not collection.find_one():
            collection.drop()
    return None


def _driver_failure(error: PyMongoError, database: str = "", *, embedded: bool = False) -> Finding:
    """Return the finding for an error of the driver. Never repeats the URL, which may contain a password."""
    code = error.code if isinstance(error, OperationFailure) else None
    if code == NOT_AUTHENTICATED:
        return failed(
            "MongoDB does not accept the user or password in DATABASE_URL", "correct it, then restart the group"
        )
    if code == NOT_AUTHORISED:
        says = f"our MongoDB user may not write to {database}" if database else "our MongoDB user may not ask that"
        return failed(says, f"grant it the role readWrite on {database or 'the databases of all syncs'}")
    advice = "jira-sync logs mongodb says why." if embedded else "does it run? Is DATABASE_URL right?"
    return failed(str(unavailable(error)), f"{advice} Nothing is lost meanwhile: workers wait for it")
