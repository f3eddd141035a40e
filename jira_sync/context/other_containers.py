"""The other containers of the fleet, for a command that looks once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jira_sync.context.target import Target

if TYPE_CHECKING:
    from health_monitor.fleet.look import FleetLook
    from health_monitor.observation.snapshot import Snapshot


def look_nowhere(target: Target) -> FleetLook | None:
    """Return a look at the fleet before anybody is asked; None for a group that has nothing to do with others."""
    from health_monitor.fleet.look import FleetLook
    from sync_worker.database.shared.fleet import this_container

    settings = target.settings
    return FleetLook(this_container(settings.run_dir)[0], settings.shard) if settings.shard else None


def look_at_fleet(target: Target, snapshot: Snapshot) -> FleetLook:
    """Return what the database tells of the syncs in `snapshot` that other containers run."""
    from dataclasses import replace

    from generator.running.errors import Unusable
    from health_monitor.fleet.link import look_once
    from health_monitor.observation.snapshot import databases_elsewhere

    nowhere = snapshot.fleet
    if nowhere is None:
        raise ValueError("this group has no fleet")
    try:
        with target.connect("status") as client:
            wanted = databases_elsewhere(snapshot)
            return look_once(client, nowhere.here, nowhere.shard, target.settings.fleet, wanted)
    except Unusable as error:
        return replace(nowhere, error="; ".join(error.problems))
