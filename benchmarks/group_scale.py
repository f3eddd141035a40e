"""What a group of N syncs costs, by every design: start, memory, an edit, a crash, the end while all are busy.

    .venv/bin/python -m benchmarks.group_scale [--syncs N,…] [--designs NAME,…] [--detail N] [--keep FILE]
                                               [--report FILE] [--picture FILE]

Each group is a real one, over one simulated site and one real mongod that are not counted. A worker works when it
stands on its database. Starts, edits and crashes are seen in a group with a cycle every five minutes. Memory is that
after twenty cycles with hardly a pause: proportional set size, which counts once what is shared. While the group is
ended, every request to the site takes a second, and every worker is in the middle of its issues. Lost track of are
issues that the site has got from a worker and that no database knows.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from pymongo import MongoClient

from benchmarks.pictures import draw
from benchmarks.rig.designs import DESIGNS, Design
from benchmarks.rig.group import SITE, RunningGroup, running_group
from benchmarks.rig.measure import MEGABYTE, cpu_seconds, machine, memory, private, publish, table
from benchmarks.rig.processes import Mongod
from benchmarks.scenario import backlog

T = TypeVar("T")
CYCLES = 20
SECONDS_PER_SYNC = 0.03
"""Between two cycles, so that the two cores of a small machine, and the simulated site, are not what is measured."""
LATENCY = 1.0
BUSY_ISSUES = 20
RARELY = 300.0
"""As people have it, so that most of them wait."""
MAPPINGS = {"pairs": "dev_id", "jira_mapping": "dev_issue_key"}
"""Where a database keeps counterparts, of each design."""
TITLES = [
    "design", "syncs", "ready", "CPU till ready", "PSS of a worker", "of it private", "all processes",
    "SIGTERM to the end", "lost track of",
]  # fmt: skip


@dataclass
class Figures:
    """What was measured of one group. Memory in bytes, times in seconds; `events` by what happened."""

    design: Design
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
            self.design.title,
            str(self.syncs),
            f"{self.ready:.1f} s",
            f"{self.cpu:.1f} s",
            f"{self.worker / MEGABYTE:.1f} MB",
            f"{self.private / MEGABYTE:.1f} MB",
            f"{self.whole / MEGABYTE:,.0f} MB",
            f"{self.stop:.1f} s",
            str(self.lost),
        ]


def measure(design: Design, syncs: int, *, in_detail: bool) -> Figures:
    """Run one group as people do, to see it start, and `in_detail` to see it follow an edit and a crash; then one that
    works without a rest, to see what that leaves behind, and how it ends.
    """
    figures = Figures(design, syncs)
    with tempfile.TemporaryDirectory() as folder, _group(design, syncs, folder, RARELY) as group:
        figures.ready, figures.cpu = group.wait_until_ready()
        if in_detail:
            figures.events = dict(_events(group, design))
        group.kill()
    often = max(1.0, syncs * SECONDS_PER_SYNC)
    with tempfile.TemporaryDirectory() as folder, _group(design, syncs, folder, often) as group:
        group.wait_for_cycles(CYCLES)
        workers = group.ready_pids().values()
        figures.worker = sum(memory(pid)["Pss"] for pid in workers) / syncs
        figures.private = sum(map(private, workers)) / syncs
        figures.whole = sum(memory(pid)["Pss"] for pid in group.everybody())
        figures.mongod = memory(group.made.mongod.pid)["Pss"]
        _keep_all_busy(group)
        figures.stop = group.stop()
        figures.lost = _lost(group)
    return figures


def _group(design: Design, syncs: int, folder: str, interval: float) -> AbstractContextManager[RunningGroup]:
    return running_group(Path(folder), syncs, design.spawn, interval=interval, kind=design.kind)


def _events(group: RunningGroup, design: Design) -> Iterator[tuple[str, float]]:
    yield "crash", _crash(group)
    if design.edits:
        yield "edit of 1", _edit(group, range(1))
        yield "edit of half", _edit(group, range(len(group.names) // 2))


def _crash(group: RunningGroup) -> float:
    """Kill a worker; return how many seconds it took until the next one worked."""
    name = group.names[-1]
    before = group.ready_pids()[name]
    began = time.monotonic()
    os.kill(before, signal.SIGKILL)
    group.wait_for(lambda: group.ready_pids().get(name, before) != before)
    return time.monotonic() - began


def _edit(group: RunningGroup, which: range) -> float:
    """Edit some files and apply that; return how many seconds it took until all of their new workers worked.

    Raises RuntimeError when any other worker was restarted, too.
    """
    before = group.ready_pids()
    touched = [group.names[number] for number in which]
    for number in which:
        group.write(number, syncIntervalMinutes=RARELY / 60 + len(touched))
    began = time.monotonic()
    command = [sys.executable, "-m", "jira_sync", "apply"]
    quiet = subprocess.DEVNULL
    # It says that all is well only when they have worked for some seconds.
    with subprocess.Popen(command, env=group.environ, stdout=quiet, stderr=quiet) as apply:
        group.wait_for(lambda: all(group.ready_pids()[name] != before[name] for name in touched))
        seconds = time.monotonic() - began
    if apply.returncode:
        raise subprocess.CalledProcessError(apply.returncode, command)
    after = group.ready_pids()
    if others := [name for name in group.names if name not in touched and after[name] != before[name]]:
        raise RuntimeError(f"not touched by the edit, but restarted: {', '.join(others)}")
    return seconds


def _keep_all_busy(group: RunningGroup) -> None:
    """Return when every worker has found issues that wait for a counterpart, and is in the middle of them."""
    control = group.made.control
    control.settings(SITE, latency=LATENCY)
    for user, _ in group.pairs:
        control.create_many(SITE, user, BUSY_ISSUES, status=backlog.STATUS)
    before = control.counts(SITE)
    group.wait_for(lambda: all(control.counts(SITE).get(dev, 0) > before.get(dev, 0) for _, dev in group.pairs))


def _lost(group: RunningGroup) -> int:
    developers = {dev for _, dev in group.pairs}
    made = sum(count for project, count in group.made.control.counts(SITE).items() if project in developers)
    with MongoClient[dict[str, Any]](group.made.mongod.url) as client:
        known = sum(
            client[database][collection].count_documents({name: {"$ne": None}})
            for database in client.list_database_names()
            for collection, name in MAPPINGS.items()
        )
    return made - known


def idle_share(syncs: int) -> float:
    """Return which part of one core `syncs` forked workers, supervisord and the monitor take while little happens."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_group(Path(folder), syncs, interval=RARELY) as group,
    ):
        group.wait_until_ready()
        group.wait_for_cycles(1)
        everybody = group.everybody()
        before = sum(map(cpu_seconds, everybody))
        # Nothing to wait for: how much is used while time passes is what is asked.
        time.sleep(RARELY)
        return (sum(map(cpu_seconds, everybody)) - before) / RARELY


def servers(count: int) -> int:
    """Return the memory of `count` MongoDB servers, in bytes, each with the database of one sync."""
    with tempfile.TemporaryDirectory() as folder, running_group(Path(folder), 1, interval=1.0) as group:
        group.wait_for_cycles(CYCLES)
        with MongoClient[dict[str, Any]](group.made.mongod.url) as client:
            source = client[group.names[0].replace("-", "_")]
            content = {name: list(source[name].find()) for name in source.list_collection_names()}
            indexes = {name: source[name].index_information() for name in content}
    with tempfile.TemporaryDirectory() as folder:
        running: list[Mongod] = []
        try:
            for number in range(count):
                place = Path(folder) / str(number)
                place.mkdir()
                running.append(Mongod(place))
                running[-1].start()
                _fill(running[-1].url, content, indexes)
            return sum(memory(each.pid)["Pss"] for each in running)
        finally:
            for each in running:
                each.stop()


def _fill(url: str, content: dict[str, list[dict[str, Any]]], indexes: dict[str, Any]) -> None:
    with MongoClient[dict[str, Any]](url) as client:
        for name, documents in content.items():
            collection = client["sync"].create_collection(name)
            for known_as, index in indexes[name].items():
                if known_as != "_id_":
                    options = {name: value for name, value in index.items() if name != "key"}
                    collection.create_index(index["key"], name=known_as, **options)
            if documents:
                collection.insert_many(documents)


def targets(figures: Sequence[Figures], idle: float, many: tuple[int, int, int]) -> str:
    """Return the table of what was promised for one forked group, and what came of it, beside the replaced design."""
    ours = next(each for each in figures if each.design.name == "fork")
    node = next((each for each in figures if each.design.name == "node"), None)
    count, server_memory, one = many

    def theirs(show: Callable[[Figures], str]) -> str:
        return show(node) if node else "–"

    restart = theirs(lambda it: f"restart of all: {it.stop + it.ready:.0f} s")
    rows = [
        ["PSS of a worker after 20 cycles", "≤ 8 MB", _mb(ours.worker), theirs(lambda it: _mb(it.worker))],
        ["the whole group, without mongod", "≤ 0.95 GB", _gb(ours.whole), theirs(lambda it: _gb(it.whole))],
        ["start to all ready", "≤ 4 s", _s(ours.ready), theirs(lambda it: _s(it.ready))],
        ["CPU to start all", "≤ 4 s", _s(ours.cpu), theirs(lambda it: _s(it.cpu))],
        ["SIGTERM to all gone, all busy", "≤ 5 s", _s(ours.stop), theirs(lambda it: _s(it.stop))],
        ["issues lost track of by that", "0", str(ours.lost), theirs(lambda it: str(it.lost))],
        ["edit of 1, until its new process works", "≤ 2 s", _s(ours.events["edit of 1"]), restart],
        [f"edit of {ours.syncs // 2}", "≤ 5 s", _s(ours.events["edit of half"]), restart],
        [
            "crash to working again", "≤ 2 s", _s(ours.events["crash"]), theirs(lambda it: _s(it.events["crash"])),
        ],
        ["idle CPU, a cycle every 5 minutes", "≤ 3 % of one core", f"{idle:.1%} of one core", "–"],
        [
            "MongoDB servers: memory", "measured ratio",
            f"one with {count} databases: {_mb(one)}",
            f"{count} with one each: {_mb(server_memory)}, {server_memory / one:.0f} times as much",
        ],
    ]  # fmt: skip
    return table([f"what, with {ours.syncs} syncs", "target", "jira-sync", "the replaced design"], rows)


class Kept:
    """What has been measured, in a file if there is to be one: a run that was interrupted goes on where it was."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._values: dict[str, Any] = json.loads(path.read_text()) if path and path.exists() else {}

    def get(self, name: str, measure: Callable[[], T]) -> T:
        if name not in self._values:
            self._values[name] = measure()
            if self._path:
                self._path.write_text(json.dumps(self._values, indent=1, default=vars))
        found: T = self._values[name]
        return found


def compare(options: argparse.Namespace, kept: Kept) -> list[Figures]:
    """Run every group that was asked for, one after the other; say how far it is."""
    figures = []
    for design in DESIGNS:
        if design.name not in options.designs.split(","):
            continue
        if why_not := design.why_not():
            print(f"{design.title}: left out, {why_not}", file=sys.stderr)
            continue
        for syncs in map(int, options.syncs.split(",")):
            if f"{design.name}:{syncs}" in options.without.split(","):
                continue

            def run(design: Design = design, syncs: int = syncs) -> dict[str, Any]:
                return {**vars(measure(design, syncs, in_detail=syncs == options.detail)), "design": design.name}

            figures.append(Figures(**{**kept.get(f"{design.name} {syncs}", run), "design": design}))
            print("  ".join(figures[-1].row()), file=sys.stderr, flush=True)
    return figures


def page(options: argparse.Namespace, figures: Sequence[Figures], kept: Kept) -> str:
    """Return what was found, as a page for people."""
    command = f"python -m benchmarks.group_scale --syncs {options.syncs} --designs {options.designs}"
    command += f" --without {options.without}" if options.without else ""
    parts = [f"`{command}` on {machine()}:", table(TITLES, [each.row() for each in figures])]
    detailed = [each for each in figures if each.syncs == options.detail]
    if any(each.design.name == "fork" for each in detailed):
        one = next(each for each in figures if each.design.name == "fork" and each.syncs == options.servers)
        many = kept.get(f"{options.servers} servers", lambda: servers(options.servers))
        idle = kept.get(f"idle {options.detail}", lambda: idle_share(options.detail))
        parts.append(targets(detailed, idle, (options.servers, many, one.mongod)))
    if options.picture:
        draw.draw(options.picture, panels(figures))
        place = (
            options.picture.name if options.report is None else os.path.relpath(options.picture, options.report.parent)
        )
        parts.append(f"![Memory and start against the number of syncs, by every design]({place})")
    return "\n\n".join([(__doc__ or "").split("\n\n", 2)[2].strip(), *parts])


def panels(figures: Sequence[Figures]) -> dict[str, dict[str, dict[int, float]]]:
    axes: dict[str, Callable[[Figures], float]] = {
        "memory of all processes, MB (PSS)": lambda it: it.whole / MEGABYTE,
        "start until all work, seconds": lambda it: it.ready,
    }
    titles = dict.fromkeys(each.design.title for each in figures)
    return {
        axis: {title: {it.syncs: value(it) for it in figures if it.design.title == title} for title in titles}
        for axis, value in axes.items()
    }


def _mb(size: float) -> str:
    return f"{size / MEGABYTE:,.1f} MB"


def _gb(size: float) -> str:
    return f"{size / MEGABYTE / 1024:.2f} GB"


def _s(seconds: float) -> str:
    return f"{seconds:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.group_scale", description=(__doc__ or "").splitlines()[0]
    )
    names = ",".join(each.name for each in DESIGNS)
    parser.add_argument("--syncs", default="1,10,50,100,200", metavar="N,…", help="how many (1,10,50,100,200)")
    parser.add_argument("--designs", default=names, metavar="NAME,…", help=f"which ({names})")
    parser.add_argument("--without", default="", metavar="NAME:N,…", help="groups to leave out: some take very long")
    parser.add_argument("--detail", type=int, default=100, metavar="N", help="with how many there is an edit, a crash")
    parser.add_argument("--servers", type=int, default=50, metavar="N", help="MongoDB servers to compare one with")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="remember there what was measured, and go on")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the tables there, too")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw memory and start against N there")
    options = parser.parse_args()
    if options.picture and not find_spec("matplotlib"):
        parser.error("--picture needs matplotlib, which is not part of what is installed: pip install matplotlib")
    kept = Kept(options.keep)
    publish("A hundred syncs in one container", page(options, compare(options, kept), kept), options.report)


if __name__ == "__main__":
    main()
