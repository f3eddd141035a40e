"""`jira-sync plan`: what the next cycle of a sync would do, issue by issue, without doing it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.context.command_line import AsJson, Name, Panel
from jira_sync.context.database import database, server_of
from jira_sync.context.target import find_target
from jira_sync.output.planned_steps import mails, print_steps, totals, writes
from jira_sync.output.terminal import note, out, print_json, warn
from jira_sync.output.wording import issues

if TYPE_CHECKING:
    from sync_model.files.loading import SyncFile
    from sync_worker.core.progress import Progress
    from sync_worker.core.records import Pause
    from sync_worker.engine.dry_run import PlannedStep


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.ISSUES)(plan)


def plan(
    name: Name,
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many issues to show.")] = 50,
    edited: Annotated[bool, typer.Option("--edited", help="By the file as it is now, not as it was applied.")] = False,
    as_json: AsJson = False,
) -> int:
    """Say what the next cycle would do, issue by issue, and do nothing.

    That cycle is run, with everything real but what it changes. A sync
    that runs is not disturbed; of one that never ran, it is the first cycle.

    Example, what an edit would come to: jira-sync plan sync-ab --edited
    """
    from sync_worker.runtime.wiring import read_only_view

    target = find_target(os.environ)
    # A target that does not run gives the file in the folder instead of the copy that the worker read.
    file = (replace(target, is_running=False) if edited else target).sync(name)
    with database(target, name) as client, read_only_view(file, client, target.environ) as opened:
        server = server_of(target, client)
        pause, progress = opened.store.journal.paused(), opened.store.progress()
        with out.status("looking at both projects"):
            steps = opened.dry_run()
    if as_json:
        print_json({**_as_json(file, steps, pause, progress), "database": file.sync.database, "server": server})
    else:
        note(f"looked at {name} by its database {file.sync.database}, {server}")
        _print_plan(file, steps, pause, progress, limit)
    return 0


def _as_json(file: SyncFile, steps: Sequence[PlannedStep], pause: Pause | None, progress: Progress) -> dict[str, Any]:
    return {
        "sync": file.sync.name,
        "isFirstCycle": not progress.cursors,
        "paused": str(pause) if pause else None,
        "totals": totals(steps),
        "writes": writes(steps),
        "mails": mails(steps),
        "steps": [asdict(step) for step in steps],
    }


def _print_plan(
    file: SyncFile, steps: Sequence[PlannedStep], pause: Pause | None, progress: Progress, limit: int
) -> None:
    sync = file.sync
    created = sum(step.verdict == "do" and step.what == "create" and step.text == "" for step in steps)
    if pause:
        warn(f"{sync.name} is {pause}; nothing is done before jira-sync resume {sync.name}")
    if not sync.enabled:
        warn(f"{sync.name} is disabled in {file.path.name}; nothing is done before that is changed")
    if not progress.cursors:
        first = "issues that are there only count as noted" if not sync.initial_sync_enabled else "all issues count"
        warn(f"{sync.name} has never run: this is its first cycle, in which {first}; it creates {issues(created)}")
    print_steps(steps, limit, "--limit")
