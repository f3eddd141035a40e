"""Breaks everything and counts what got lost: `.venv/bin/python -m benchmarks.chaos [--seed N] [--edits N] …`.

It starts a simulated Cloud site, a simulated Data Center site, an embedded mongod and one real worker for each sync.
People edit both sides while workers are killed, MongoDB goes away, Jira answers badly and clocks jump. Then all faults
end and the syncs settle. Their databases are lost and the sites get other names while they run, and people edit on.
Pairs of which the counterpart was moved out of its project are named to the syncs after the loss, as README says.
Both sides are compared with what the rules demand. What happens, and when, follows from the seed.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import itertools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from benchmarks.rig import command
from benchmarks.rig.processes import Rig, running_rig
from benchmarks.scenario import timeline
from benchmarks.scenario.definitions import site_names, site_seeds, syncs_under_test
from benchmarks.scenario.faults import FaultInjector
from benchmarks.scenario.people import People
from benchmarks.scenario.settling import NotSettled, Settling
from benchmarks.scenario.timeline import SWITCHES, TimelineEvent
from benchmarks.scenario.workers import WorkerProcesses
from benchmarks.verdict import chaos_report
from benchmarks.verdict.chaos_report import ChaosResult
from benchmarks.verdict.demands import SyncUnderTest
from benchmarks.verdict.evidence import Dumps, RunFacts, judged_pairs
from benchmarks.verdict.judge import judge
from sync_worker.core.identity import Decision
from sync_worker.engine import resync
from sync_worker.engine.recognition import adoption

LOOK_EVERY = 0.02
SECONDS_TO_BEGIN = 60.0


def main() -> int:
    options = _parser().parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.keep or stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).mkdir(parents=True, exist_ok=True)
        result = run(Path(folder), options)
    command_line = f"python -m benchmarks.chaos {' '.join(_given(options))}".strip()
    print(chaos_report.as_text(result, command_line))
    if options.report:
        options.report.write_text(chaos_report.as_page(result, command_line), encoding="utf-8")
    return 0 if result.is_clean else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edits", type=int, default=300, help="changes by people")
    parser.add_argument("--kills", type=int, default=25, help="SIGKILLs of workers; the other trouble grows with them")
    parser.add_argument("--syncs", type=int, default=4)
    parser.add_argument("--members", type=int, choices=(1, 3), default=1, help="servers of MongoDB")
    parser.add_argument(
        "--without", type=_switches, default=(), metavar="WHAT,…", help=f"leave out some of {', '.join(SWITCHES)}"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table as a page")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave logs, database and the sites' end there")
    return parser


def _switches(text: str) -> tuple[str, ...]:
    wanted = tuple(name for name in text.split(",") if name)
    if unknown := set(wanted) - set(SWITCHES):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there is only {', '.join(SWITCHES)}")
    return wanted


def _given(options: argparse.Namespace) -> Iterator[str]:
    for name in ("seed", "edits", "kills", "syncs", "members"):
        yield f"--{name} {getattr(options, name)}"
    if options.without:
        yield f"--without {','.join(options.without)}"


def run(folder: Path, options: argparse.Namespace) -> ChaosResult:
    """Run it all in `folder` and return what happened."""
    began = time.monotonic()
    plan = timeline.draw(options.seed, options.edits, options.kills, options.without)
    after = timeline.draw(options.seed + 1, options.edits // 10 if options.kills else 0, 0, options.without)
    syncs, result = syncs_under_test(options.syncs), ChaosResult()
    with (
        running_rig(folder, site_seeds(syncs), options.members) as rig,
        contextlib.closing(WorkerProcesses(rig, syncs)) as workers,
    ):
        _await_cycles(workers)
        faults = FaultInjector(rig, workers, syncs)
        with _people(rig, syncs) as people:
            _play(plan.edits, plan.faults, people, faults, workers)
            result.fault_seconds = time.monotonic() - began
            faults.end_all()
            workers.restart()
            try:
                settling = Settling(rig, workers, syncs, people.facts)
                settling.wait()
                if after.edits:
                    _lose_databases_and_rename_sites(rig, workers, syncs, people.facts)
                    people.forgot = True
                    _play(after.edits, [], people, faults, workers)
                    settling.facts = people.facts
                result.unreachable = settling.wait()
            except NotSettled as error:
                result.not_settled = str(error)
        dumps = {site: rig.control.issues(site) for site in site_names(syncs)}
        (folder / "dumps.json").write_text(json.dumps(dumps, indent=1))
        for sync in syncs:
            result.verdict.add(judge(sync, dumps, people.facts))
    result.edits, result.refused = people.counts, people.refused
    result.faults = faults.counts + workers.counts
    result.seconds = time.monotonic() - began
    return result


def _await_cycles(workers: WorkerProcesses) -> None:
    """Wait until each sync has begun a cycle and ended it. The shipped rules count what changes from then on."""
    deadline = time.monotonic() + SECONDS_TO_BEGIN
    ended = {name: workers.cycles(name) for name in workers.names}
    # The one that is under way may have begun before.
    while any(workers.cycles(name) < ended[name] + 2 for name in workers.names):
        if time.monotonic() > deadline:
            raise TimeoutError("the workers do not begin; their logs say why")
        workers.start_ended()
        time.sleep(LOOK_EVERY)


def _lose_databases_and_rename_sites(
    rig: Rig, workers: WorkerProcesses, syncs: Sequence[SyncUnderTest], facts: RunFacts
) -> None:
    """Empty the databases while their workers run; then have the sites known by another name, as a person confirms."""
    with MongoClient[dict[str, Any]](rig.database_url) as client:

        def ask(sync: SyncUnderTest, kind: str, issues: Sequence[str]) -> None:
            client[sync.database]["requests"].insert_one({"kind": kind, "issues": issues, "by": "ann"})

        for sync in syncs:
            client.drop_database(sync.database)
        _await_cycles(workers)
        dumps = {site: rig.control.issues(site) for site in site_names(syncs)}
        for sync in syncs:
            ask(sync, resync.KIND, list(_out_of_sight(sync, dumps, facts)))
        _await_cycles(workers)
        workers.rename_sites()
        for sync in syncs:
            ask(sync, adoption.KIND, [Decision.SAME_SITE])
        workers.restart()
        _await_cycles(workers)


def _out_of_sight(sync: SyncUnderTest, dumps: Dumps, facts: RunFacts) -> Iterator[str]:
    """Yield what a person has to name after the loss: pairs of which the counterpart was moved out of its project.

    The issue that is named is the one whose status is carried over: that of the later change.
    """
    for pair in judged_pairs(sync, dumps, facts):
        if pair.issues["dev"]["project"] != sync.projects["dev"]:
            side = pair.by_people[-1].side if pair.by_people else "user"
            yield f"{side}:{pair.issues[side]['id']}"


@contextlib.contextmanager
def _people(rig: Rig, syncs: Sequence[SyncUnderTest]) -> Iterator[People]:
    with MongoClient[dict[str, Any]](rig.database_url, serverSelectionTimeoutMS=200, socketTimeoutMS=500) as client:

        def has_noticed(sync: SyncUnderTest, issue_id: str) -> bool:
            try:
                return client[sync.database]["issues"].find_one({"_id": f"user:{issue_id}"}) is not None
            except PyMongoError:
                return False

        with contextlib.closing(People(rig.control, syncs, has_noticed, time.sleep)) as people:
            yield people


def _play(
    edits: Sequence[TimelineEvent],
    agenda: Sequence[TimelineEvent],
    people: People,
    faults: FaultInjector,
    workers: WorkerProcesses,
) -> None:
    """Let people edit, in a thread of their own, while the faults on the agenda begin and end."""
    began = time.monotonic()
    failures: list[Exception] = []

    def edit() -> None:
        try:
            for event in edits:
                time.sleep(max(0.0, began + event.at - time.monotonic()))
                people.edit(event)
        except Exception as error:  # noqa: BLE001 - it is raised again in the main thread
            failures.append(error)

    # A daemon, so that a benchmark that is ended does not wait for the edits that are still planned.
    thread = threading.Thread(target=edit, name="people", daemon=True)
    thread.start()
    _play_faults(agenda, faults, workers, began)
    while thread.is_alive():
        workers.start_ended()
        thread.join(LOOK_EVERY)
    if failures:
        raise failures[0]


def _play_faults(
    events: Sequence[TimelineEvent], faults: FaultInjector, workers: WorkerProcesses, began: float
) -> None:
    numbers = itertools.count()  # so that two entries of the same time are ordered
    agenda: list[tuple[float, int, TimelineEvent | Callable[[], None]]] = [
        (event.at, next(numbers), event) for event in events
    ]
    heapq.heapify(agenda)
    while agenda:
        at, _, beginning_or_end = heapq.heappop(agenda)
        while time.monotonic() < began + at:
            workers.start_ended()
            time.sleep(LOOK_EVERY)
        if not isinstance(beginning_or_end, TimelineEvent):
            beginning_or_end()
        elif end := faults.begin(beginning_or_end):
            heapq.heappush(agenda, (at + beginning_or_end.duration, next(numbers), end))


if __name__ == "__main__":
    sys.exit(command.run(main))
