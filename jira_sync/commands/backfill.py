"""`jira-sync backfill`: issues that were there before their sync, and were only noted, get their counterparts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.commands.plan import PANEL
from jira_sync.context.database import database
from jira_sync.context.issue_lookup import NamedIssue
from jira_sync.context.target import complete_name, find_target
from jira_sync.context.worker_requests import ResyncOutcome, WorkerRequests, worker_requests
from jira_sync.output.terminal import complain, out, print_json, printable
from jira_sync.output.wording import issues

if TYPE_CHECKING:
    from sync_model.definition import Side, Sync
    from sync_worker.core.issue import Issue
    from sync_worker.core.ports import Jira
    from sync_worker.database.store import MongoStore

HANDFUL = 5
"""So many issues are carried over without asking."""
SHOWN = 20
PORTION = 50
"""As many as Jira creates in one request."""


@dataclass(frozen=True)
class Found:
    """An issue without a counterpart, although a rule creates one for its status."""

    issue: NamedIssue
    status: str
    summary: str
    created: datetime


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=PANEL)(backfill)


def backfill(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The sync.", autocompletion=complete_name)],
    since: Annotated[
        str, typer.Option("--since", metavar="DATE", help="Of issues changed since: 2025-01-31, or with a time.")
    ],
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many, oldest first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which ones.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: print one JSON document.")] = False,
) -> int:
    """Give issues from before the sync the counterparts that a rule creates.

    Meant for syncs with "initialSyncEnabled": false, which only take note
    of what is there when they start. DATE is in UTC, unless it names an
    offset: 2025-01-31T18:00+01:00. To repeat it does no harm.

    Example: jira-sync backfill sync-ab --since 2025-01-31 --dry-run
    """
    from sync_worker.runtime.wiring import read_only_view

    bound = _time(since)
    here = find_target(os.environ)
    file = here.sync(name)
    with database(here, name) as client:
        with read_only_view(file, client, here.environ) as seen, out.status("looking for issues"):
            found = find(file.sync, seen.jiras, seen.store, bound)[:limit]
        if as_json and dry_run:
            print_json([_as_json(each) for each in found])
            return 0
        _show(found, bound)
        if dry_run or not found:
            return 0
        writer = worker_requests(here, file, client)
        if obstacle := writer.obstacle():
            complain(f"nothing is asked for: {obstacle}")
            return 1
        if len(found) > HANDFUL and not yes and not _agreed(len(found)):
            return 1
        return _report(_carry_over(writer, [each.issue for each in found]))


def find(sync: Sync, jiras: Mapping[Side, Jira], store: MongoStore, since: datetime) -> list[Found]:
    """Return the issues changed since then that have no counterpart and could have one, oldest first."""
    from sync_model.definition import Side
    from sync_worker.core.rules import creates_from

    found = [
        each for side in Side if creates_from(sync, side) for each in _of_side(sync, side, jiras[side], store, since)
    ]
    return sorted(found, key=lambda each: each.created)


def _of_side(sync: Sync, side: Side, jira: Jira, store: MongoStore, since: datetime) -> list[Found]:
    from sync_worker.core.concurrency import batches
    from sync_worker.core.rules import creates_from

    ids = [each.id for each in jira.changed_since(jira.project_id(sync.project_key(side)), since)]
    account = jira.account()  # nobody in particular is shown an empty project
    found = []
    for batch in batches(ids, 100):
        paired, (states, _) = store.paired(side, batch), store.states(side, batch)
        waiting = {issue_id for issue_id, state in states.items() if state.pending}
        read = jira.read([each for each in batch if each not in paired | waiting])
        found += [each for each in read.issues if creates_from(sync, side, each.status)]
    return [_found(side, each) for each in found if not (each.creator == account and jira.is_marked(each.id))]


def _found(side: Side, issue: Issue) -> Found:
    return Found(NamedIssue(side, issue.id, issue.key), issue.status, issue.summary, issue.created)


def _time(text: str) -> datetime:
    from generator.running.settings import Unusable

    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Unusable(f"--since is {text!r}; write it like 2025-01-31 or 2025-01-31T18:00+01:00") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _as_json(found: Found) -> dict[str, object]:
    issue = found.issue
    return {"issue": issue.key, "side": issue.side, "status": found.status, "created": found.created.isoformat()}


def _show(found: Sequence[Found], since: datetime) -> None:
    out.print(f"{issues(len(found))} changed since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC to carry over")
    for each in found[:SHOWN]:
        line = f"  {each.issue.key}  {each.status}  {printable(each.summary)}"
        out.print(line, markup=False)
    if len(found) > SHOWN:
        out.print(f"  and {issues(len(found) - SHOWN)} more")


def _agreed(count: int) -> bool:
    from generator.running.settings import Unusable

    if not (out.is_terminal and os.isatty(0)):
        raise Unusable(f"it would create counterparts for {issues(count)}: say --yes if that is what you want")
    return typer.confirm(f"Create counterparts for {issues(count)}?")


def _carry_over(writer: WorkerRequests, wanted: Sequence[NamedIssue]) -> list[ResyncOutcome]:
    """Hand them to the worker in portions; what was not done in time is said, and all that was done stays done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from sync_worker.core.concurrency import batches

    columns = (TextColumn("carrying over"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    outcomes: list[ResyncOutcome] = []
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=len(wanted))
        for portion in batches(wanted, PORTION):
            outcomes += writer.resync(portion)
            progress.update(task, completed=len(outcomes))
    return outcomes


def _report(outcomes: Sequence[ResyncOutcome]) -> int:
    failed = [each for each in outcomes if not each.is_well]
    for outcome in failed:
        out.print(f"{outcome.issue.key}: {outcome.text}", markup=False, style="red")
    more = f", {len(failed)} not" if failed else ""
    out.print(f"{issues(len(outcomes) - len(failed))} carried over{more}")
    return 1 if failed else 0
