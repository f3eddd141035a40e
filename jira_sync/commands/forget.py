"""`jira-sync forget`: what a sync remembers of an issue is erased for good. See docs/security.md."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from jira_sync.context.command_line import AsJson, Name, Panel, Yes
from jira_sync.context.database import database
from jira_sync.context.target import find_target
from jira_sync.context.worker_requests import worker_requests
from jira_sync.output.outcomes import Outcomes
from jira_sync.output.terminal import agrees, complain, notes


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.DATABASE)(forget)


def forget(
    name: Name,
    issue: Annotated[str, typer.Argument(metavar="ISSUE", help="A key, present or past, or an id, of either side.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Erase for good all that a sync remembers of an issue and of its counterpart.

    For a person who asks for erasure. What is in Jira stays as it is: erase
    it there as well. The sync does nothing about the two any more. Only
    their ids stay, and a line in the journal that names no issue. To take
    them up again: jira-sync resync NAME ISSUE --remember.

    Backups and log files from before still hold it: docs/security.md says
    what is kept, and for how long.

    Exit code 1 when it was not erased.

    Example: jira-sync forget sync-ab SUP-12
    """
    from generator.running.errors import NotUnderstood

    if as_json and not yes:
        raise NotUnderstood("--json asks nothing: say --yes with it")
    target = find_target(os.environ)
    file = target.sync(name)
    with database(target, name) as client:
        requests = worker_requests(target, file, client)
        traces = requests.traces_of(issue)
        if not yes and not agrees(f"Erase for good all that {name} remembers of {traces}?"):
            return 1
        if obstacle := requests.obstacle():
            requests.submit_to_forget(traces)
            complain(f"noted, but not done: {obstacle}")
            return 1
        with notes.status(f"{name} is at it …"):
            outcome = requests.forget(traces)
    outcomes = Outcomes("forgotten", as_json=as_json, sync=name)
    text = "forgotten" if outcome.is_done else f"nothing done: {outcome.text}"
    outcomes.add(text, is_done=outcome.is_done, line=f"{traces}: {text}", issues=traces.issues)
    return outcomes.end()
