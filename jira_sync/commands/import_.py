"""`jira-sync import`: what the replaced service knew of a pair of projects is taken over. See docs/migrating.md."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.commands.plan import show_steps
from jira_sync.context.database import database
from jira_sync.context.target import Target, complete_name, find_target
from jira_sync.output.terminal import notes, out, print_json, printable, warn, who

if TYPE_CHECKING:
    from pymongo import MongoClient

    from sync_model.loading import SyncFile
    from sync_worker.core.errors import OutcomeUnknown
    from sync_worker.engine.dry_run import PlannedStep
    from sync_worker.runtime.import_run import Import, LegacyState, MissedChange, PairFinding, TakeoverReport

PANEL = "Moving in"
SHOWN = 20
RECENTLY = 15 * 60.0
"""Seconds for which the last cycle of the replaced service is no sign yet that it has been stopped."""
MINUTE, HOUR, DAY = 60, 3600, 86400
NAMED = {"conflicting", "gone or not visible", "taken over by a line"}
"""Kinds of pairs that are named one by one."""


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command("import", rich_help_panel=PANEL)(import_)


def import_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The sync.", autocompletion=complete_name)],
    old_server: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MONGODB_URL",
            envvar="FORMER_DATABASE_URL",
            help="The MongoDB server of the replaced service, where it is another one.",
        ),
    ] = None,
    old_database: Annotated[
        str | None, typer.Option("--database", metavar="NAME", help="Its database there, if it is not named NAME.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would come to.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")] = False,
) -> int:
    """Take over what the replaced service knew of a pair of projects.

    That is its pairs, what it last saw of each issue, and where it stopped.
    No issue gets a second counterpart, no comment is posted again, and what
    it has missed is carried over. Its database and Jira are only read. To
    repeat it does no harm.

    Example: jira-sync import sync-ab --from mongodb://old-server --dry-run
    """
    from generator.running.settings import Unusable

    if as_json and not (dry_run or yes):
        raise Unusable("--json asks nothing: say --dry-run or --yes with it")
    here = find_target(os.environ)
    file = here.sync(name)
    with ExitStack() as stack:
        client = stack.enter_context(database(here, name, is_needed=not dry_run))
        old = stack.enter_context(_connect(old_server)) if old_server else client
        task, legacy = _task(here, file, client, old, old_database)
        if not dry_run:
            task.check()
        steps = None
        if not yes or dry_run:
            with notes.status("looking at both projects"):
                report, steps = task.preview(legacy)
            if not as_json:
                _show(task, report, steps)
            if not dry_run and not _agreed(name):
                return 1
        if not dry_run:
            with notes.status("taking over"):
                report = task.run(legacy, who(), _wait)
        if as_json:
            print_json(_as_json(task, report, steps, is_done=not dry_run))
        elif not dry_run:
            _tell(here, task, report, is_shown=steps is not None)
    return 0


@contextmanager
def _connect(url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    from generator.running.settings import Unusable
    from sync_worker.database.connection import connect

    try:
        client = connect(url, "import")
    except ValueError as error:
        raise Unusable(str(error).replace("DATABASE_URL", "--from")) from None
    with client:
        yield client


def _task(
    here: Target,
    file: SyncFile,
    client: MongoClient[dict[str, Any]],
    old: MongoClient[dict[str, Any]],
    name: str | None,
) -> tuple[Import, LegacyState]:
    """Return what is to be done, and what was left. Raises Unusable when nothing was."""
    from generator.running.settings import Unusable
    from sync_worker.core.errors import DatabaseUnavailable
    from sync_worker.runtime.import_run import Import, LegacyDatabase, databases_with_pairs

    sync = file.sync
    names = {name} if name else {sync.name, sync.database} if old is client else {sync.name}
    try:
        legacy_source = LegacyDatabase(old, names)
    except ValueError as error:
        raise Unusable(f"--database: {error}") from None
    try:
        legacy = legacy_source.read()
    except DatabaseUnavailable as error:
        if old is client:
            raise
        raise Unusable(str(error)) from None  # that it is where DATABASE_URL says helps nobody here
    if legacy is None:
        there = databases_with_pairs(old)
        hint = f"; it left something in {', '.join(there)}: say --database" if there else ""
        raise Unusable(f"the replaced service left nothing in {legacy_source.address}{hint}")
    return Import(file, client, here.environ, here.run_dir, legacy_source, legacy_source.address), legacy


def _agreed(name: str) -> bool:
    from generator.running.settings import Unusable

    if not (out.is_terminal and os.isatty(0)):
        raise Unusable("nobody is there to be asked: say --yes if that is what you want")
    return typer.confirm(f"Take this over for {name}?")


def _wait(undecided: OutcomeUnknown) -> None:
    warn(f"{undecided}; it goes on then")
    time.sleep(undecided.retry_after)


# What is said


def _show(task: Import, report: TakeoverReport, steps: Sequence[PlannedStep]) -> None:
    _head(task, report)
    _rows(report)
    out.print("what the first cycle would do then:")
    show_steps(steps, SHOWN, "--json says all")


def _tell(here: Target, task: Import, report: TakeoverReport, *, is_shown: bool) -> None:
    if not is_shown:
        _head(task, report)
        _rows(report)
    name = task.file.sync.name
    start = "jira-sync apply" if here.is_running else "jira-sync start"
    out.print(f"done; {name} goes on from there: jira-sync plan {name} shows its first cycle, {start} starts it")


def _head(task: Import, report: TakeoverReport) -> None:
    at = report.legacy.last_sync
    _print(f"{task.file.sync.name}, from {task.source}")
    if at is None:
        first = "all issues count" if task.file.sync.initial_sync_enabled else "what is there is only noted"
        _print(f"the replaced service never finished a cycle: {first}, as initialSyncEnabled says")
        return
    seconds = (datetime.now(UTC) - at).total_seconds()
    _print(f"the replaced service finished its last cycle at {at:%Y-%m-%d %H:%M:%S} UTC, {_ago(seconds)} ago")
    if seconds < RECENTLY:
        warn("see to it that its container is stopped: two services must not do the same")


def _rows(report: TakeoverReport) -> None:
    from sync_worker.runtime.import_run import PairOutcome

    moved = [each for each in report.findings if each.kind in (PairOutcome.TAKEN, PairOutcome.LINKED) and each.text]
    out.print("pairs")
    for kind in PairOutcome:
        findings = report.of(kind)
        _row(str(kind), len(findings), [_pair(each) for each in findings] if kind in NAMED else ())
    _row("with another key now", len(moved), [_pair(each) for each in moved])
    out.print("issues")
    _row("as it left them", report.noted)
    _row("already known", report.known)
    _row("with changes that it missed", len(report.changes), [f"{each.issue}  {each.what}" for each in report.changes])
    _row("told by a comment already", report.commented)


def _row(what: str, count: int, examples: Sequence[str] = ()) -> None:
    out.print(f"  {what:<28}{count:>7}", style="" if count else "dim")
    for each in examples[:SHOWN]:
        _print(f"    {each}")
    if len(examples) > SHOWN:
        out.print(f"    and {len(examples) - SHOWN} more (--json says all)")


def _pair(finding: PairFinding) -> str:
    return f"{finding.user_key} → {finding.dev_key}{f': {finding.text}' if finding.text else ''}"


def _print(text: str) -> None:
    out.print(printable(text), markup=False)


def _ago(seconds: float) -> str:
    for size, word in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{max(seconds, 0):.0f} seconds"


def _as_json(
    task: Import, report: TakeoverReport, steps: Sequence[PlannedStep] | None, *, is_done: bool
) -> dict[str, Any]:
    from sync_worker.runtime.import_run import PairOutcome

    def pairs(kind: PairOutcome) -> list[dict[str, str]]:
        return [{"user": each.user_key, "dev": each.dev_key, "why": each.text} for each in report.of(kind)]

    def change(each: MissedChange) -> dict[str, str]:
        return {"side": each.side, "issue": each.issue, "change": each.what}

    last_sync = report.legacy.last_sync
    return {
        "sync": task.file.sync.name,
        "from": task.source,
        "lastSync": last_sync.isoformat() if last_sync else None,
        "isDone": is_done,
        "pairs": {str(kind): pairs(kind) for kind in PairOutcome},
        "issues": {
            "asLastSeen": report.noted,
            "alreadyKnown": report.known,
            "missedChanges": [change(each) for each in report.changes],
            "alreadyCommented": report.commented,
        },
        "firstCycle": None if steps is None else [asdict(step) for step in steps],
    }
