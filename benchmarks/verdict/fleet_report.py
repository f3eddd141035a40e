"""What was measured of groups of many syncs, and what follows for more of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.rig.output import MEGABYTE

MEASURED_TITLES = [
    "syncs", "mongods", "ready", "CPU till ready", "PSS of a worker", "of it private", "all processes", "supervisord",
    "mongods' memory", "idle CPU", "of it supervisord", "of it monitor", "mongods' CPU", "connections", "files",
    "writes/s", "reads/s", "calls/s", "SIGTERM to the end",
]  # fmt: skip
COMPUTED_TITLES = [
    "syncs", "shards", "memory of a shard", "memory of all", "idle CPU of a shard", "connections", "writes/s",
    "calls/s on each site",
]  # fmt: skip
SYNCS_OF_A_SHARD = 500
"""As many were measured to be started within a quarter of a minute, in three gigabytes."""
SITES = 20
CYCLE = 300.0
"""Seconds between two cycles of a sync, in what is measured and in what is computed."""
GIGABYTE = 1024 * MEGABYTE


@dataclass
class FleetFigures:
    """What was measured of one group of so many `syncs`, whose databases are on so many `servers`.

    Memory in bytes, times in seconds; `files` are those of the databases. Shares are those of one core, rates are per
    second, both while nothing happens.
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
    files: int = 0
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
            f"{self.syncs:,}",
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
            f"{self.connections:,}",
            f"{self.files:,}",
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


def consequences(smallest: FleetFigures, largest: FleetFigures) -> str:
    """Return what follows from two groups of different sizes, for whoever decides how much to run where."""
    more = largest.syncs - smallest.syncs
    program = (largest.supervisord - smallest.supervisord) / more / 1024 if more else 0.0
    calls = largest.calls / largest.syncs * CYCLE
    return CONSEQUENCES.format(
        program=f"{program:.0f}",
        supervisord=f"{largest.idle_supervisord:.1%}",
        syncs=f"{largest.syncs:,}",
        worker=f"{largest.worker / MEGABYTE:.1f}",
        besides=f"{(largest.whole - largest.worker * largest.syncs) / MEGABYTE:.0f}",
        share=f"{largest.idle / largest.syncs * SYNCS_OF_A_SHARD:.0%}",
        of_a_shard=SYNCS_OF_A_SHARD,
        connections=f"{largest.connections / largest.syncs:.1f}",
        mongod=f"{largest.mongod / largest.syncs / MEGABYTE:.1f}",
        files=f"{largest.files / largest.syncs:.0f}",
        open_files=f"{1000 * (largest.files + 2 * largest.connections) / largest.syncs:,.0f}",
        writes=f"{largest.writes / largest.syncs * 60:.0f}",
        calls=f"{calls:.0f}",
        on_one_site=f"{SYNCS_OF_A_SHARD * calls / CYCLE:.1f}",
        an_hour=f"{SYNCS_OF_A_SHARD * calls / CYCLE * 3600:,.0f}",
    )


CONSEQUENCES = """\
## What follows from it

**Memory.** A worker needs {worker} MB; what a container has besides its workers is {besides} MB. MongoDB needs
{mongod} MB for each sync, more with much traffic: its cache keeps what was read of late.

**Shards.** {of_a_shard} syncs in one shard leave most of a core free while nothing happens: {share} of it is used.
What is to be carried over comes on top of that: [throughput.md](throughput.md). More shards than the table says are
for machines that may die, not for speed: with n machines, n shards put 1/n of the syncs into one failure.

**supervisord** takes {program} kB for each program, and {supervisord} of a core for {syncs} of them.

**MongoDB: connections and files.** A worker holds {connections} connections. The database of a sync is {files} files,
which MongoDB keeps open as long as the syncs look at them. So `mongod` needs an open-file limit (`ulimit -n`) of
{open_files} for a thousand syncs: one for each file, two for each connection. The service of MongoDB's own Linux
packages sets 64,000, which is enough for 1,900. For more of them: a higher limit, a sharded cluster, whose
`mongos` spreads the databases, or several groups of containers, each with a MongoDB server and a status page of its
own.

**MongoDB: requests.** A sync at rest writes {writes} times a minute: its lease with its heartbeat, and the cursors of
its cycle.

**Calls to Jira.** A cycle is {calls} requests: it asks both projects what has changed and who we are, and reads once
more what changed in the last minutes, as search lags. {of_a_shard} syncs of one site that look every five minutes are
{on_one_site} a second, {an_hour} an hour. What Jira allows, and what happens at the limit, which all syncs of a site
share: [limits.md](limits.md).

| who calls | its limit | {of_a_shard} syncs of one site |
|---|---|---|
| Jira Cloud, API token | 100 GETs a second for each tenant and endpoint | far below |
| Jira Cloud, OAuth app | 65,000 points an hour and more; an empty search is one point, a look at one's own account three | look every ten minutes, or divide them over apps |
| Jira Data Center | what its administrator sets for each account: 5 a second, say, and 70 at once | look every ten minutes, or divide them over accounts |

**All files in each container.** Every container checks all files, at its start and when one of them is edited. That
takes about a millisecond a file, so ten seconds for 10,000 of them."""  # noqa: E501 - the rows of a table
