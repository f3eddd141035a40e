"""A fleet that an engine runs, as its files and its databases show it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.rig.processes import Rig, running_rig
from benchmarks.scenario.definitions import site_seeds, sync_under_test
from benchmarks.verdict.demands import SyncUnderTest
from failing_machines import await_fact
from steady_traffic import SteadyTraffic, write_configs
from sync_model.health.heartbeat import parse_heartbeat
from sync_model.shards import Shard
from sync_worker.database.lease_reports import LeaseReport, read_report
from sync_worker.database.shared.fleet import Container, Fleet

NUMBERS = (0, 2, 4, 6, 8, 10)
"""Of the syncs. All of 3 and all of 4 shards have some of them, and two of them move when 3 become 4."""
SERVED = ("cloud", "dc")
"""The sites of each sync."""
DATABASE_WAIT = "&serverSelectionTimeoutMS=3000"


@dataclass(kw_only=True)
class WatchedFleet:
    """The fleet `name`. `rig` has its databases and sites, `folder` the files of its syncs in configs/."""

    rig: Rig
    traffic: SteadyTraffic
    folder: Path
    name: str = field(default_factory=lambda: f"jira-sync-test-{uuid.uuid4().hex[:6]}")

    @property
    def syncs(self) -> list[SyncUnderTest]:
        return list(self.traffic.syncs)

    def edit(self, sync: SyncUnderTest, **changes: object) -> None:
        path = self.folder / "configs" / f"{sync.name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    @contextmanager
    def _client(self) -> Iterator[MongoClient[dict[str, Any]]]:
        with MongoClient[dict[str, Any]](f"{self.rig.database_url}{DATABASE_WAIT}", tz_aware=True) as client:
            yield client

    def containers(self) -> tuple[Container, ...]:
        with self._client() as client:
            return Fleet(client, self.name).containers()

    def lease(self, sync: SyncUnderTest) -> LeaseReport | None:
        with self._client() as client:
            return read_report(client, sync.database)

    def held_by(self, *hosts: str) -> set[str]:
        """Return the names of the syncs whose leases one of these containers holds."""
        return {sync.name for sync in self.syncs if (lease := self.lease(sync)) and lease.host in hosts}

    def has_begun(self, sync: SyncUnderTest) -> bool:
        """Tell whether a worker of the sync says that it has completed a cycle."""
        lease = self.lease(sync)
        heartbeat = parse_heartbeat(lease.heartbeat, datetime.now(UTC)) if lease and lease.heartbeat else None
        return heartbeat is not None and heartbeat.last_success is not None

    def await_holders(self) -> None:
        """Wait until each lease is held by a worker that runs: it was renewed after this call."""
        began = time.monotonic()

        def are_renewed() -> bool:
            leases = [self.lease(sync) for sync in self.syncs]
            passed = time.monotonic() - began
            return all(lease and lease.is_held and (lease.renewed_ago or 0.0) < passed for lease in leases)

        await_fact(are_renewed, "each sync to be held by a worker that runs")

    @contextmanager
    def cut_off(self, fault: Callable[..., object], node: object, what: str) -> Iterator[None]:
        """Have a machine be cut off from `what` for as long as the block takes, by the command `fault`."""
        with self.traffic.requests_under_way():
            fault("cut", node, what)
            yield
            fault("heal", node)

    def start_traffic(self) -> None:
        """Have customers report issues, once each sync has begun. What was reported before is only noted."""
        await_fact(lambda: all(map(self.has_begun, self.syncs)), "each sync to complete a cycle")
        self.traffic.start()

    def await_shards(self, count: int, times: int = 1) -> None:
        """Wait until each shard of so many is there, `times` over, and no other container."""
        wanted = [Shard(number, count) for number in range(1, count + 1) for _ in range(times)]
        await_fact(lambda: [each.shard for each in self.containers()] == wanted, f"{count} shards and no others")


@contextmanager
def syncs_and_their_surroundings(folder: Path, host: str, token: str) -> Iterator[tuple[Rig, SteadyTraffic]]:
    """Run MongoDB as a replica set and two sites at the address `host`, and write the files of the syncs to `folder`.

    `token` is what these files say in place of the token of their account. Customers report nothing before
    `start_traffic`.
    """
    folder.mkdir()
    syncs = [sync_under_test(number, "shipped", *SERVED) for number in NUMBERS]
    with running_rig(folder, site_seeds(syncs), members=3, host=host) as rig:
        write_configs(rig, syncs, folder / "configs", token)
        traffic = SteadyTraffic(rig, syncs)
        try:
            yield rig, traffic
        finally:
            traffic.stop()
