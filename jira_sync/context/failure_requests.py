"""What `retry`, `dismiss` and `confirm` share: a request to the worker, about failed changes or about what it holds.

If no worker runs, one cycle is run in this process instead.
"""

from __future__ import annotations

import time

from jira_sync.context.control import ControlledSync, controlled_syncs, run_cycle_here
from jira_sync.output.failing_issues import print_failing, print_outcomes
from jira_sync.output.terminal import complain, current_user, notes, print_line

PATIENCE = 120.0
"""Seconds to wait for the worker."""
POLL_EVERY = 0.5


def request_for_failed(kind: str, name: str, issues: list[str], *, everything: bool) -> int:
    """Request `retry` or `dismiss` for failed issues and print the outcome; without issues, list what failed.

    Returns the exit code.
    """
    from sync_worker.core.errors import InvalidRequest

    with controlled_syncs([name], everything=False) as (controlled,):
        control = controlled.control
        if not issues and not everything:
            failing, unprocessable = control.failing(), control.unprocessable()
            print_failing(failing, unprocessable)
            is_any = bool(failing or unprocessable)
            print_line(f"name issues, or say --all, to {kind} them" if is_any else "nothing has failed")
            return 0
        try:
            requested = control.select(kind, issues)
        except InvalidRequest as error:
            complain(str(error))
            print_failing(control.failing(), control.unprocessable())
            return 1
        request = control.ask(kind, requested, current_user())
        if obstacle := wait_until_answered(controlled, request):
            complain(obstacle)
            return 1
        return print_outcomes(kind, requested, control.failing(), control.unprocessable())


def wait_until_answered(controlled: ControlledSync, request: str) -> str | None:
    """Wait until the worker has answered, or run a cycle here if there is none; return the obstacle, if any."""
    from sync_worker.core.errors import LeaseLost

    control, deadline = controlled.control, time.monotonic() + PATIENCE
    with notes.status(f"{controlled.name} is at it …") as spinner:
        while not control.is_answered(request):
            if pause := control.paused():
                return f"it is noted, but {controlled.name} is {pause}; resume it first"
            if time.monotonic() > deadline:
                return "the worker has not come to it yet; it is noted and will be done"
            if control.wake():
                time.sleep(POLL_EVERY)
                continue
            spinner.stop()  # a cycle in this process logs to this terminal
            # LeaseLost: a worker has started meanwhile and will answer.
            if (error := run_cycle_here(controlled)) and not isinstance(error, LeaseLost):
                return f"it is noted and will be done, but not now: {error}"
    return None
