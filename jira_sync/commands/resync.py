"""`jira-sync resync`: issues are carried over again from scratch, by the worker of their sync."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from jira_sync.context.command_line import AsJson, Name, Panel
from jira_sync.context.database import database
from jira_sync.context.issue_lookup import find_issues, refuse_forgotten
from jira_sync.context.target import find_target
from jira_sync.context.worker_requests import print_resynced, worker_requests
from jira_sync.output.terminal import complain


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.ISSUES)(resync)


def resync(
    name: Name,
    issues: Annotated[list[str], typer.Argument(metavar="ISSUE…", help="Keys or ids, of either side.")],
    remember: Annotated[
        bool, typer.Option("--remember", help="Take up again what was forgotten by jira-sync forget.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Carry issues over again from scratch: status, links and files.

    The issue that you name is the one whose state is carried over.
    What waited or had failed for it is dropped. Nothing is made twice: a
    counterpart that the sync had lost sight of is found again, files that
    are there are not copied again, and comments are not posted again.

    Exit code 1 when any of them could not be carried over.

    Example: jira-sync resync sync-ab SUP-12 SUP-15
    """
    from sync_worker.runtime.wiring import read_only_view

    kind = "remember" if remember else "resync"
    target = find_target(os.environ)
    file = target.sync(name)
    with database(target, name) as client:
        with read_only_view(file, client, target.environ) as opened:
            named = find_issues(issues, file.sync, opened.store, opened.jiras)
            if not remember:
                refuse_forgotten(name, named, opened.store)
        requests = worker_requests(target, file, client)
        if obstacle := requests.obstacle():
            requests.submit(named, kind)
            complain(f"noted, but not done: {obstacle}")
            return 1
        outcomes = requests.resync(named, kind)
    return print_resynced(outcomes, name, as_json=as_json)
