"""Joins the monitor with the fleet that its container is part of, if it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from structlog.typing import FilteringBoundLogger

from generator.running.settings.group import Settings
from health_monitor.databases import SyncDatabases
from health_monitor.fleet.link import FleetLink
from health_monitor.observation.snapshot import Snapshot
from sync_model import VERSION
from sync_worker.database.documents.formats import readable
from sync_worker.database.shared.fleet import Container, this_container


def join_fleet(
    settings: Settings, databases: SyncDatabases, log: FilteringBoundLogger, latest: Callable[[], Snapshot | None]
) -> FleetLink | None:
    """Return the link to the fleet; None for a container that has nothing to do with others.

    `latest` returns the newest snapshot of this container.
    """
    if settings.shard is None:
        return None
    container_id, host = this_container(settings.run_dir)
    container = Container(container_id, host, settings.shard, VERSION, formats=readable())

    def describe(known: Container) -> Container:
        snapshot = latest()
        if snapshot is None:
            return known
        standing_by = sum(view.stands_by for view in snapshot.syncs)
        version = snapshot.pushed.version if snapshot.pushed else None
        files = version.number if version else None
        return replace(known, files=files, syncs=len(snapshot.here) + standing_by, standing_by=standing_by)

    def workers() -> frozenset[int]:
        snapshot = latest()
        processes = (view.facts.process for view in snapshot.here) if snapshot else ()
        return frozenset(process.pid for process in processes if process)

    return FleetLink(container, settings.fleet, databases, log, describe, workers)
