"""Carrying out what is remembered: issues side by side, the changes of one pair in their order.

What fails goes back into the queue with its error and the time of its next try, and holds up only the later
changes of its own issue. What no waiting mends, and what has failed for too long, is given up: it is kept as a
dead letter, and the later changes go on.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync_model.definition import Side
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.errors import (
    IssueGone,
    LeaseLost,
    NeedsOperator,
    OutcomeUnknown,
    Paused,
    SiteThrottled,
    StopRequested,
    SyncError,
    Unavailable,
)
from sync_worker.core.issue import Issue
from sync_worker.core.ports import Read, Waiting
from sync_worker.core.retry import after_failure
from sync_worker.core.state import Cause, CauseKind, IssueState
from sync_worker.engine.intents import CLOCK_GRAIN, GIVEN_UP, SKIPPED, Intents, Work
from sync_worker.facets.actions import Actions

BATCH = 100
SITE_FAILURES = 3
"""After so many issues in a row that Jira did not answer for, it is the site that has a problem, not the issues."""
NOT_ABOUT_ONE_ISSUE = (StopRequested, LeaseLost, Paused, NeedsOperator, SiteThrottled)

Key = tuple[Side, str]


@dataclass(frozen=True)
class Delivered:
    """Which issues failed, and for how many there was no time."""

    failing: frozenset[Key]
    left: int = 0


class Delivery:
    """One cycle's carrying out. `read` reads issues of one side directly, wherever they are."""

    def __init__(
        self,
        intents: Intents,
        read: Callable[[Side, Collection[str]], Read],
        *,
        checkpoint: Callable[[], None],
        is_past_deadline: Callable[[], bool],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._intents, self._store, self._jiras = intents, intents.store, intents.jiras
        self._actions = Actions(intents)
        self._read, self._checkpoint, self._is_past_deadline, self._jitter = read, checkpoint, is_past_deadline, jitter
        self._patience = timedelta(hours=intents.sync.retry_for_hours)
        self._failing: set[Key] = set()
        self._handled = self._in_a_row = 0

    def run(self) -> Delivered:
        """Carry out what is due. Raises an error that is not about one issue."""
        while (batch := self._next_batch()) and not (self._handled and self._is_past_deadline()):
            self._checkpoint()
            self._carry_out_batch(batch)
        left = sum(self._store.count_due(side, self._now(side)) for side in Side) if batch else 0
        return Delivered(frozenset(self._failing), left)

    def _next_batch(self) -> list[Waiting]:
        """Return the next issues, those that failed least often first; none that failed in this cycle."""
        limit = BATCH + len(self._failing)
        found = [each for side in Side for each in self._store.due(side, self._now(side), limit)]
        found = [each for each in found if each.key not in self._failing]
        return sorted(found, key=lambda each: (each.attempts, each.since))[:BATCH]

    def _now(self, side: Side) -> datetime:
        # Jira's clock reaches us in whole seconds: what is due within the present ones is due.
        return self._jiras[side].now() + CLOCK_GRAIN

    # A batch

    def _carry_out_batch(self, waiting: Sequence[Waiting]) -> None:
        """Give counterparts first: an issue that becomes one thereby must not be taken for a stranger meanwhile."""
        works, _ = self._prepare(waiting)
        creating = [
            key
            for key, work in works.items()
            if self._actions.creation.is_called_for(work) and not self._has_left(work)
        ]
        site_error: Unavailable | None = None
        try:
            self._actions.creation.create_many([works[key] for key in creating], self._failed_to_create)
            self._carry_out_groups([[(key, works[key])] for key in creating])
        except SiteThrottled:
            raise
        except Unavailable as error:
            site_error = error  # the other site may be well
        if rest := [each for each in waiting if each.key not in creating]:
            self._in_a_row = 0
            works, groups = self._prepare(rest)
            self._carry_out_groups([[(key, works.get(key)) for key in group] for group in groups])
        if site_error:
            raise site_error

    def _carry_out_groups(self, groups: Sequence[Sequence[tuple[Key, Work | None]]]) -> None:
        tasks = [[each for each in group if each[0] not in self._failing] for group in groups]
        for error in side_by_side(self._carry_out_group, tasks, self._intents.sync.side_by_side):
            self._tally(error)

    def _prepare(self, waiting: Sequence[Waiting]) -> tuple[dict[Key, Work], list[list[Key]]]:
        """Read what a batch is about; return the first cause of each issue, and the issues grouped by their pairs.

        The two issues of one pair write to each other's memory, so that they have to wait for each other.
        """
        works: dict[Key, Work] = {}
        groups: dict[Key, list[Key]] = {}
        for side in Side:
            ids = [each.id for each in waiting if each.side is side]
            read = self._read(side, ids)
            issues = {issue.id: issue for issue in read.issues}
            states, unprocessable = self._store.states(side, ids)
            pairs, unprocessable_pairs = self._store.pairs_of(side, ids)
            for issue_id, why in (unprocessable | unprocessable_pairs | read.unprocessable).items():
                self._failing.add((side, issue_id))
                self._intents.log.error("issue left alone", issue=issue_id, side=side, error=why)
            # What waits for nothing, as somebody has edited it, waits no more.
            self._store.save(state for state in states.values() if not state.pending)
            for issue_id in (each for each in ids if (side, each) not in self._failing):
                pair = pairs.get(issue_id)
                groups.setdefault((Side.USER, pair.user_id) if pair else (side, issue_id), []).append((side, issue_id))
                state, issue = states.get(issue_id), issues.get(issue_id)
                if issue and state and state.pending and state.pending[0].kind is not CauseKind.GONE:
                    works[side, issue_id] = Work(issue, state, state.pending[0], pair)
        return works, list(groups.values())

    def _failed_to_create(self, works: Sequence[Work], error: Exception) -> None:
        for work in works:
            self._note_failure(work.state, work.cause, error)
            self._failing.add((work.side, work.issue.id))
        self._tally(error)

    def _tally(self, error: Exception | None) -> None:
        self._handled += 1
        is_the_site = isinstance(error, Unavailable) and not isinstance(error, OutcomeUnknown)
        self._in_a_row = self._in_a_row + 1 if is_the_site else 0
        if error is not None and self._in_a_row == SITE_FAILURES:
            raise error

    # A pair

    def _carry_out_group(self, group: Sequence[tuple[Key, Work | None]]) -> Exception | None:
        """Carry out what both issues of a pair, or one without a counterpart, have waiting; return the first error."""
        first: Exception | None = None
        for number, (key, prepared) in enumerate(group):
            if self._handled and self._is_past_deadline():
                break
            # What is remembered of the second may have been changed by the first.
            error = self._carry_out(key, prepared if number == 0 else self._anew(prepared))
            if error is not None:
                self._failing.add(key)
            first = first or error
        return first

    def _anew(self, work: Work | None) -> Work | None:
        state = self._store.state(work.side, work.issue.id) if work else None
        return self._work(state, state.pending[0], work.issue) if work and state and state.pending else None

    def _carry_out(self, key: Key, work: Work | None) -> Exception | None:
        """Carry out an issue's causes in their order; one that fails holds up the later ones, unless it is given up.

        Returns the error of the last one that failed.
        """
        state, issue = (work.state, work.issue) if work else (self._store.state(*key), None)
        last_error: Exception | None = None
        while state and state.pending and not self._has_to_wait(state):
            cause = state.pending[0]
            try:
                work = work or self._work(state, cause, issue)
                if self._has_left(work) and not self._actions.creation.find(work):
                    self._let_go(work)
                    return last_error
                self._carry_out_cause(work)
            except NOT_ABOUT_ONE_ISSUE:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one issue must not stop the others
                last_error = error
                state = self._note_failure(work.state if work else state, work.cause if work else cause, error)
            else:
                state = work.state.without_cause(cause.id)
                self._store.save([state])
            work = None
        return last_error

    def _has_to_wait(self, state: IssueState) -> bool:
        failure = state.pending[0].failure
        return failure is not None and failure.next_try > self._now(state.side)

    def _work(self, state: IssueState, cause: Cause, issue: Issue | None) -> Work:
        if cause.kind is CauseKind.GONE:
            issue = tombstone(state)
        if issue is None:
            raise IssueGone(f"{state.key} is gone, or our account may not see it")
        return Work(issue, state, cause, self._store.pair_of(state.side, state.id))

    def _is_in_project(self, work: Work) -> bool:
        key = self._intents.sync.project_key(work.side)
        return work.issue.project_id == self._jiras[work.side].project_id(key)

    def _has_left(self, work: Work) -> bool:
        """Tell whether the issue was moved out of our project before it got a counterpart."""
        return work.pair is None and work.cause.kind is not CauseKind.GONE and not self._is_in_project(work)

    def _let_go(self, work: Work) -> None:
        """Forget an issue that is none of ours any more. If it comes back, it is seen for the first time."""
        self._intents.log.info("issue has left the project", issue=work.issue.key, was=work.state.key)
        if work.state.dead:
            self._store.save([replace(work.state, pending=())])
        else:
            self._store.forget(work.state)

    def _carry_out_cause(self, work: Work) -> None:
        side = work.side
        if work.pair and work.cause.kind is not CauseKind.GONE:
            found = work.pair.found(side, work.issue.key, in_project=self._is_in_project(work))
            if found != work.pair:
                self._store.save_pair(found)
                work.pair = found
        if work.pair and side.other in work.pair.gone:
            self._intents.log.info(
                "nothing done: the counterpart was deleted", issue=work.issue.key, counterpart=work.pair.key(side.other)
            )
            self._intents.report_on_issue(work.state, work.cause, "change", SKIPPED, "the counterpart was deleted")
            return
        if work.pair is None:
            self._actions.creation.reclaim(work)
        self._actions.carry_out(work)

    # Failures

    def _note_failure(self, state: IssueState, cause: Cause, error: Exception) -> IssueState:
        """Put the cause back into the queue, or give it up; return what is remembered now."""
        now = self._jiras[state.side].now()
        failure, give_up = after_failure(error, cause.failure, now, patience=self._patience, jitter=self._jitter())
        failed = replace(cause, failure=failure)
        state = state.with_cause(failed)
        if give_up and isinstance(error, IssueGone):  # which holds for all that is still to be done about it
            state = replace(state, pending=(), dead=(*state.dead, *state.pending))
        elif give_up:
            state = state.dead_lettered(failed)
        self._store.save([state])
        self._intents.log.log(
            logging.ERROR if give_up else logging.WARNING,
            "change given up" if give_up else "issue failed",
            issue=state.key,
            cause=f"{cause.kind}: {cause.to_status}",
            error=failure.error,
            attempts=failure.attempts,
            next_try=None if give_up else failure.next_try.isoformat(timespec="seconds"),
            exc_info=None if isinstance(error, SyncError) else error,
        )
        if give_up:
            self._intents.report_on_issue(state, cause, "change", GIVEN_UP, failure.error)
        return state


def tombstone(state: IssueState) -> Issue:
    """Return what is left of an issue that was deleted."""
    return Issue(
        id=state.id,
        key=state.key,
        project_id="",
        issue_type="",
        summary="",
        description=None,
        status=state.status,
        is_done=False,
        priority=None,
        labels=(),
        creator=None,
        created=state.updated,
        updated=state.updated,
    )
