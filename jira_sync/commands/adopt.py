"""`jira-sync adopt`: a person says what it means that something is not as before: a site, a project, the database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.context.command_line import AsJson, Name, Panel, Yes
from jira_sync.context.database import database
from jira_sync.context.target import find_target
from jira_sync.context.worker_requests import worker_requests
from jira_sync.output.terminal import agrees, complain, notes, print_json, print_line, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_worker.runtime.wiring import ReadOnlyView

MOST_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.DATABASE)(adopt)


def adopt(
    name: Name,
    same_site: Annotated[
        bool, typer.Option("--same-site", help="It is the same site at another address, or another account of ours.")
    ] = False,
    moved: Annotated[
        bool, typer.Option("--moved", help="The issues were moved, or Jira was restored: find the pairs again.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="It has nothing to do with what was before: begin anew, set that aside.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="What another installation has created is ours from now on.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Say what it means that a sync finds something else than before.

    A sync stops when its site, its project or its account is another one,
    and when another database has created counterparts for its projects.
    Without an option, this says what is not as it was, and what can be said
    about it. With one, it says first what that would come to. The worker
    then carries it out; what was interrupted goes on.

    Example, after a DNS rename: jira-sync adopt sync-ab --same-site
    """
    from generator.running.errors import NotUnderstood
    from sync_worker.core.identity import Decision
    from sync_worker.runtime.wiring import read_only_view

    said = {
        Decision.SAME_SITE: same_site,
        Decision.MOVED: moved,
        Decision.NEW: new,
        Decision.TAKE_OVER: take_over,
    }
    decisions = [decision for decision, is_said in said.items() if is_said]
    if len(decisions) > 1:
        raise NotUnderstood(f"say one of --{', --'.join(decisions)}")
    if as_json and decisions and not yes:
        raise NotUnderstood("--json asks nothing: say --yes with it")
    target = find_target(os.environ)
    file = target.sync(name)
    with database(target, name, is_needed=bool(decisions)) as client:
        if not decisions or not yes:
            with read_only_view(file, client, target.environ) as opened:
                if not decisions:
                    return _print_situation(opened, name, as_json=as_json)
                with notes.status("looking at both projects"):
                    preview = opened.try_out(decisions[0])
            _print(preview.text, preview.details, is_done=preview.is_done)
            if not preview.is_done or not agrees(f"Do this for {name}?"):
                return 1
        requests = worker_requests(target, file, client)
        if obstacle := requests.obstacle():
            requests.decide(decisions[0])
            complain(f"noted, but not done: {obstacle}")
            return 1
        with notes.status(f"{name} is at it …"):
            outcome = requests.decided(decisions[0])
    if as_json:
        print_json({"sync": name, "isDone": outcome.is_done, "text": outcome.text, "details": outcome.details})
    else:
        _print(outcome.text, outcome.details, is_done=outcome.is_done)
    return 0 if outcome.is_done else 1


def _print_situation(opened: ReadOnlyView, name: str, *, as_json: bool) -> int:
    """Say what the sync waits for a person for; return the exit code."""
    from sync_worker.core.errors import NeedsOperator

    try:
        with notes.status("looking at both projects"):
            opened.dry_run()
    except NeedsOperator as error:
        if as_json:
            print_json({"sync": name, "mustDecide": True, "text": str(error)})
        else:
            complain(str(error))
        return 1
    text = "its sites, projects, accounts and its database are as before; nothing has to be decided"
    if as_json:
        print_json({"sync": name, "mustDecide": False, "text": text})
    else:
        print_line(f"{name}: {text}")
    return 0


def _print(text: str, details: Sequence[str], *, is_done: bool) -> None:
    for detail in details[:MOST_SHOWN]:
        print_line(detail)
    if len(details) > MOST_SHOWN:
        warn(f"and {len(details) - MOST_SHOWN} more such lines")
    print_line(text) if is_done else complain(text)
