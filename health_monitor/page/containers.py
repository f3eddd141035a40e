"""The texts of the page about the containers of a fleet. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from health_monitor.fleet.look import FleetLook
from health_monitor.observation.snapshot import SyncView
from sync_model.health.judgement import Level
from sync_model.shards import Shard
from sync_worker.database.shared.fleet import Container

UNFOLDED_AT_MOST = 5
"""So many rows are shown at once, whatever they say. More are unfolded where something is wrong."""


@dataclass(frozen=True)
class ContainerRow:
    """One container, or a shard that no container is: then `container` is None."""

    shard: Shard
    level: Level
    container: Container | None = None
    is_here: bool = False

    @property
    def is_standby(self) -> bool:
        return self.container is not None and self.container.is_standby

    @property
    def runs(self) -> str:
        """How many syncs it runs, in words."""
        if self.container is None:
            return "its syncs run nowhere"
        if self.is_standby:
            return f"stands by for {_syncs(self.container.syncs)}"
        standing_by = self.container.standing_by
        running = _syncs(self.container.syncs - standing_by)
        return f"{running}, and stands by for {standing_by:,} more" if standing_by else running


@dataclass(frozen=True)
class ContainerTable:
    """The containers of a fleet, by their shards. `text` sums them up. `is_unfolded` tells whether all are shown."""

    rows: Sequence[ContainerRow]
    text: str
    level: Level
    is_unfolded: bool


def container_table(fleet: FleetLook | None) -> ContainerTable | None:
    """Return the containers of the fleet; None where there is none."""
    if fleet is None:
        return None
    total = fleet.shard.total
    known = [_row(container, fleet) for container in fleet.containers]
    absent = [shard for number in range(1, total + 1) if (shard := Shard(number, total)) not in _shards(fleet)]
    # Until the database has been asked, nobody knows who is there.
    missing = [ContainerRow(shard, Level.ERROR) for shard in absent if not fleet.error and fleet.is_read]
    rows = sorted((*known, *missing), key=lambda row: (row.shard.total, row.shard, row.container is not None))
    level = Level.ERROR if any(row.level is Level.ERROR for row in rows) else Level.OK
    return ContainerTable(rows, _text(rows, fleet), level, level is Level.ERROR or len(rows) <= UNFOLDED_AT_MOST)


def _row(container: Container, fleet: FleetLook) -> ContainerRow:
    level = Level.OK if container.shard.total == fleet.shard.total else Level.ERROR
    return ContainerRow(container.shard, level, container, container.id == fleet.here)


def _shards(fleet: FleetLook) -> set[Shard]:
    return {container.shard for container in fleet.containers}


def _text(rows: Sequence[ContainerRow], fleet: FleetLook) -> str:
    """Say how many containers there are, and what is missing or differs."""
    containers = [row.container for row in rows if row.container]
    standing_by = sum(row.is_standby for row in rows)
    parts = [f"{len(containers):,} container{'' if len(containers) == 1 else 's'}"]
    parts += [f"{standing_by:,} of them standing by"] if standing_by else []
    missing = [str(row.shard) for row in rows if row.container is None]
    if missing:
        named = ", ".join(missing[:UNFOLDED_AT_MOST])
        more = f" and {len(missing) - UNFOLDED_AT_MOST:,} more" if len(missing) > UNFOLDED_AT_MOST else ""
        parts.append(f"nobody is shard {named}{more}")
    totals = Counter(container.shard.total for container in containers)
    parts += [f"they differ in how many shards there are: {_listed(totals)}"] if len(totals) > 1 else []
    files = {container.files for container in containers}
    parts += ["not all have the same files yet"] if len(files) > 1 else []
    versions = {container.version for container in containers}
    parts += [f"versions {', '.join(sorted(versions))}"] if len(versions) > 1 else []
    return f"{', '.join(parts)}. This one is shard {fleet.shard}."


def _listed(totals: Counter[int]) -> str:
    return ", ".join(map(str, sorted(totals)))


def place(view: SyncView, fleet: FleetLook | None) -> str:
    """Return which container runs a sync, in short; empty where there is no fleet."""
    if fleet is None:
        return ""
    if view.elsewhere is None:
        return f"{fleet.shard} here"
    shard = str(view.elsewhere.shard) if view.elsewhere.shard else ""
    return f"{shard} {view.elsewhere.host or 'nobody'}".strip()


def place_in_words(view: SyncView, fleet: FleetLook | None) -> str:
    """The same for a person who reads one sync's page."""
    if fleet is None:
        return ""
    if view.elsewhere is None:
        return f"this one, shard {fleet.shard}"
    elsewhere = view.elsewhere
    if not elsewhere.host:
        return f"none yet; it belongs to shard {elsewhere.shard}"
    verb = "" if elsewhere.is_held else "none now; the last was "
    standing_by = "; this one stands by" if view.stands_by else ""
    return f"{verb}{elsewhere.where}{standing_by}"


def _syncs(number: int) -> str:
    return f"{number:,} sync{'' if number == 1 else 's'}"
