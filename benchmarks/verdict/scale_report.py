"""What was measured of whole groups, and the tables that show it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.rig.output import MEGABYTE, table

TITLES = [
    "design", "syncs", "ready", "CPU till ready", "PSS of a worker", "of it private", "all processes",
    "SIGTERM to the end", "lost track of",
]  # fmt: skip


@dataclass
class GroupFigures:
    """What was measured of one group of the design that is called `design` and shown as `title`.

    Memory in bytes, times in seconds; `events` has the seconds of each event.
    """

    design: str
    title: str
    syncs: int
    ready: float = 0.0
    cpu: float = 0.0
    worker: float = 0.0
    private: float = 0.0
    whole: int = 0
    mongod: int = 0
    stop: float = 0.0
    lost: int = 0
    events: dict[str, float] = field(default_factory=dict)

    def row(self) -> list[str]:
        return [
            self.title,
            str(self.syncs),
            f"{self.ready:.1f} s",
            f"{self.cpu:.1f} s",
            f"{self.worker / MEGABYTE:.1f} MB",
            f"{self.private / MEGABYTE:.1f} MB",
            f"{self.whole / MEGABYTE:,.0f} MB",
            f"{self.stop:.1f} s",
            str(self.lost),
        ]


@dataclass(frozen=True)
class ServerComparison:
    """Memory in bytes of `count` MongoDB servers with one database each, and of one server with `count` databases."""

    count: int
    many: int
    one: int

    def row(self) -> list[str]:
        return [
            "MongoDB servers: memory",
            "measured ratio",
            f"one with {self.count} databases: {_megabytes(self.one)}",
            f"{self.count} with one each: {_megabytes(self.many)}, {self.many / self.one:.0f} times as much",
        ]


def half_of(sync_count: int) -> int:
    """Return how many syncs the larger of the two edits changes: at least one."""
    return max(1, sync_count // 2)


def targets(figures: Sequence[GroupFigures], idle: float, servers: ServerComparison | None) -> str:
    """Return the table of the targets for a forked group, and what was measured of it and of the replaced design."""
    ours = next(group for group in figures if group.design == "fork")
    node = next((group for group in figures if group.design == "node"), None)

    def both(show: Callable[[GroupFigures], str]) -> list[str]:
        return [show(ours), show(node) if node else "–"]

    restart = f"restart of all: {node.stop + node.ready:.0f} s" if node else "–"
    rows = [
        ["PSS of a worker after 20 cycles", "≤ 8 MB", *both(lambda group: _megabytes(group.worker))],
        ["the whole group, without mongod", "≤ 0.95 GB", *both(lambda group: _gigabytes(group.whole))],
        ["start to all ready", "≤ 4 s", *both(lambda group: _seconds(group.ready))],
        ["CPU to start all", "≤ 4 s", *both(lambda group: _seconds(group.cpu))],
        ["SIGTERM to all gone, all busy", "≤ 5 s", *both(lambda group: _seconds(group.stop))],
        ["issues lost track of by that", "0", *both(lambda group: str(group.lost))],
        ["edit of 1, until its new process works", "≤ 2 s", _seconds(ours.events["edit of 1"]), restart],
        [f"edit of {half_of(ours.syncs)}", "≤ 5 s", _seconds(ours.events["edit of half"]), restart],
        ["crash to working again", "≤ 2 s", *both(lambda group: _seconds(group.events["crash"]))],
        ["idle CPU, a cycle every 5 minutes", "≤ 3 % of one core", f"{idle:.1%} of one core", "–"],
    ]
    if servers:
        rows.append(servers.row())
    return table([f"what, with {ours.syncs} syncs", "target", "jira-sync", "the replaced design"], rows)


def panels(figures: Sequence[GroupFigures]) -> dict[str, dict[str, dict[int, float]]]:
    """Return what a chart shows: axis → design → number of syncs → value."""
    axes: dict[str, Callable[[GroupFigures], float]] = {
        "memory of all processes, MB (PSS)": lambda group: group.whole / MEGABYTE,
        "start until all work, seconds": lambda group: group.ready,
    }
    titles = dict.fromkeys(group.title for group in figures)
    return {
        axis: {title: {group.syncs: value(group) for group in figures if group.title == title} for title in titles}
        for axis, value in axes.items()
    }


def _megabytes(size: float) -> str:
    return f"{size / MEGABYTE:,.1f} MB"


def _gigabytes(size: float) -> str:
    return f"{size / MEGABYTE / 1024:.2f} GB"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"
