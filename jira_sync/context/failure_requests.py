"""What `retry`, `dismiss` and `confirm` share: a request to the worker, about failed changes or about what it holds.

If no worker runs, one cycle is run in this process instead.
"""

from __future__ import annotations

import time
from dataclasses import asdict

from jira_sync.context.control import ControlledSync, controlled_syncs, run_cycle_here
from jira_sync.output.failing_issues import add_outcomes, failures_of, print_failures
from jira_sync.output.outcomes import Outcomes
from jira_sync.output.terminal import complain, current_user, notes, print_json, print_line

PATIENCE = 120.0
"""Seconds to wait for the worker."""
POLL_EVERY = 0.5


def request_for_failed(kind: str, name: str, issues: list[str], *, everything: bool, as_json: bool = False) -> int:
    """Request `retry` or `dismiss` for failed issues and print the outcome; without issues, list what failed.

    Returns the exit code.
    """
    from generator.running.errors import NotUnderstood
    from sync_worker.core.errors import InvalidRequest

    if issues and everything:
        raise NotUnderstood("name issues, or say --all, not both")
    with controlled_syncs([name], everything=False) as (controlled,):
        control = controlled.control
        if not issues and not everything:
            failures = failures_of(control.failing(), control.unprocessable())
            if as_json:
                print_json({"sync": name, "failing": [asdict(failure) for failure in failures]})
                return 0
            print_failures(failures)
            print_line(f"name issues, or say --all, to {kind} them" if failures else "nothing has failed")
            return 0
        try:
            requested = control.select(kind, issues)
        except InvalidRequest as error:
            complain(str(error))
            if not as_json:
                print_failures(failures_of(control.failing(), control.unprocessable()))
            return 1
        request = control.ask(kind, requested, current_user())
        if obstacle := wait_until_answered(controlled, request):
            complain(obstacle)
            return 1
        outcomes = Outcomes("issues", as_json=as_json, sync=name)
        add_outcomes(outcomes, kind, requested, control.failing(), control.unprocessable())
        return outcomes.end()


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
