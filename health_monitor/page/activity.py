"""The texts of a sync's page about its changes: which ones failed, and what was done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_model.definition.sync import Side
from sync_model.health.judgement import Level
from sync_worker.core.issues.state import IssueState
from sync_worker.core.records import JournalEntry, PastCycle
from sync_worker.core.unprocessable import UnprocessableIssue
from sync_worker.facets.catalogue import COUNTS, FACETS

ACTION_LABELS = {kind: facet.words.deed for kind, facet in FACETS.items()} | {"change": "the change as a whole"}
RESULTS = {
    "done": (Level.OK, "ok"),
    "found": (Level.OK, "ok"),
    "skipped": (Level.OFF, "stopped"),
    "asked": (Level.OFF, "standby"),
    "refused": (Level.ATTENTION, "attention"),
    "failed": (Level.ATTENTION, "attention"),
    "given up": (Level.ERROR, "error"),
}
"""The level and the shape of each result of an action."""


@dataclass(frozen=True)
class FailedChange:
    """One change that failed. `next_try` is None if it was given up. `behind` counts later changes of its issue.

    `is_whole`: it stands for an issue that cannot be handled, with all that may have changed of it.
    """

    side: Side
    key: str
    cause: str
    error: str
    attempts: int
    first_at: datetime
    next_try: datetime | None
    behind: int = 0
    is_whole: bool = False

    @property
    def can_be_dismissed(self) -> bool:
        return self.next_try is None or self.is_whole


def failed_changes(
    states: Iterable[IssueState], unprocessable: Iterable[UnprocessableIssue] = ()
) -> list[FailedChange]:
    """Return what failed: first the changes that were given up, then the others, the next to be tried first."""
    changes = [change for state in states for change in _failed_changes_of(state)]
    changes += map(_whole_issue, unprocessable)
    return sorted(
        changes, key=lambda change: (change.next_try is not None, change.next_try or change.first_at, change.key)
    )


def _failed_changes_of(state: IssueState) -> Iterable[FailedChange]:
    for cause in (*state.dead, *state.pending[:1]):
        if failure := cause.failure:
            is_dead = cause in state.dead
            yield FailedChange(
                state.side,
                state.key,
                str(cause),
                failure.error,
                failure.attempts,
                failure.first_at,
                None if is_dead else failure.next_try,
                0 if is_dead else len(state.pending) - 1,
            )


def _whole_issue(issue: UnprocessableIssue) -> FailedChange:
    failure = issue.failure
    return FailedChange(
        issue.side,
        issue.key,
        "cannot be handled",
        failure.error,
        failure.attempts,
        failure.first_at,
        failure.next_try,
        is_whole=True,
    )


def failed_changes_text(failed: Sequence[FailedChange], queued: int) -> str:
    """Return how many changes failed, what happens to them next, and how many issues wait in all."""
    dead = sum(change.next_try is None for change in failed)
    whole = sum(change.is_whole for change in failed)
    retried = len(failed) - dead - whole
    parts = []
    if dead:
        parts.append(f"{_changes(dead)} given up: nobody carries {'it' if dead == 1 else 'them'} over unless you retry")
    if retried:
        parts.append(f"{_changes(retried)} failed so far, to be tried again")
    if whole:
        parts.append(f"{_issues(whole)} cannot be handled, and {'is' if whole == 1 else 'are'} looked at again")
    if (others := queued - retried) > 0:
        parts.append(f"{others:,} more issue{'' if others == 1 else 's'} with changes waiting")
    return f"{'; '.join(parts)}."


def action_label(entry: JournalEntry) -> str:
    return ACTION_LABELS.get(entry.what, entry.what)


def result_level(entry: JournalEntry) -> str:
    return RESULTS.get(entry.result, (Level.OFF, ""))[0]


def result_shape(entry: JournalEntry) -> str:
    return RESULTS.get(entry.result, ("", "unknown"))[1]


def cycle_text(cycle: PastCycle) -> str:
    """Return what a cycle did."""
    parts = [f"{count:,} {name}" for name in COUNTS if (count := cycle.counts.get(name, 0))]
    if count := cycle.counts.get("failed", 0):
        parts.append(f"{count:,} failed")
    if count := cycle.counts.get("left", 0):
        parts.append(f"{count:,} left for the next")
    return ", ".join(parts) or ("" if cycle.error else "nothing to do")


def _changes(number: int) -> str:
    return f"{number:,} change{'' if number == 1 else 's'}"


def _issues(number: int) -> str:
    return f"{number:,} issue{'' if number == 1 else 's'}"
