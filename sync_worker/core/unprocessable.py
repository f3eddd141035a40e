"""Issues that cannot be handled: Jira's answer, the history, the mark or the document of each cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync_model.definition.sync import Side
from sync_worker.core.decisions.retry import after_failure, is_due
from sync_worker.core.issues.causes import Failure
from sync_worker.core.timing import LONG_AGO


@dataclass(frozen=True)
class UnprocessableIssue:
    """One such issue. It is looked at again, with pauses that grow; no other issue waits for it.

    `key` is its id where the key is not known. `failure` says why it cannot be handled, on the clock of its own site.
    `updated` is what search last showed. Nobody is reminded of an issue that a person has dismissed, and it is not
    looked at again before search shows another `updated`.
    """

    side: Side
    id: str
    key: str
    failure: Failure
    updated: datetime | None = None
    is_dismissed: bool = False

    @classmethod
    def of(
        cls,
        side: Side,
        issue_id: str,
        key: str,
        error: Exception,
        now: datetime,
        *,
        updated: datetime | None,
        before: UnprocessableIssue | None,
        jitter: float,
    ) -> UnprocessableIssue:
        """Return what is known of an issue after one more look at it that ended in `error`."""
        known = before.failure if before and not before.is_dismissed else None
        failure, _ = after_failure(error, known, now, patience=timedelta.max, jitter=jitter)
        if known is None:
            failure = replace(failure, next_try=now)  # the next cycle looks again
        return cls(side, issue_id, key, failure, updated)

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is time to look at the issue again, whatever search says."""
        return not self.is_dismissed and is_due(self.failure.next_try, now)

    def has_changed(self, updated: datetime | None) -> bool:
        """Tell whether search, which now shows `updated`, says that the issue is another one than at the last look."""
        return updated != self.updated

    def due_now(self) -> UnprocessableIssue:
        return replace(self, is_dismissed=False, failure=replace(self.failure, next_try=LONG_AGO))

    def dismissed(self) -> UnprocessableIssue:
        return replace(self, is_dismissed=True)
