"""What is done to whole groups to measure them: start, edit, crash, end while all are busy, and mere waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.rig.measure import cpu_seconds, memory, private
from benchmarks.rig.processes import new_server
from benchmarks.scenario import backlog
from benchmarks.scenario.designs import Design
from benchmarks.scenario.group import SITE, RunningGroup, running_group
from benchmarks.verdict.scale_report import GroupFigures, half_of

CYCLES = 20
SECONDS_PER_SYNC = 0.03
"""Between two cycles, so that the two cores of a small machine, and the simulated site, are not what is measured."""
LATENCY = 1.0
BUSY_ISSUES = 20
LONG_INTERVAL = 300.0
"""Seconds between two cycles as in production, so that most workers wait."""
MAPPINGS = {"pairs": "dev_id", "jira_mapping": "dev_issue_key"}
"""The collection and the field where the database of each design has the counterparts."""


@dataclass(frozen=True)
class PlannedEdit:
    """Which syncs get a new interval, in minutes, by their numbers."""

    title: str
    syncs: range
    interval: float


def planned_edits(sync_count: int) -> list[PlannedEdit]:
    """Return the edits of a group. Each interval is new: an edit that changes nothing would restart no worker."""
    sizes = {"edit of 1": 1, "edit of half": half_of(sync_count)}
    return [
        PlannedEdit(title, range(size), LONG_INTERVAL / 60 + number)
        for number, (title, size) in enumerate(sizes.items(), 1)
    ]


def measure(design: Design, sync_count: int, *, in_detail: bool) -> GroupFigures:
    """Measure two groups. The first is run as in production: it starts, and `in_detail` also follows edits and a crash.

    The second works without a rest, which shows the memory that this takes, and is ended while all workers are busy.
    """
    figures = GroupFigures(design.name, design.title, sync_count)
    with tempfile.TemporaryDirectory() as folder, _group(design, sync_count, folder, LONG_INTERVAL) as group:
        figures.ready, figures.cpu = group.wait_until_ready()
        if in_detail:
            figures.events = dict(_events(group, design))
        group.kill()
    interval = max(1.0, sync_count * SECONDS_PER_SYNC)
    with tempfile.TemporaryDirectory() as folder, _group(design, sync_count, folder, interval) as group:
        group.wait_for_cycles(CYCLES)
        workers = group.ready_pids().values()
        figures.worker = sum(memory(pid)["Pss"] for pid in workers) / sync_count
        figures.private = sum(map(private, workers)) / sync_count
        figures.whole = sum(memory(pid)["Pss"] for pid in group.all_pids())
        figures.mongod = memory(group.rig.mongod.pid)["Pss"]
        _keep_all_busy(group)
        figures.stop = group.stop()
        figures.lost = _lost_issues(group)
    return figures


def _group(design: Design, sync_count: int, folder: str, interval: float) -> AbstractContextManager[RunningGroup]:
    return running_group(Path(folder), sync_count, design.spawn, interval=interval, kind=design.kind)


def _events(group: RunningGroup, design: Design) -> Iterator[tuple[str, float]]:
    yield "crash", _crash(group)
    if design.edits:
        for edit in planned_edits(len(group.names)):
            yield edit.title, _edit(group, edit)


def _crash(group: RunningGroup) -> float:
    """Kill a worker; return how many seconds it took until the next one was ready."""
    name = group.names[-1]
    before = group.ready_pids()[name]
    began = time.monotonic()
    os.kill(before, signal.SIGKILL)
    group.wait_for(lambda: group.ready_pids().get(name, before) != before)
    return time.monotonic() - began


def _edit(group: RunningGroup, edit: PlannedEdit) -> float:
    """Write the files and apply them; return how many seconds it took until all new workers were ready.

    Raises RuntimeError when a worker of another sync was restarted.
    """
    before = group.ready_pids()
    edited = [group.names[number] for number in edit.syncs]
    for number in edit.syncs:
        group.write(number, syncIntervalMinutes=edit.interval)
    began = time.monotonic()
    command = [sys.executable, "-m", "jira_sync", "apply"]
    quiet = subprocess.DEVNULL
    # The command returns only when the workers have run for some seconds; their own heartbeats come earlier.
    with subprocess.Popen(command, env=group.environ, stdout=quiet, stderr=quiet) as apply:
        group.wait_for(lambda: all(group.ready_pids()[name] != before[name] for name in edited))
        seconds = time.monotonic() - began
    if apply.returncode:
        raise subprocess.CalledProcessError(apply.returncode, command)
    after = group.ready_pids()
    if others := [name for name in group.names if name not in edited and after[name] != before[name]]:
        raise RuntimeError(f"not touched by the edit, but restarted: {', '.join(others)}")
    return seconds


def _keep_all_busy(group: RunningGroup) -> None:
    """Return when every worker has found issues that wait for a counterpart, and has not finished them."""
    control = group.rig.control
    control.settings(SITE, latency=LATENCY)
    for user, _ in group.projects:
        control.create_many(SITE, user, BUSY_ISSUES, status=backlog.STATUS)
    before = control.counts(SITE)
    group.wait_for(lambda: all(control.counts(SITE).get(dev, 0) > before.get(dev, 0) for _, dev in group.projects))


def _lost_issues(group: RunningGroup) -> int:
    """Return how many counterparts the site has that no database knows."""
    dev_projects = {dev for _, dev in group.projects}
    created = sum(count for project, count in group.rig.control.counts(SITE).items() if project in dev_projects)
    with MongoClient[dict[str, Any]](group.rig.database_url) as client:
        known = sum(
            client[database][collection].count_documents({field: {"$ne": None}})
            for database in client.list_database_names()
            for collection, field in MAPPINGS.items()
        )
    return created - known


def idle_share(sync_count: int) -> float:
    """Return which part of one core forked workers, supervisord and the monitor take while little happens."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_group(Path(folder), sync_count, interval=LONG_INTERVAL) as group,
    ):
        group.wait_until_ready()
        group.wait_for_cycles(1)
        pids = group.all_pids()
        before = sum(map(cpu_seconds, pids))
        # There is no fact to wait for: the figure is what is used while time passes.
        time.sleep(LONG_INTERVAL)
        return (sum(map(cpu_seconds, pids)) - before) / LONG_INTERVAL


def memory_of_servers(count: int) -> int:
    """Return the memory of `count` MongoDB servers, in bytes, each with the database of one sync."""
    content, indexes = _one_database()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pids = []
        for number in range(count):
            own_folder = Path(folder) / str(number)
            own_folder.mkdir()
            server = new_server(own_folder)
            stack.callback(server.stop)
            server.start()
            _fill(server.url, content, indexes)
            pids.append(server.pid)
        return sum(memory(pid)["Pss"] for pid in pids)


def _one_database() -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """Return the documents and the indexes of a sync that has worked, by collection."""
    with tempfile.TemporaryDirectory() as folder, running_group(Path(folder), 1, interval=1.0) as group:
        group.wait_for_cycles(CYCLES)
        with MongoClient[dict[str, Any]](group.rig.database_url) as client:
            source = client[group.names[0].replace("-", "_")]
            content = {name: list(source[name].find()) for name in source.list_collection_names()}
            return content, {name: source[name].index_information() for name in content}


def _fill(url: str, content: dict[str, list[dict[str, Any]]], indexes: dict[str, Any]) -> None:
    with MongoClient[dict[str, Any]](url) as client:
        for name, documents in content.items():
            collection = client["sync"].create_collection(name)
            for index_name, index in indexes[name].items():
                if index_name != "_id_":
                    options = {option: value for option, value in index.items() if option != "key"}
                    collection.create_index(index["key"], name=index_name, **options)
            if documents:
                collection.insert_many(documents)
