"""What has failed in a sync, and how each issue stands after a retry or a dismissal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from jira_sync.output.terminal import print_line

if TYPE_CHECKING:
    from jira_sync.output.outcomes import Outcomes
    from sync_worker.core.issues.causes import Failure
    from sync_worker.core.issues.state import IssueState
    from sync_worker.core.unprocessable import UnprocessableIssue
    from sync_worker.database.control import FailedIssue

GIVEN_UP, AGAIN, UNPROCESSABLE = "given up", "tried again", "cannot be handled"


@dataclass(frozen=True)
class IssueFailure:
    """What failed for one issue. `how` says how it stands; `next_try` is None where it is not tried again."""

    issue: str
    side: str
    id: str
    how: str
    error: str = ""
    attempts: int = 0
    since: datetime | None = None
    next_try: datetime | None = None


def failures_of(failing: Sequence[IssueState], unprocessable: Sequence[UnprocessableIssue]) -> list[IssueFailure]:
    """Return what was given up, what is tried again and what cannot be handled."""
    failures = [_failure(issue, UNPROCESSABLE, issue.failure) for issue in unprocessable]
    for state in failing:
        failures += [_failure(state, GIVEN_UP, cause.failure) for cause in state.dead]
        failures += [_failure(state, AGAIN, cause.failure) for cause in state.pending[:1] if cause.failure]
    return failures


def print_failures(failures: Sequence[IssueFailure]) -> None:
    for failure in failures:
        again = failure.how == AGAIN and failure.next_try
        at = f" at {failure.next_try:%Y-%m-%d %H:%M:%S} UTC" if again else ""
        since = f" ({failure.attempts} attempts since {failure.since:%Y-%m-%d %H:%M} UTC)" if failure.since else ""
        print_line(f"{failure.issue}: {failure.how}{at}: {failure.error}{since}")


def add_outcomes(
    outcomes: Outcomes,
    kind: str,
    requested: Sequence[FailedIssue],
    failing: Sequence[IssueState],
    unprocessable: Sequence[UnprocessableIssue],
) -> None:
    """Say what became of each requested issue.

    `failing` are the issues that fail now, `unprocessable` those that cannot be handled.
    """
    failing_now = {(state.side, state.id): state for state in failing}
    bad_now = {(issue.side, issue.id): issue.failure.error for issue in unprocessable}
    for before in {(issue.side, issue.id): issue for issue in requested}.values():
        after = failing_now.get((before.side, before.id))
        causes = (*after.dead, *after.pending[:1]) if after else ()
        errors = [cause.failure.error for cause in causes if cause.failure]
        errors += [bad_now[before.side, before.id]] if (before.side, before.id) in bad_now else []
        has_failed = bool(errors) and kind == "retry"
        text = f"failed again: {errors[0]}" if has_failed else {"retry": "done", "dismiss": "dismissed"}[kind]
        outcomes.add(
            text,
            is_done=not has_failed,
            line=f"{before.key}: {text}",
            style="default",
            issue=before.key,
            side=before.side,
            id=before.id,
        )


def _failure(issue: IssueState | UnprocessableIssue, how: str, failure: Failure | None) -> IssueFailure:
    if failure is None:
        return IssueFailure(issue.key, issue.side, issue.id, how)
    next_try = failure.next_try if how == AGAIN else None
    return IssueFailure(
        issue.key, issue.side, issue.id, how, failure.error, failure.attempts, failure.first_at, next_try
    )
