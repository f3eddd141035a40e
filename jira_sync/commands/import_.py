"""`jira-sync import`: takes over what the replaced service knew of a pair of projects. See docs/migrating.md."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.context.command_line import AsJson, Name, Panel, Yes
from jira_sync.context.database import database
from jira_sync.context.target import Target, find_target
from jira_sync.output.planned_steps import print_steps
from jira_sync.output.terminal import agrees, current_user, notes, print_json, print_line, warn

if TYPE_CHECKING:
    from pymongo import MongoClient

    from sync_model.files.loading import SyncFile
    from sync_worker.core.errors import OutcomeUnknown
    from sync_worker.engine.dry_run import PlannedStep
    from sync_worker.runtime.import_run import Import, LegacyState, MissedChange, PairFinding, TakeoverReport

MOST_SHOWN = 20
RECENTLY = 15 * 60.0
"""Seconds since the last cycle of the replaced service in which it may still be running."""
MINUTE, HOUR, DAY = 60, 3600, 86400
LISTED = {"conflicting", "gone or not visible", "taken over by a line"}
"""The outcomes whose pairs are listed one by one."""


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command("import", rich_help_panel=Panel.MIGRATION)(import_)


def import_(
    name: Name,
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
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Take over what the replaced service knew of a pair of projects.

    That is its pairs, what it last saw of each issue, and where it stopped.
    No issue gets a second counterpart, no comment is posted again, and what
    it has missed is carried over. Its database and Jira are only read. To
    repeat it does no harm.

    Example: jira-sync import sync-ab --from mongodb://old-server --dry-run
    """
    from generator.running.errors import NotUnderstood

    if as_json and not (dry_run or yes):
        raise NotUnderstood("--json asks nothing: say --dry-run or --yes with it")
    target = find_target(os.environ)
    file = target.sync(name)
    with ExitStack() as stack:
        client = stack.enter_context(database(target, name, is_needed=not dry_run))
        old = stack.enter_context(_connect(old_server)) if old_server else client
        task, legacy = _prepare(target, file, client, old, old_database)
        if not dry_run:
            task.check()
        steps = None
        if not yes or dry_run:
            with notes.status("looking at both projects"):
                report, steps = task.preview(legacy)
            if not as_json:
                _print_preview(task, report, steps)
            if not dry_run and not agrees(f"Take this over for {name}?"):
                return 1
        if not dry_run:
            with notes.status("taking over"):
                report = task.run(legacy, current_user(), _wait)
        if as_json:
            print_json(_as_json(task, report, steps, is_done=not dry_run))
        elif not dry_run:
            _print_result(target, task, report, had_preview=steps is not None)
    return 0


@contextmanager
def _connect(url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    from generator.running.errors import Unusable
    from sync_worker.database.connection import connect

    try:
        client = connect(url, "import")
    except ValueError as error:
        raise Unusable(str(error).replace("DATABASE_URL", "--from")) from None
    with client:
        yield client


def _prepare(
    target: Target,
    file: SyncFile,
    client: MongoClient[dict[str, Any]],
    old: MongoClient[dict[str, Any]],
    old_name: str | None,
) -> tuple[Import, LegacyState]:
    """Return the import and what the replaced service left. Raises Unusable if it left nothing."""
    from generator.running.errors import NotUnderstood, Unusable
    from sync_worker.core.errors import DatabaseUnavailable
    from sync_worker.runtime.import_run import Import, LegacyDatabase, databases_with_pairs

    sync = file.sync
    names = {old_name} if old_name else {sync.name, sync.database} if old is client else {sync.name}
    try:
        legacy_source = LegacyDatabase(old, names)
    except ValueError as error:
        raise NotUnderstood(f"--database: {error}") from None
    try:
        legacy = legacy_source.read()
    except DatabaseUnavailable as error:
        if old is client:
            raise
        # Otherwise Target.connect would add advice about DATABASE_URL, which is not the old server's address.
        raise Unusable(str(error)) from None
    if legacy is None:
        others = databases_with_pairs(old)
        hint = f"; it left something in {', '.join(others)}: say --database" if others else ""
        raise Unusable(f"the replaced service left nothing in {legacy_source.address}{hint}")
    return Import(file, client, target.environ, target.run_dir, legacy_source, legacy_source.address), legacy


def _wait(unknown: OutcomeUnknown) -> None:
    """Wait until search must show what the replaced service created last."""
    warn(f"{unknown}; it goes on then")
    time.sleep(unknown.retry_after)


def _print_preview(task: Import, report: TakeoverReport, steps: Sequence[PlannedStep]) -> None:
    _print_source(task, report)
    _print_counts(report)
    print_line("what the first cycle would do then:")
    print_steps(steps, MOST_SHOWN, "--json says all")


def _print_result(target: Target, task: Import, report: TakeoverReport, *, had_preview: bool) -> None:
    if not had_preview:
        _print_source(task, report)
        _print_counts(report)
    name = task.file.sync.name
    start = "jira-sync apply" if target.is_running else "jira-sync start"
    print_line(f"done; {name} goes on from there: jira-sync plan {name} shows its first cycle, {start} starts it")


def _print_source(task: Import, report: TakeoverReport) -> None:
    at = report.legacy.last_sync
    print_line(f"{task.file.sync.name}, from {task.source}")
    if at is None:
        first = "all issues count" if task.file.sync.initial_sync_enabled else "what is there is only noted"
        print_line(f"the replaced service never finished a cycle: {first}, as initialSyncEnabled says")
        return
    seconds = (datetime.now(UTC) - at).total_seconds()
    print_line(f"the replaced service finished its last cycle at {at:%Y-%m-%d %H:%M:%S} UTC, {_age(seconds)} ago")
    if seconds < RECENTLY:
        warn("see to it that its container is stopped: two services must not do the same")


def _print_counts(report: TakeoverReport) -> None:
    from sync_worker.runtime.import_run import PairOutcome

    taken_over = [finding for finding in report.findings if finding.kind in (PairOutcome.TAKEN, PairOutcome.LINKED)]
    moved = [finding for finding in taken_over if finding.text]
    print_line("pairs")
    for kind in PairOutcome:
        findings = report.of(kind)
        _row(str(kind), len(findings), [_pair(finding) for finding in findings] if kind in LISTED else ())
    _row("with another key now", len(moved), [_pair(finding) for finding in moved])
    print_line("issues")
    _row("as it left them", report.noted)
    _row("already known", report.known)
    missed = [f"{change.issue}  {change.what}" for change in report.changes]
    _row("with changes that it missed", len(missed), missed)
    _row("told by a comment already", report.commented)


def _row(label: str, count: int, examples: Sequence[str] = ()) -> None:
    print_line(f"  {label:<28}{count:>7}", "" if count else "dim")
    for example in examples[:MOST_SHOWN]:
        print_line(f"    {example}")
    if len(examples) > MOST_SHOWN:
        print_line(f"    and {len(examples) - MOST_SHOWN} more (--json says all)")


def _pair(finding: PairFinding) -> str:
    return f"{finding.user_key} → {finding.dev_key}{f': {finding.text}' if finding.text else ''}"


def _age(seconds: float) -> str:
    for size, word in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{max(seconds, 0):.0f} seconds"


def _as_json(
    task: Import, report: TakeoverReport, steps: Sequence[PlannedStep] | None, *, is_done: bool
) -> dict[str, Any]:
    from sync_worker.runtime.import_run import PairOutcome

    def pairs(kind: PairOutcome) -> list[dict[str, str]]:
        findings = report.of(kind)
        return [{"user": finding.user_key, "dev": finding.dev_key, "why": finding.text} for finding in findings]

    def missed_change(change: MissedChange) -> dict[str, str]:
        return {"side": change.side, "issue": change.issue, "change": change.what}

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
            "missedChanges": [missed_change(change) for change in report.changes],
            "alreadyCommented": report.commented,
        },
        "firstCycle": None if steps is None else [asdict(step) for step in steps],
    }
