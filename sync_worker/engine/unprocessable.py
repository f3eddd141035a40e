"""The issues that cannot be handled, kept over the cycles: looked at again, and told to people, until they can be."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable
from threading import Lock

from sync_model.definition.sync import Side
from sync_worker.core.bulk import BatchSize, Bulk, Failed, Streak
from sync_worker.core.context import Context
from sync_worker.core.decisions.retry import message_of
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.issue import Candidate
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.records import Request
from sync_worker.core.timing import CLOCK_GRAIN
from sync_worker.core.unprocessable import UnprocessableIssue

Key = tuple[Side, str]


class UnprocessableIssues:
    """Those of one sync, in one cycle. Safe to use from several threads.

    What is noted is written at once: it is kept even if the cycle fails after that. `jitter` is as in `failures`.
    """

    def __init__(self, context: Context, jitter: Callable[[], float] = random.random) -> None:
        self._context, self._jitter = context, jitter
        self._issues = {(issue.side, issue.id): issue for issue in context.store.unprocessable()}
        self._looked_at: dict[Key, str] = {}
        self._lock = Lock()

    @property
    def current(self) -> list[UnprocessableIssue]:
        """Those that a person should know of, the one that has failed for the longest time first."""
        issues = (issue for issue in list(self._issues.values()) if not issue.is_dismissed)
        return sorted(issues, key=lambda issue: (issue.failure.first_at, issue.side, issue.id))

    def failed_now(self, side: Side, ids: Collection[str]) -> dict[str, str]:
        """Return those among `ids` that could not be handled in this cycle, and why."""
        return {id_: why for (at, id_), why in list(self._looked_at.items()) if at is side and id_ in ids}

    def is_known(self, side: Side, issue_id: str) -> bool:
        return (side, issue_id) in self._issues

    def due(self, side: Side) -> set[str]:
        """Return the ids of those that are to be looked at again now, whatever search says."""
        now = self._context.jiras[side].now() + CLOCK_GRAIN
        return {issue.id for (at, _), issue in self._issues.items() if at is side and issue.is_due(now)}

    def has_changed(self, side: Side, candidate: Candidate) -> bool:
        """Tell whether search shows another `updated` of an issue that could not be handled than at the last look."""
        known = self._issues.get((side, candidate.id))
        return known is not None and known.has_changed(candidate.updated)

    def waiting(self, side: Side, ids: Collection[str]) -> dict[str, str]:
        """Return those among `ids` that are not to be looked at now, and why."""
        due = self.due(side)
        found = (issue for issue_id in ids if (issue := self._issues.get((side, issue_id))))
        return {issue.id: issue.failure.error for issue in found if issue.id not in due}

    def note(
        self, side: Side, issue_id: str, why: str, *, key: str | None = None, shown: Candidate | None = None
    ) -> None:
        """Say that an issue cannot be handled now."""
        with self._lock:
            if (side, issue_id) in self._looked_at:
                return
            self._looked_at[side, issue_id] = why
            before = self._issues.get((side, issue_id))
            key = key or (shown and shown.key) or (before and before.key) or self._key_of(side, issue_id)
            self._context.log.error("issue left alone", side=side, issue=issue_id, key=key, error=why)
            issue = UnprocessableIssue.of(
                side,
                issue_id,
                key,
                InvalidRequest(why),
                self._context.jiras[side].now(),
                updated=shown.updated if shown else before.updated if before else None,
                before=before,
                jitter=self._jitter(),
            )
            self._issues[side, issue_id] = issue
            self._context.store.save_unprocessable(issue)

    def save(self, states: Iterable[IssueState]) -> None:
        """Remember the states. One that cannot be stored is a problem of its issue."""

        def save(batch: list[IssueState]) -> tuple[None, Collection[IssueState]]:
            self._context.store.save(batch)
            return None, ()

        for outcome in Bulk(save, BatchSize(READ_AT_ONCE), Streak()).run(states):
            if isinstance(outcome, Failed):
                state = outcome.items[0]
                self.note(state.side, state.id, message_of(outcome.error), key=state.key)

    def _key_of(self, side: Side, issue_id: str) -> str:
        """Return the key by which the issue was last known, or its id."""
        states, _ = self._context.store.states(side, [issue_id])
        pairs, _ = self._context.store.pairs_of(side, [issue_id])
        if issue_id in states:
            return states[issue_id].key
        return pairs[issue_id].key(side) if issue_id in pairs else issue_id

    def handled(self, side: Side, ids: Iterable[str]) -> None:
        """Forget those that could be handled, or that are gone."""
        with self._lock:
            known = [issue_id for issue_id in ids if (side, issue_id) in self._issues]
            for issue_id in known:
                del self._issues[side, issue_id]
            if known:
                self._context.store.forget_unprocessable(side, known)

    def handled_all(self, keys: Iterable[Key]) -> None:
        for side, issue_id in keys:
            self.handled(side, [issue_id])

    def answer(self, request: Request) -> list[UnprocessableIssue]:
        """Have those that a person means looked at again at once, or nobody reminded of them; return which."""
        meant = [
            issue
            for issue in self._issues.values()
            if (not request.issues and not issue.is_dismissed) or f"{issue.side}:{issue.id}" in request.issues
        ]
        for issue in meant:
            self._replace(issue.due_now() if request.kind == "retry" else issue.dismissed())
        return meant

    def all_due_now(self) -> None:
        for issue in self.current:
            self._replace(issue.due_now())

    def _replace(self, issue: UnprocessableIssue) -> None:
        self._issues[issue.side, issue.id] = issue
        self._context.store.save_unprocessable(issue)
