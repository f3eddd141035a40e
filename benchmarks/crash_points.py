"""A crash at every point: `.venv/bin/python -m benchmarks.crash_points [--flavors cloud-cloud,cloud-dc] [--jobs N]`.

Two issues are taken on, with a file, a comment and cross-links; the counterpart of the first is finished, which moves
it and posts a comment; nothing happens for a while; a file comes late; both are carried over again, as a person asked,
the second after all that the sync knew of it was lost; the first issue moves to another project; the second is
deleted, which is found and confirmed by and by. The calls to Jira and the writes to MongoDB that this takes
are counted. Then, for each gap between two of them, on sites and a database of its own: everything up to there, a
worker that kills itself in the gap, and another one that finds what was left and finishes it. The verdict must be clean
every time. A crash after one call is a crash before the next: nothing that lasts happens in between.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import multiprocessing
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.rig.measure import machine, publish, table
from benchmarks.rig.processes import ANN, Rig, rig
from benchmarks.scenario import dying
from benchmarks.scenario.pairings import Pairing, is_cloud, pairing, sites, write
from benchmarks.verdict.evidence import Gone
from benchmarks.verdict.judge import judge
from jira_simulator.client import Person, SimulatorControl

FLAVORS = ("cloud-cloud", "cloud-dc")
LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""
A_DAY = 25 * 3600.0
DELETED = "Its counterpart is gone."
KILLED = -9
INERT = re.compile(
    r"after (?:GET .*|POST /search/jql|POST /issue/bulkfetch"
    r"|MongoDB (?:createIndexes|collMod) .*|MongoDB insert (?:actions|cycles))"
)
"""Reading, and what nobody goes by: indexes, and the journal for people."""
STORY = (
    "Two issues are taken on, with a file, a comment and cross-links. The counterpart of the first is finished, which",
    "moves it and posts a comment. Nothing happens for a while. A file comes late. Both are carried over again, as a",
    "person asked; of the second, all that the sync knew was lost. The first issue moves to another project. The",
    "second is deleted, which is found and confirmed by and by, and told on its counterpart.",
)

context = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Point:
    """A crash at step `number` of the worker that follows act `act`; both count from 0 and 1."""

    flavors: str
    act: int
    number: int


@dataclass
class Result:
    """What came of a crash: `step` is where the worker died, None if it never came that far."""

    point: Point
    step: str | None
    wrong: list[str] = field(default_factory=list)


class Scene:
    """Two sites, a sync and its database, all fresh, and the people who act there."""

    def __init__(self, stage: Rig, control: SimulatorControl, flavors: str, number: int) -> None:
        self._stage, self._control, self._number = stage, control, number
        user, dev = (f"{flavor}-{side}{number}" for flavor, side in zip(flavors.split("-"), "ud", strict=True))
        shipped = pairing(number, "shipped", user, dev)
        self.pair: Pairing = replace(shipped, name=f"crash-{number}")
        for seed in sites([self.pair]):
            control.add_site(**seed)
        deletion = {"onDelete": "comment", "onDeleteComment": DELETED}
        self._file = write(stage, self.pair, initialSyncEnabled=True, syncIntervalMinutes=600, **deletion)
        self._steps = stage.folder / f"steps-{number}.json"
        self._keys: list[str] = []
        self._ids: list[str] = []
        self._gone: set[tuple[str, str]] = set()
        self._ahead = 0.0
        self.acts: Sequence[Callable[[], object]] = (
            self._report, self._finish, self._wait, self._add_file, self._ask_again, self._move, self._delete,
            self._wait_for_certainty,
        )  # fmt: skip

    def cycle(self, die_at: int | None = None) -> tuple[int | None, list[str]]:
        """Have a worker run one cycle; return its exit code and the steps that it took, if it was watched."""
        arguments = (self._file, self._stage.folder, self._stage.mongod.url, self._steps, die_at)
        process = context.Process(target=dying.work, args=arguments)
        process.start()
        process.join()
        return process.exitcode, json.loads(self._steps.read_text())

    def pass_time(self, seconds: float = LONG_ENOUGH) -> None:
        self._ahead += seconds
        for site in self.pair.sites.values():
            self._control.clock(site, self._ahead)

    def wrong(self) -> list[str]:
        """Say what is not as it must be in the end."""
        dumps = {site: self._control.issues(site) for site in self.pair.sites.values()}
        verdict = judge(self.pair, dumps, Gone(deleted=frozenset(self._gone)))
        found = [str(each) for each in verdict.violations]
        # Comments: taken on, finished twice, and the deletion; the one on the deleted issue is gone with it.
        expected = {"pairs": 1, "comments by the syncs": 4, "copies by the syncs": 3}
        found += [
            f"{verdict.counts[name]} {name}, not {count}"
            for name, count in expected.items()
            if verdict.counts[name] != count
        ]
        with MongoClient[dict[str, Any]](self._stage.mongod.url) as client:
            database = client[self.pair.database]
            found += [f"{each['key']} is still pending" for each in database["issues"].find({"pending": {"$ne": []}})]
            client.drop_database(self.pair.database)
        return found

    @contextlib.contextmanager
    def _person(self, side: str) -> Iterator[Person]:
        site = self.pair.sites[side]
        with self._control.person(site, ANN["email" if is_cloud(site) else "name"], ANN["token"]) as person:
            yield person

    def _report(self) -> None:
        with self._person("user") as ann:
            for summary in ("It is broken", "So is this"):
                key = ann.create(self.pair.projects["user"], summary, description="Since yesterday.")
                ann.attach(key, "log.txt", b"log" * 1000)
                ann.move(key, "Will Do")
                self._keys.append(key)
                self._ids.append(self._control.issue(self.pair.sites["user"], key)["id"])

    def _finish(self) -> None:
        with self._person("dev") as ann:
            for status in ("In Progress", "Done"):
                ann.move(self._counterpart(0), status)

    def _wait(self) -> None:
        """Nobody does anything: the worker sees what it has written itself."""

    def _add_file(self) -> None:
        with self._person("user") as ann:
            ann.attach(self._keys[0], "log.txt", b"more" * 1000)

    def _ask_again(self) -> None:
        """A person wants both carried over again; of the second, all that the sync knew is lost."""
        with MongoClient[dict[str, Any]](self._stage.mongod.url) as client:
            database = client[self.pair.database]
            pair = database["pairs"].find_one_and_delete({"_id": self._ids[1]}) or {}
            lost = [f"user:{self._ids[1]}", f"dev:{pair.get('dev_id')}"]
            database["issues"].delete_many({"_id": {"$in": lost}})
            issues = [f"user:{issue_id}" for issue_id in self._ids]
            database["requests"].insert_one({"kind": "resync", "issues": issues, "by": "ann"})

    def _move(self) -> None:
        """The worker finds out when the counterpart is reopened and finished again."""
        self._control.move(self.pair.sites["user"], self._keys[0], self.pair.elsewhere["user"])
        with self._person("dev") as ann:
            for status in ("Reopened", "Closed"):
                ann.move(self._counterpart(0), status)

    def _delete(self) -> None:
        site = self.pair.sites["user"]
        self._gone.add((site, self._ids[1]))
        self._control.delete(site, self._keys[1])
        self.pass_time(A_DAY)

    def _wait_for_certainty(self) -> None:
        self.pass_time()

    def _counterpart(self, number: int) -> str:
        """Return the key of the counterpart of one of the customer's issues."""
        issues = self._control.issues(self.pair.sites["dev"])
        found = (each for each in issues if _made_for(each, self._ids[number]))
        return str(next(found)["key"])


class Stage:
    """Where scenes are played. Each thread speaks to the simulator for itself."""

    def __init__(self, made: Rig, *, after_writes: bool = False) -> None:
        self._rig, self._numbers = made, itertools.count(1)
        self._after_writes = after_writes

    def count(self, flavors: str) -> list[Point]:
        """Play it all undisturbed; return every point at which it could have been disturbed."""
        with self._scene(flavors) as scene:
            points = []
            for act, play in enumerate(scene.acts):
                play()
                _, steps = scene.cycle(die_at=0)
                gaps = _gaps(steps, after_writes=self._after_writes)
                points += [Point(flavors, act, number) for number in gaps]
            if wrong := scene.wrong():
                raise RuntimeError(f"it goes wrong even undisturbed: {wrong}")
        return points

    def crash(self, point: Point) -> Result:
        """Play it up to `point`, crash there, and let the next workers finish it."""
        with self._scene(point.flavors) as scene:
            for play in scene.acts[: point.act]:
                play()
                scene.cycle()
            scene.acts[point.act]()
            code, steps = scene.cycle(die_at=point.number)
            scene.cycle()
            scene.pass_time()
            scene.cycle()
            for play in scene.acts[point.act + 1 :]:
                play()
                scene.cycle()
            return Result(point, steps[-1] if code == KILLED else None, scene.wrong())

    @contextlib.contextmanager
    def _scene(self, flavors: str) -> Iterator[Scene]:
        with contextlib.closing(SimulatorControl(self._rig.control.url)) as control:
            yield Scene(self._rig, control, flavors, next(self._numbers))


def _made_for(issue: dict[str, Any], user_id: str) -> bool:
    return bool((issue["properties"].get("jira-sync") or {}).get("issue") == user_id)


def _gaps(steps: Sequence[str], *, after_writes: bool) -> list[int]:
    """Return the steps, counted from 1, that stand for a gap each: the beginning of every call, and the very end.

    `after_writes`: only those before which something was written since the last one that the next worker goes by. A
    crash after reading leaves what a crash before it leaves.
    """
    gaps = [number for number, step in enumerate(steps, 1) if step.startswith("before")]
    if after_writes:
        gaps = [number for number in gaps if number > 1 and not INERT.fullmatch(steps[number - 2])]
    return [*gaps, len(steps)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--flavors", default=",".join(FLAVORS), metavar="USER-DEV,…")
    parser.add_argument(
        "--after-writes", action="store_true", help="leave out gaps that follow on mere reading, or on notes"
    )
    parser.add_argument("--jobs", type=int, default=3, help="how many are played at the same time")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    context.set_forkserver_preload(
        ["benchmarks.scenario.dying", "benchmarks.rig.processes", "benchmarks.verdict.judge"]
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), []) as made:
        stage = Stage(made, after_writes=options.after_writes)
        points = [point for flavors in options.flavors.split(",") for point in stage.count(flavors)]
        with ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(stage.crash, points))
    publish("Crash points", _report(options, results, time.monotonic() - began), options.report)
    return 1 if any(each.wrong for each in results) else 0


def _report(options: argparse.Namespace, results: list[Result], seconds: float) -> str:
    counts, wrong = Counter[str](), Counter[str]()
    for each in results:
        step = each.step or "(it had ended before)"
        counts[step] += 1
        wrong[step] += bool(each.wrong)
    steps = sorted(counts, key=lambda name: (name.split(" ", 1)[1], name))
    rows = [[step, f"{counts[step]}", f"{wrong[step]}"] for step in steps]
    rows.append(["in all", f"{counts.total()}", f"{wrong.total()}"])
    lines = [
        "A worker is killed in every gap between two calls to Jira or writes to MongoDB that the story below takes,",
        "once in each; the next workers finish what it left, and both sides are compared with what the rules demand.",
        "*Wrong* is a run after which anything was lost, doubled, or not as it must be. Measured by this command:",
        "",
        "```console",
        f"python -m benchmarks.crash_points --flavors {options.flavors}{' --after-writes' * options.after_writes}",
        "```",
        "",
        *STORY,
        "",
        table(["the worker died", "times", "wrong"], rows),
        "",
        f"{seconds:.0f} s on {machine()}.",
        *(f"- {each.point}, {each.step}: {what}" for each in results for what in each.wrong),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
