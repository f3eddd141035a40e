"""Breaks everything and counts what got lost: `.venv/bin/python -m benchmarks.chaos [--seed N] [--edits N] …`.

Starts a simulated Cloud and a simulated Data Center site, an embedded mongod and one real worker for each sync.
People edit both sides while workers are killed, MongoDB goes away and Jira answers badly. Then all heals, the syncs
come to rest, and both sides are compared with what the rules demand. What happens, and when, follows from the seed.
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
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from benchmarks.rig.processes import Rig, rig
from benchmarks.scenario import timeline
from benchmarks.scenario.healing import Healing, NotAtRest
from benchmarks.scenario.pairings import Pairing, pairings, sites
from benchmarks.scenario.people import People
from benchmarks.scenario.timeline import SWITCHES, Event, Timeline
from benchmarks.scenario.trouble import Trouble
from benchmarks.scenario.workers import Workers
from benchmarks.verdict import report
from benchmarks.verdict.judge import Verdict, judge

LOOK_EVERY = 0.02
SECONDS_TO_BEGIN = 60.0


@dataclass
class Outcome:
    """What happened in a run, in numbers; `restless` says what did not come to rest."""

    edits: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=Verdict)
    unreachable: list[str] = field(default_factory=list)
    restless: str = ""
    trouble_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        return not (self.verdict.violations or self.restless)


def main() -> int:
    options = _parser().parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.keep or stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).mkdir(parents=True, exist_ok=True)
        outcome = run(Path(folder), options.seed, options.edits, options.kills, options.syncs, options.without)
    command = f"python -m benchmarks.chaos {' '.join(_given(options))}".strip()
    print(report.text(outcome, command))
    if options.report:
        options.report.write_text(report.page(outcome, command), encoding="utf-8")
    return 0 if outcome.is_clean else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edits", type=int, default=300, help="changes by people")
    parser.add_argument("--kills", type=int, default=25, help="SIGKILLs of workers; the other trouble grows with them")
    parser.add_argument("--syncs", type=int, default=4)
    parser.add_argument(
        "--without", type=_switches, default=(), metavar="WHAT,…", help=f"leave out some of {', '.join(SWITCHES)}"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table as a page")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave logs, database and the sites' end there")
    return parser


def _switches(text: str) -> tuple[str, ...]:
    wanted = tuple(each for each in text.split(",") if each)
    if unknown := set(wanted) - set(SWITCHES):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there is only {', '.join(SWITCHES)}")
    return wanted


def _given(options: argparse.Namespace) -> Iterator[str]:
    for name in ("seed", "edits", "kills", "syncs"):
        yield f"--{name} {getattr(options, name)}"
    if options.without:
        yield f"--without {','.join(options.without)}"


def run(folder: Path, seed: int, edits: int, kills: int, syncs: int = 4, without: Collection[str] = ()) -> Outcome:
    """Run it all in `folder` and return what happened."""
    began = time.monotonic()
    plan, made = timeline.draw(seed, edits, kills, without), pairings(syncs)
    outcome = Outcome()
    with rig(folder, sites(made)) as place, contextlib.closing(Workers(place, made)) as workers:
        _await_first_cycles(workers)
        trouble = Trouble(place, workers, made)
        with _people(place, made) as people:
            _live(plan, people, trouble, workers)
        outcome.trouble_seconds = time.monotonic() - began
        trouble.heal()
        workers.restart()
        try:
            outcome.unreachable = Healing(place, workers, made, people.gone).wait()
        except NotAtRest as error:
            outcome.restless = str(error)
        dumps = {site["name"]: place.control.issues(site["name"]) for site in sites(made)}
        (folder / "dumps.json").write_text(json.dumps(dumps, indent=1))
        for each in made:
            outcome.verdict.add(judge(each, dumps, people.gone))
    outcome.edits, outcome.refused, outcome.troubles = people.done, people.refused, trouble.done + workers.done
    outcome.seconds = time.monotonic() - began
    return outcome


def _await_first_cycles(workers: Workers) -> None:
    """The shipped rules count what changes from their first cycle on."""
    deadline = time.monotonic() + SECONDS_TO_BEGIN
    while not all(workers.cycles(name) for name in workers.names):
        if time.monotonic() > deadline:
            raise TimeoutError("the workers do not begin; their logs say why")
        workers.tend()
        time.sleep(LOOK_EVERY)


@contextlib.contextmanager
def _people(place: Rig, made: list[Pairing]) -> Iterator[People]:
    with MongoClient[dict[str, Any]](place.mongod.url, serverSelectionTimeoutMS=200, socketTimeoutMS=500) as client:

        def has_noticed(pair: Pairing, issue: str) -> bool:
            try:
                return client[pair.database]["issues"].find_one({"_id": f"user:{issue}"}) is not None
            except PyMongoError:
                return False

        people = People(place.control, made, has_noticed, time.sleep)
        yield people
        people.close()


def _live(plan: Timeline, people: People, trouble: Trouble, workers: Workers) -> None:
    """Let people edit, in a thread of their own, while everything goes wrong."""
    began = time.monotonic()
    failures: list[Exception] = []

    def edit() -> None:
        try:
            for event in plan.edits:
                time.sleep(max(0.0, began + event.at - time.monotonic()))
                people.edit(event)
        except Exception as error:  # noqa: BLE001 - it is raised where it can be seen
            failures.append(error)

    thread = threading.Thread(target=edit, name="people")
    thread.start()
    _trouble(plan, trouble, workers, began)
    while thread.is_alive():
        workers.tend()
        thread.join(LOOK_EVERY)
    if failures:
        raise failures[0]


def _trouble(plan: Timeline, trouble: Trouble, workers: Workers, began: float) -> None:
    order = itertools.count()
    agenda: list[tuple[float, int, Callable[[], None] | Event]] = [
        (event.at, next(order), event) for event in plan.troubles
    ]
    heapq.heapify(agenda)
    while agenda:
        at, _, what = heapq.heappop(agenda)
        while time.monotonic() < began + at:
            workers.tend()
            time.sleep(LOOK_EVERY)
        if not isinstance(what, Event):
            what()
        elif end := trouble.begin(what):
            heapq.heappush(agenda, (what.at + what.lasts, next(order), end))


if __name__ == "__main__":
    sys.exit(main())
