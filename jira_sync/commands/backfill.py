"""`jira-sync backfill`: issues from before their sync, which were only noted, get their counterparts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.context.command_line import AsJson, Name, Panel, Yes
from jira_sync.context.database import database
from jira_sync.context.issue_lookup import NamedIssue
from jira_sync.context.target import find_target
from jira_sync.context.worker_requests import ResyncOutcome, WorkerRequests, print_resynced, worker_requests
from jira_sync.output.terminal import agrees, complain, out, print_json, print_line
from jira_sync.output.wording import issues

if TYPE_CHECKING:
    from sync_model.definition.sync import Side, Sync
    from sync_worker.core.issues.issue import Issue
    from sync_worker.core.ports import Jira
    from sync_worker.database.store import MongoStore

MOST_WITHOUT_CONSENT = 5
"""More issues than these are carried over only if the person agrees."""
MOST_SHOWN = 20
BATCH_SIZE = 50
"""As many issues as Jira creates in one request."""
READ_AT_ONCE = 100


@dataclass(frozen=True)
class BackfillCandidate:
    """An issue without a counterpart, although a rule creates one for its status."""

    issue: NamedIssue
    status: str
    summary: str
    created: datetime


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.ISSUES)(backfill)


def backfill(
    name: Name,
    since: Annotated[
        str, typer.Option("--since", metavar="DATE", help="Of issues changed since: 2025-01-31, or with a time.")
    ],
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many, oldest first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which ones.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Give issues from before the sync the counterparts that a rule creates.

    Meant for syncs with "initialSyncEnabled": false, which only take note
    of what is there when they start. DATE is in UTC, unless it names an
    offset: 2025-01-31T18:00+01:00. To repeat it does no harm.

    Example: jira-sync backfill sync-ab --since 2025-01-31 --dry-run
    """
    from generator.running.errors import NotUnderstood
    from sync_worker.runtime.wiring import read_only_view

    changed_since = _parse_time(since)
    if as_json and not (dry_run or yes):
        raise NotUnderstood("--json asks nothing: say --dry-run or --yes with it")
    target = find_target(os.environ)
    file = target.sync(name)
    with database(target, name) as client:
        with read_only_view(file, client, target.environ) as opened, out.status("looking for issues"):
            candidates = find_candidates(file.sync, opened.jiras, opened.store, changed_since)[:limit]
        if as_json and dry_run:
            print_json([_as_json(candidate) for candidate in candidates])
            return 0
        if not as_json:
            _print_candidates(candidates, changed_since)
        elif not candidates:
            return print_resynced([], name, as_json=True)
        if dry_run or not candidates:
            return 0
        requests = worker_requests(target, file, client)
        if obstacle := requests.obstacle():
            complain(f"nothing is asked for: {obstacle}")
            return 1
        if len(candidates) > MOST_WITHOUT_CONSENT and not yes and not _agrees(len(candidates)):
            return 1
        outcomes = _carry_over(requests, [candidate.issue for candidate in candidates])
        return print_resynced(outcomes, name, as_json=True) if as_json else _print_outcomes(outcomes)


def find_candidates(
    sync: Sync, jiras: Mapping[Side, Jira], store: MongoStore, since: datetime
) -> list[BackfillCandidate]:
    """Return the issues changed since then that have no counterpart and could have one, oldest first."""
    from sync_model.definition.sync import Side
    from sync_worker.core.decisions.rules import creates_from

    candidates = [
        candidate
        for side in Side
        if creates_from(sync, side)
        for candidate in _candidates_of_side(sync, side, jiras[side], store, since)
    ]
    return sorted(candidates, key=lambda candidate: candidate.created)


def _candidates_of_side(
    sync: Sync, side: Side, jira: Jira, store: MongoStore, since: datetime
) -> list[BackfillCandidate]:
    from sync_worker.core.concurrency import batches
    from sync_worker.core.decisions.rules import creates_from
    from sync_worker.engine.reading import Reader

    ids = [hit.id for hit in jira.changed_since(jira.project_id(sync.project_key(side)), since)]
    # After the search, because Jira answers an expired token with an empty project instead of an error.
    account = jira.account()
    reader = Reader(jira, checkpoint=lambda: None)
    creatable = []
    for batch in batches(ids, READ_AT_ONCE):
        paired, (states, _) = store.paired(side, batch), store.states(side, batch)
        waiting = {issue_id for issue_id, state in states.items() if state.pending}
        left = paired | waiting | store.forgotten(side, batch)
        read = reader.read_all(issue_id for issue_id in batch if issue_id not in left)
        _complain_of(side, read.unprocessable)
        creatable += [issue for issue in read.issues if creates_from(sync, side, issue.status)]
    # What our account created and marked is a counterpart itself. So may be what it created if its mark is not shown.
    marks, unknown = reader.marks(issue.id for issue in creatable if issue.creator == account)
    _complain_of(side, unknown)
    return [_candidate(side, issue) for issue in creatable if issue.id not in marks and issue.id not in unknown]


def _complain_of(side: Side, left_out: Mapping[str, str]) -> None:
    for issue_id, why in left_out.items():
        complain(f"{side}:{issue_id} is left out: {why}")


def _candidate(side: Side, issue: Issue) -> BackfillCandidate:
    return BackfillCandidate(NamedIssue(side, issue.id, issue.key), issue.status, issue.summary, issue.created)


def _parse_time(text: str) -> datetime:
    from generator.running.errors import NotUnderstood

    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise NotUnderstood(f"--since is {text!r}; write it like 2025-01-31 or 2025-01-31T18:00+01:00") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _as_json(candidate: BackfillCandidate) -> dict[str, object]:
    return {
        "issue": candidate.issue.key,
        "side": candidate.issue.side,
        "status": candidate.status,
        "created": candidate.created.isoformat(),
    }


def _print_candidates(candidates: Sequence[BackfillCandidate], since: datetime) -> None:
    print_line(f"{issues(len(candidates))} changed since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC to carry over")
    for candidate in candidates[:MOST_SHOWN]:
        print_line(f"  {candidate.issue.key}  {candidate.status}  {candidate.summary}")
    if len(candidates) > MOST_SHOWN:
        print_line(f"  and {issues(len(candidates) - MOST_SHOWN)} more")


def _agrees(count: int) -> bool:
    return agrees(f"Create counterparts for {issues(count)}?", f"it would create counterparts for {issues(count)}")


def _carry_over(requests: WorkerRequests, wanted: Sequence[NamedIssue]) -> list[ResyncOutcome]:
    """Request the issues from the worker batch by batch.

    Raises Unusable if one batch takes too long; the batches before it stay done.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from sync_worker.core.concurrency import batches

    columns = (TextColumn("carrying over"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    outcomes: list[ResyncOutcome] = []
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=len(wanted))
        for batch in batches(wanted, BATCH_SIZE):
            outcomes += requests.resync(batch)
            progress.update(task, completed=len(outcomes))
    return outcomes


def _print_outcomes(outcomes: Sequence[ResyncOutcome]) -> int:
    """Print the failures and the totals; return the exit code."""
    failed = [outcome for outcome in outcomes if not outcome.succeeded]
    for outcome in failed:
        print_line(f"{outcome.issue.key}: {outcome.text}", "red")
    more = f", {len(failed)} not" if failed else ""
    print_line(f"{issues(len(outcomes) - len(failed))} carried over{more}")
    return 1 if failed else 0
