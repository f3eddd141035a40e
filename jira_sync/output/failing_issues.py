"""Prints the issues that have failed changes, and how each stands after a retry or a dismissal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jira_sync.output.terminal import print_line

if TYPE_CHECKING:
    from sync_worker.core.causes import Cause, Failure
    from sync_worker.core.state import IssueState
    from sync_worker.core.unprocessable import UnprocessableIssue
    from sync_worker.database.control import FailedIssue


def print_failing(failing: Sequence[IssueState], unprocessable: Sequence[UnprocessableIssue]) -> None:
    """Print what was given up, what is tried again and what cannot be handled, with the errors."""
    for issue in unprocessable:
        print_line(f"{issue.key}: cannot be handled: {_words(issue.failure)}")
    for state in failing:
        for cause in state.dead:
            print_line(f"{state.key}: given up: {_error(cause)}")
        for cause in state.pending[:1]:
            if cause.failure:
                again_at = f"{cause.failure.next_try:%Y-%m-%d %H:%M:%S} UTC"
                print_line(f"{state.key}: tried again at {again_at}: {_error(cause)}")


def print_outcomes(
    kind: str,
    requested: Sequence[FailedIssue],
    failing: Sequence[IssueState],
    unprocessable: Sequence[UnprocessableIssue],
) -> int:
    """Print what became of each requested issue; return the exit code.

    `failing` are the issues that fail now, `unprocessable` those that cannot be handled.
    """
    failing_now = {(state.side, state.id): state for state in failing}
    bad_now = {(issue.side, issue.id): issue.failure.error for issue in unprocessable}
    code = 0
    for before in {(issue.side, issue.id): issue for issue in requested}.values():
        after = failing_now.get((before.side, before.id))
        causes = (*after.dead, *after.pending[:1]) if after else ()
        errors = [cause.failure.error for cause in causes if cause.failure]
        errors += [bad_now[before.side, before.id]] if (before.side, before.id) in bad_now else []
        if errors and kind == "retry":
            print_line(f"{before.key}: failed again: {errors[0]}")
            code = 1
        else:
            print_line(f"{before.key}: {'done' if kind == 'retry' else 'dismissed'}")
    return code


def _error(cause: Cause) -> str:
    return _words(cause.failure) if cause.failure else ""


def _words(failure: Failure) -> str:
    return f"{failure.error} ({failure.attempts} attempts since {failure.first_at:%Y-%m-%d %H:%M} UTC)"
