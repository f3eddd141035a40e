"""What the leases of syncs tell whoever has no part in them: who holds one, and what the holder said of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient

from sync_worker.database.connection import MAJORITY, answered_soon, durable_database
from sync_worker.database.lease import WRITER


@dataclass(frozen=True)
class LeaseReport:
    """The lease of one sync at one moment. All durations are in seconds, and none depends on two clocks.

    `host` and `pid` name the last holder. `is_held`: the lease has not run out, and was not released. `renewed_ago` is
    None where an earlier version has written the lease. `heartbeat` is what the holder said last of itself, as JSON,
    `heartbeat_age` how long ago that was.
    """

    host: str
    pid: int
    is_held: bool
    renewed_ago: float | None = None
    heartbeat: bytes | None = None
    heartbeat_age: float = 0.0


def read_report(client: MongoClient[dict[str, Any]], database: str) -> LeaseReport | None:
    """Return the report of the sync of this database; None when no worker has ever run it. Raises PyMongoError."""
    lease = durable_database(client, database).get_collection("lease", read_concern=MAJORITY)
    with answered_soon():
        found = next(lease.aggregate([{"$match": {"_id": WRITER}}, {"$set": {"now": "$$NOW"}}]), None)
    return _report(found) if found and found.get("process") else None


def _report(document: dict[str, Any]) -> LeaseReport:
    now, renewed, expires, said = (document.get(name) for name in ("now", "renewed", "expires", "heartbeat"))
    renewed_ago = max(0.0, (now - renewed).total_seconds()) if now and renewed else None
    return LeaseReport(
        host=str(document["process"].get("host")),
        pid=int(document["process"].get("pid", 0)),
        is_held=bool(document.get("owner")) and expires is not None and now is not None and expires > now,
        renewed_ago=renewed_ago,
        heartbeat=said.encode() if isinstance(said, str) else None,
        heartbeat_age=float(document.get("heartbeat_age") or 0.0) + (renewed_ago or 0.0),
    )
