"""An upgrade of a running installation with thousands of pairs, forth and back, while people work.

    .venv/bin/python -m benchmarks.upgrade [--syncs N] [--pairs N] [--before REVISION] [--beside REVISION]
                                           [--keep DIR] [--report FILE]

EXPLANATION says what is done, and how it is measured. The exit code is 1 when anything was lost, doubled or wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from pymongo import MongoClient

from benchmarks.rig import command
from benchmarks.rig.installations import Installation, fetched, has_file, revision_before, wheel_of
from benchmarks.rig.output import machine, publish_section
from benchmarks.rig.processes import Rig, running_rig
from benchmarks.scenario.definitions import site_seeds, sync_under_test, write
from benchmarks.scenario.installed_group import InstalledGroup
from benchmarks.scenario.upgrade import UpgradeRun
from benchmarks.scenario.upgrade_people import UpgradePeople
from benchmarks.verdict.demands import SyncUnderTest
from benchmarks.verdict.upgrade_report import UpgradeStep, tables
from sync_model.shards import Shard
from sync_worker.database.documents.formats import readable

TITLE = "Measured with thousands of pairs"
FLEET_MODULE = "sync_worker/database/shared/fleet.py"
OF_FORMAT_1_IN_A_FLEET = "71e44ad379731abe41ba2253c19ccdb77dbb0520"
"""What runs beside, where the version before tells nothing of itself to others: it does, and reads format 1 alone."""
SHARD, OTHER_SHARD = "1/2", "2/2"
ENDS = (("cloud", "dc"), ("dc", "cloud"), ("dc", "dc"), ("cloud", "cloud"))
KINDS = ("mirrored", "shipped")
HOURS_OF_RETRYING = 1
SHARE_OF_A_ROUND, LEAST_OF_A_ROUND = 50, 5
SEED = 1
SYNCS, PAIRS = 4, 1000
MOST_SHOWN = 20
EXPLANATION = """\
A group of the version before, installed from its wheel under a real supervisord, pairs all issues; people work on them;
some changes are given up, because a workflow has no way. Then the version changes, step by step, each from its wheel.
Before each step, people change issues of all syncs, search lags, and Jira says of some of our requests that they had
failed, though it carried them out; in the middle of that the group is stopped. While nothing runs, people change more.
They go on once it is started. When all is served, both sites are compared with what the rules demand, issue by issue.
*Wrong* is anything that is lost, doubled, or not as it must be, or a pair that the syncs have moved more often than
people. *Own moves not seen yet* are issues that the sync has moved without having seen that in their history. What was
left at the stop, and is shown for `restore --previous-format`, is what that put back: all of the time before the format
was raised.

Times begin with the command, and are those of all syncs together. *To the format* is when all databases are in the new
one. *Issues read* are those that the first cycle of each worker took from Jira, the changed ones among them; after a
restore, these are all that were changed in the day before, too. Sizes are those of the documents of all syncs.
Peak RSS is the kernel's high-water mark, shared pages included. After `restore --previous-format`, a worker waits four
minutes on Jira's clock until search shows what was done since; here the clock is put forward instead."""


def main() -> int:
    options = _options()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        steps = run(folder, options)
    publish_section(TITLE, _report(options, steps, time.monotonic() - began), options.report)
    return int(any(step.verdict.violations for step in steps))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upgrade", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--syncs", type=int, default=SYNCS, metavar="N", help="how many")
    parser.add_argument("--pairs", type=int, default=PAIRS, metavar="N", help="that each sync has at first")
    parser.add_argument("--before", metavar="REVISION", help="the version before (the latest tag)")
    parser.add_argument("--beside", metavar="REVISION", help="what keeps the others to its format (the version before)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave logs and databases there")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the tables there, as a section of that page")
    options = parser.parse_args()
    options.before = fetched(options.before) if options.before else revision_before()
    is_seen = has_file(options.before, FLEET_MODULE)
    options.beside = options.beside or (options.before if is_seen else OF_FORMAT_1_IN_A_FLEET)
    options.command = f"python -m benchmarks.upgrade --syncs {options.syncs} --pairs {options.pairs}"
    options.command += f" --before {options.before[:10]} --beside {options.beside[:10]}"
    return options


def run(folder: Path, options: argparse.Namespace) -> list[UpgradeStep]:
    """Run it all in `folder`; return what was measured of each step."""
    revisions = {"before": options.before, "beside": fetched(options.beside), "now": None}
    installed = {name: _install(folder / name, revision) for name, revision in revisions.items()}
    syncs = _syncs(options.syncs)
    with contextlib.ExitStack() as stack:
        rig = stack.enter_context(running_rig(folder, site_seeds(syncs)))
        client = stack.enter_context(MongoClient[dict[str, Any]](rig.database_url))
        people = UpgradePeople(
            rig.control, syncs, max(LEAST_OF_A_ROUND, options.pairs // SHARE_OF_A_ROUND), Random(SEED)
        )
        stack.callback(people.close)
        group, other = _groups(rig, syncs)
        for each in (group, other):
            stack.callback(each.close)
        upgrade = UpgradeRun(rig, group, syncs, people, client)
        other.use(installed["beside"])
        _go_forth_and_back(upgrade, other, installed["before"], installed["now"], options.pairs)
        return upgrade.steps


def _go_forth_and_back(
    upgrade: UpgradeRun, other: InstalledGroup, before: Installation, now: Installation, pairs: int
) -> None:
    newest = readable()[1]
    older = upgrade.begin("the version before", before, pairs)
    _say(upgrade)
    with upgrade.beside(other, OTHER_SHARD):
        upgrade.go("forth, beside a container that keeps the format", now, older, SHARD=SHARD)
        _say(upgrade)
        upgrade.go("back, nothing else to be done", before, older)
        _say(upgrade)
    upgrade.go("forth", now, newest)
    _say(upgrade)
    upgrade.go("back, with `restore --previous-format`", before, older, restores=True)
    _say(upgrade)
    upgrade.go("forth again", now, newest)
    _say(upgrade)


def _say(upgrade: UpgradeRun) -> None:
    """Show the last step as soon as it is over."""
    step = upgrade.steps[-1]
    print(tables([step]), *_wrong(step), sep="\n", file=sys.stderr)


def _wrong(step: UpgradeStep) -> list[str]:
    found = step.verdict.violations
    more = [f"- … and {len(found) - MOST_SHOWN} more"] if len(found) > MOST_SHOWN else []
    return [*(f"- {step.title}: {violation}" for violation in found[:MOST_SHOWN]), *more]


def _install(folder: Path, revision: str | None) -> Installation:
    folder.mkdir()
    return Installation(folder, wheel_of(revision, folder / "wheel"))


def _syncs(count: int) -> list[SyncUnderTest]:
    """Return syncs of all kinds between all kinds of sites, with what each version knows in their files."""
    shard = Shard(*map(int, SHARD.split("/")))
    return [_owned(sync_under_test(number, KINDS[number % 2], *ENDS[number % 4]), shard) for number in range(count)]


def _owned(sync: SyncUnderTest, shard: Shard) -> SyncUnderTest:
    """Return this sync with a name that makes it one of this shard's."""
    names = (f"{sync.name}-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    return replace(sync, name=next(name for name in names if shard.owns(name)))


def _groups(rig: Rig, syncs: Sequence[SyncUnderTest]) -> tuple[InstalledGroup, InstalledGroup]:
    """Return the group that runs the syncs, and another one that has the same files."""
    configs = rig.folder / "configs"
    configs.mkdir()
    for sync in syncs:
        path = write(rig, sync, initialSyncEnabled=True, retryForHours=HOURS_OF_RETRYING)
        path.rename(configs / path.name)
    names = [sync.name for sync in syncs]
    return InstalledGroup(rig, rig.folder / "group", configs, names), InstalledGroup(
        rig, rig.folder / "other", configs, []
    )


def _report(options: argparse.Namespace, steps: Sequence[UpgradeStep], seconds: float) -> str:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    wrong = [line for step in steps for line in _wrong(step)]
    given = f"`{options.command}` on {machine()}:"
    taken = f"{seconds:.0f} s in all; the load of the machine in the last 1, 5 and 15 minutes was {load}."
    return "\n\n".join([EXPLANATION, given, tables(steps), taken, *(["\n".join(wrong)] if wrong else [])])


if __name__ == "__main__":
    sys.exit(command.run(main))
