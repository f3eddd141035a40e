"""Prints the issues that have failed changes, and how each stands after a retry or a dismissal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jira_sync.output.terminal import print_line

if TYPE_CHECKING:
    from sync_worker.core.causes import Cause
    from sync_worker.core.state import IssueState


def print_failing(failing: Sequence[IssueState]) -> None:
    """Print what was given up and what is tried again, with the errors."""
    for state in failing:
        for cause in state.dead:
            print_line(f"{state.key}: given up: {_error(cause)}")
        for cause in state.pending[:1]:
            if cause.failure:
                again_at = f"{cause.failure.next_try:%Y-%m-%d %H:%M:%S} UTC"
                print_line(f"{state.key}: tried again at {again_at}: {_error(cause)}")


def print_outcomes(kind: str, requested: Sequence[IssueState], failing: Sequence[IssueState]) -> int:
    """Print what became of each requested issue; return the exit code. `failing` are the issues that fail now."""
    failing_now = {(state.side, state.id): state for state in failing}
    code = 0
    for before in requested:
        after = failing_now.get((before.side, before.id))
        causes = (*after.dead, *after.pending[:1]) if after else ()
        errors = [cause.failure.error for cause in causes if cause.failure]
        if errors and kind == "retry":
            print_line(f"{before.key}: failed again: {errors[0]}")
            code = 1
        else:
            print_line(f"{before.key}: {'done' if kind == 'retry' else 'dismissed'}")
    return code


def _error(cause: Cause) -> str:
    failure = cause.failure
    if failure is None:
        return ""
    return f"{failure.error} ({failure.attempts} attempts since {failure.first_at:%Y-%m-%d %H:%M} UTC)"
