"""`jira-sync retry` and `dismiss`: what could not be carried over, under an operator's hand.

The request goes into the sync's database, where its worker finds it; a sync that nobody runs is run for one cycle
here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.commands.steer import PANEL, ControlledSync, controlled_syncs, run_here
from jira_sync.context.target import complete_name
from jira_sync.output.terminal import complain, notes, out, printable, who

if TYPE_CHECKING:
    from sync_worker.core.causes import Cause
    from sync_worker.core.state import IssueState

PATIENCE = 120.0
"""Seconds to wait for the worker to have done it."""
LOOK_EVERY = 0.5
Name = Annotated[str, typer.Argument(metavar="NAME", help="The sync.", autocompletion=complete_name)]
Issues = Annotated[
    list[str] | None, typer.Argument(metavar="ISSUE", help="Keys or ids. Without any, what failed is only listed.")
]
All = Annotated[bool, typer.Option("--all", help="All issues.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (retry, dismiss):
        app.command(rich_help_panel=PANEL)(command)


def retry(name: Name, issues: Issues = None, everything: All = False) -> int:
    """Try again at once what failed or was given up, and say what came of it; without issues, list it.

    Exit code 1 when something failed again.

    Example: jira-sync retry sync-ab SUP-17 DEV-23
    """
    return _ask("retry", name, issues or [], everything=everything)


def dismiss(name: Name, issues: Issues = None, everything: All = False) -> int:
    """Forget what was given up, so that nobody is reminded of it any more; without issues, list it.

    Later changes of the same issues are carried over as ever.

    Example: jira-sync dismiss sync-ab DEV-23
    """
    return _ask("dismiss", name, issues or [], everything=everything)


def _ask(kind: str, name: str, issues: list[str], *, everything: bool) -> int:
    from sync_worker.core.errors import InvalidRequest

    with controlled_syncs([name], everything=False) as (controlled,):
        control = controlled.control
        if not issues and not everything:
            return _list(kind, control.failing())
        try:
            asked = control.select(kind, issues)
        except InvalidRequest as error:
            complain(str(error))
            _show(control.failing())
            return 1
        request = control.ask(kind, asked, who())
        if obstacle := _see_it_done(controlled, request):
            complain(obstacle)
            return 1
        return _tell(kind, asked, {(each.side, each.id): each for each in control.failing()})


def _list(kind: str, failing: list[IssueState]) -> int:
    _show(failing)
    _say(f"name issues, or say --all, to {kind} them" if failing else "nothing has failed")
    return 0


def _show(failing: list[IssueState]) -> None:
    for state in failing:
        for cause in state.dead:
            _say(f"{state.key}: given up: {_said(cause)}")
        for cause in state.pending[:1]:
            if cause.failure:
                _say(f"{state.key}: tried again at {cause.failure.next_try:%Y-%m-%d %H:%M:%S} UTC: {_said(cause)}")


def _said(cause: Cause) -> str:
    failure = cause.failure
    if failure is None:
        return ""
    return f"{failure.error} ({failure.attempts} attempts since {failure.first_at:%Y-%m-%d %H:%M} UTC)"


def _say(sentence: str) -> None:
    out.print(printable(sentence), markup=False)


def _see_it_done(controlled: ControlledSync, request: str) -> str | None:
    """Have the worker do it, or do it here when there is none. Returns what stands in the way, or None."""
    from sync_worker.core.errors import LeaseLost

    control, until = controlled.control, time.monotonic() + PATIENCE
    with notes.status(f"{controlled.name} is at it …") as spinner:
        while not control.is_answered(request):
            if pause := control.paused():
                return f"it is noted, but {controlled.name} is {pause}; resume it first"
            if time.monotonic() > until:
                return "the worker has not come to it yet; it is noted and will be done"
            if control.wake():
                time.sleep(LOOK_EVERY)
                continue
            spinner.stop()  # what is done here is said here
            if (error := run_here(controlled)) and not isinstance(error, LeaseLost):
                return f"it is noted and will be done, but not now: {error}"
    return None


def _tell(kind: str, asked: list[IssueState], failing: dict[tuple[object, str], IssueState]) -> int:
    """Say for each issue how it stands now."""
    code = 0
    for before in asked:
        after = failing.get((before.side, before.id))
        causes = (*after.dead, *after.pending[:1]) if after else ()
        errors = [cause.failure.error for cause in causes if cause.failure]
        if errors and kind == "retry":
            _say(f"{before.key}: failed again: {errors[0]}")
            code = 1
        else:
            _say(f"{before.key}: {'done' if kind == 'retry' else 'dismissed'}")
    return code
