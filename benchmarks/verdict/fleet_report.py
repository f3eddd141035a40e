"""What was measured of groups of many syncs, and what follows for more of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.rig.output import MEGABYTE

MEASURED_TITLES = [
    "syncs", "mongods", "ready", "CPU till ready", "PSS of a worker", "of it private", "all processes", "supervisord",
    "mongods' memory", "idle CPU", "of it supervisord", "of it monitor", "mongods' CPU", "connections", "writes/s",
    "reads/s", "calls/s", "SIGTERM to the end",
]  # fmt: skip
COMPUTED_TITLES = [
    "syncs", "shards", "memory of a shard", "memory of all", "idle CPU of a shard", "connections", "writes/s",
    "calls/s on each site",
]  # fmt: skip
SYNCS_OF_A_SHARD = 500
"""As many were measured to be started within half a minute, and to leave most of a core free."""
SITES = 20
GIGABYTE = 1024 * MEGABYTE


@dataclass
class FleetFigures:
    """What was measured of one group of so many `syncs`, whose databases are on so many `servers`.

    Memory in bytes, times in seconds. Shares are those of one core, rates are per second, both while nothing happens.
    """

    syncs: int
    servers: int
    ready: float = 0.0
    cpu_to_start: float = 0.0
    worker: float = 0.0
    private: float = 0.0
    whole: int = 0
    supervisord: int = 0
    mongod: int = 0
    idle: float = 0.0
    idle_supervisord: float = 0.0
    idle_monitor: float = 0.0
    idle_mongod: float = 0.0
    connections: int = 0
    writes: float = 0.0
    reads: float = 0.0
    calls: float = 0.0
    stop: float = 0.0

    def row(self) -> list[str]:
        return [
            str(self.syncs),
            str(self.servers),
            f"{self.ready:.1f} s",
            f"{self.cpu_to_start:.1f} s",
            f"{self.worker / MEGABYTE:.1f} MB",
            f"{self.private / MEGABYTE:.1f} MB",
            f"{self.whole / GIGABYTE:.2f} GB",
            f"{self.supervisord / MEGABYTE:.0f} MB",
            f"{self.mongod / MEGABYTE:,.0f} MB",
            f"{self.idle:.1%}",
            f"{self.idle_supervisord:.1%}",
            f"{self.idle_monitor:.1%}",
            f"{self.idle_mongod:.1%}",
            str(self.connections),
            f"{self.writes:.1f}",
            f"{self.reads:.1f}",
            f"{self.calls:.1f}",
            f"{self.stop:.1f} s",
        ]


def computed_rows(measured: FleetFigures, sizes: Sequence[int]) -> Iterator[list[str]]:
    """Yield what so many syncs need, in shards of at most `SYNCS_OF_A_SHARD`, if each sync costs what it was measured.

    What a container has besides its workers counts once for each shard.
    """
    besides = measured.whole - measured.worker * measured.syncs
    for size in sizes:
        shards = math.ceil(size / SYNCS_OF_A_SHARD)
        each = size / shards
        of_a_shard = besides + each * measured.worker
        rates = ("idle", "connections", "writes", "calls")
        per_sync = {name: getattr(measured, name) / measured.syncs for name in rates}
        yield [
            f"{size:,}",
            str(shards),
            f"{of_a_shard / GIGABYTE:.1f} GB",
            f"{of_a_shard * shards / GIGABYTE:.1f} GB",
            f"{per_sync['idle'] * each:.0%}",
            f"{per_sync['connections'] * size:,.0f}",
            f"{per_sync['writes'] * size:,.0f}",
            f"{per_sync['calls'] * size / SITES:.2f}",
        ]
