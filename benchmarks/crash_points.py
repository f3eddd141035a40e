"""A crash at every point: `.venv/bin/python -m benchmarks.crash_points [--facet NAME] [--jobs N] …`.

A story says what happens: there is one of everything, and one of each facet in the catalogue. Each is played once
undisturbed, and the calls to Jira and the writes to MongoDB that it takes are counted. Then it is played again for each
gap between two of them, on sites and a database of its own: everything up to the gap, a worker that kills itself in the
gap, and further workers that find what was left and finish it. Each time the verdict must be clean. A crash after one
call is a crash before the next: nothing that lasts happens in between.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rig import command
from benchmarks.rig.output import machine, publish, table
from benchmarks.rig.processes import Rig, running_rig
from benchmarks.scenario.crash_stories import STORIES
from benchmarks.scenario.crash_story import CrashStory
from jira_simulator.client import SimulatorControl

FLAVORS = ("cloud-cloud", "cloud-dc")
KILLED = -9
HARMLESS = re.compile(
    r"after (?:GET .*|POST /search/jql|POST /issue/bulkfetch"
    r"|MongoDB (?:createIndexes|collMod) .*|MongoDB insert (?:actions|cycles))"
)
"""Steps that change nothing that a worker reads: reading, indexes, and the journal for people."""
PROGRESS_EVERY = 50
LEFT_OUT = "Gaps that follow on mere reading are left out: a crash leaves there what it leaves before the reading."


@dataclass(frozen=True)
class CrashPoint:
    """A crash of the worker that runs after act `act` of a story, counted from 0, at its step `number`, from 1."""

    story: str
    flavors: str
    act: int
    number: int


@dataclass
class CrashResult:
    """What is wrong after a crash. `step` is where the worker died; None if it ended before that step."""

    point: CrashPoint
    step: str | None
    wrong: list[str] = field(default_factory=list)


class CrashRunner:
    """Plays stories on `rig`. Each thread speaks to the simulator with a client of its own."""

    def __init__(self, rig: Rig, *, after_writes: bool = False) -> None:
        self._rig, self._numbers = rig, itertools.count(1)
        self._after_writes = after_writes

    def count(self, name: str, flavors: str) -> list[CrashPoint]:
        """Play a story undisturbed; return every point at which it could have been disturbed."""
        with self._story(name, flavors) as story:
            points = []
            for act, play in enumerate(story.acts):
                play()
                _, steps = story.run_cycle(die_at=0)
                gaps = _gaps(steps, after_writes=self._after_writes)
                points += [CrashPoint(name, flavors, act, number) for number in gaps]
            if wrong := story.wrong():
                raise RuntimeError(f"{name}, {flavors}: it goes wrong even undisturbed: {wrong}")
        return points

    def crash(self, point: CrashPoint) -> CrashResult:
        """Play a story up to `point`, crash there, and let the next workers finish it."""
        with self._story(point.story, point.flavors) as story:
            for play in story.acts[: point.act]:
                play()
                story.run_cycle()
            story.acts[point.act]()
            code, steps = story.run_cycle(die_at=point.number)
            story.run_cycle()
            story.pass_time()
            story.run_cycle()
            for play in story.acts[point.act + 1 :]:
                play()
                story.run_cycle()
            return CrashResult(point, steps[-1] if code == KILLED else None, story.wrong())

    @contextlib.contextmanager
    def _story(self, name: str, flavors: str) -> Iterator[CrashStory]:
        with contextlib.closing(SimulatorControl(self._rig.control.url)) as control:
            yield STORIES[name](self._rig, control, flavors, next(self._numbers))


def _gaps(steps: Sequence[str], *, after_writes: bool) -> list[int]:
    """Return the steps, counted from 1, that stand for a gap each: the beginning of every call, and the very end.

    `after_writes` leaves out the gaps before which nothing was written, since the gap before, that the next worker
    reads. A crash after reading leaves what a crash before it leaves.
    """
    gaps = [number for number, step in enumerate(steps, 1) if step.startswith("before")]
    if after_writes:
        gaps = [number for number in gaps if number > 1 and not HARMLESS.fullmatch(steps[number - 2])]
    return [*gaps, len(steps)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--facet", choices=STORIES, metavar="NAME", help=f"one story alone: {', '.join(STORIES)}")
    parser.add_argument("--flavors", default=",".join(FLAVORS), metavar="USER-DEV,…")
    parser.add_argument(
        "--after-writes", action="store_true", help="leave out gaps that follow on mere reading, or on notes"
    )
    parser.add_argument("--at-most", type=int, metavar="N", help="so many gaps at most, spread over the stories")
    parser.add_argument("--jobs", type=int, default=3, help="how many are played at the same time")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, running_rig(Path(folder), []) as rig:
        runner = CrashRunner(rig, after_writes=options.after_writes)
        stories = [options.facet] if options.facet else list(STORIES)
        played = itertools.product(stories, options.flavors.split(","))
        points = [point for name, flavors in played for point in runner.count(name, flavors)]
        points = _spread(points, options.at_most)
        with ThreadPoolExecutor(options.jobs) as pool:
            results = _shown(pool.map(runner.crash, points), len(points))
    publish("Crash points", _report(options, results, time.monotonic() - began), options.report)
    return 1 if any(result.wrong for result in results) else 0


def _spread(points: Sequence[CrashPoint], most: int | None) -> list[CrashPoint]:
    """Return at most so many of the points, at equal distances."""
    if most is None or most >= len(points):
        return list(points)
    return [points[number * len(points) // most] for number in range(most)]


def _shown(results: Iterable[CrashResult], total: int) -> list[CrashResult]:
    """Return all results; print each that is wrong, and now and then how many there are, as they come."""
    shown: list[CrashResult] = []
    wrong = 0
    for result in results:
        shown.append(result)
        wrong += bool(result.wrong)
        for line in _wrong_lines([result]):
            print(line)
        if len(shown) % PROGRESS_EVERY == 0:
            print(f"{len(shown)} of {total} points, {wrong} wrong")
    return shown


def _wrong_lines(results: Iterable[CrashResult]) -> Iterator[str]:
    for result in results:
        for what in result.wrong:
            yield f"- {result.point}, {result.step}: {what}"


def _given(options: argparse.Namespace) -> Iterator[str]:
    if options.facet:
        yield f"--facet {options.facet}"
    yield f"--flavors {options.flavors}"
    if options.after_writes:
        yield "--after-writes"
    if options.at_most:
        yield f"--at-most {options.at_most}"


def _told(stories: Iterable[str]) -> Iterator[str]:
    for name in stories:
        yield from (f"*{name}*", "", *(f"{number}. {line}" for number, line in enumerate(STORIES[name].told, 1)), "")


def _report(options: argparse.Namespace, results: list[CrashResult], seconds: float) -> str:
    counts, wrong = Counter[str](), Counter[str]()
    for result in results:
        step = result.step or "(it had ended before)"
        counts[step] += 1
        wrong[step] += bool(result.wrong)
    steps = sorted(counts, key=lambda name: (name.split(" ", 1)[1], name))
    rows = [[step, f"{counts[step]}", f"{wrong[step]}"] for step in steps]
    rows.append(["in all", f"{counts.total()}", f"{wrong.total()}"])
    left_out = [LEFT_OUT, ""] if options.after_writes else []
    lines = [
        "A worker is killed in every gap between two calls to Jira or writes to MongoDB that the stories below take,",
        "once in each; the next workers finish what it left, and both sides are compared with what the rules demand.",
        "*Wrong* is a run after which anything was lost, doubled, or not as it must be. Measured by this command:",
        "",
        "```console",
        " ".join(["python -m benchmarks.crash_points", *_given(options)]),
        "```",
        "",
        *_told([options.facet] if options.facet else STORIES),
        *left_out,
        table(["the worker died", "times", "wrong"], rows),
        "",
        f"{seconds:.0f} s on {machine()}.",
        *_wrong_lines(results),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(command.run(main))
