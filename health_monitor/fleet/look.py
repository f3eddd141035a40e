"""What one container knows of its fleet at one moment, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from sync_model.health.heartbeat import Heartbeat, HeartbeatReader
from sync_model.health.judgement_elsewhere import Elsewhere
from sync_model.shards import Shard, owner
from sync_worker.database.lease_reports import LeaseReport
from sync_worker.database.shared.fleet import Container


@dataclass(frozen=True)
class SeenLease:
    """The lease of a sync as it was read `at`, on the monotonic clock. `report` is None if nobody has ever had it."""

    report: LeaseReport | None
    at: float


@dataclass(frozen=True)
class FleetLook:
    """The containers that are there, this one among them, and the leases of syncs that others run, by their names.

    `here` is the id of this container. `trouble` says what is wrong with the fleet as a whole. `speaks`: it is for this
    container to tell people of that. `error` says why the database tells nothing now. `is_read`: it has told who is
    there.
    """

    here: str
    shard: Shard
    containers: tuple[Container, ...] = ()
    leases: Mapping[str, SeenLease] = field(default_factory=dict)
    trouble: str | None = None
    speaks: bool = True
    error: str | None = None
    is_read: bool = True

    def elsewhere(self, name: str, clock: float) -> Elsewhere:
        """Return what is known at `clock` of the sync called `name`."""
        seen, shard = self.leases.get(name), Shard(owner(name, self.shard.total), self.shard.total)
        known = Elsewhere(shard, shard_up_for=self._up_for.get(shard), is_read=seen is not None, error=self.error)
        if seen is None or seen.report is None:
            return known
        report = seen.report
        renewed_ago = None if report.renewed_ago is None else report.renewed_ago + clock - seen.at
        return replace(known, host=report.host, pid=report.pid, is_held=report.is_held, renewed_ago=renewed_ago)

    def heartbeat(self, name: str, clock: float, now: datetime, reader: HeartbeatReader) -> Heartbeat | None:
        """Return what the holder of a lease said last, as sent by our own clock, which says `now` at `clock`."""
        seen = self.leases.get(name)
        if seen is None or seen.report is None or seen.report.heartbeat is None:
            return None
        age = seen.report.heartbeat_age + clock - seen.at
        return reader.parse(seen.report.heartbeat, now - timedelta(seconds=age))

    @cached_property
    def _up_for(self) -> Mapping[Shard, float]:
        """For how many seconds there has been a container of each shard."""
        known: dict[Shard, float] = {}
        for container in self.containers:
            known[container.shard] = max(known.get(container.shard, 0.0), container.up_for)
        return known
