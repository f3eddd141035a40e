"""Delivery to one pair: the causes of its two issues, in their order.

What fails holds up only the later causes of its own issue, and no items. See `engine.delivery.failures` for what
becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sync_worker.core.context import Predecessor
from sync_worker.core.decisions.retry import is_due
from sync_worker.core.errors import InvalidRequest, IssueGone, OutcomeUnknown
from sync_worker.core.issues.actions import Create
from sync_worker.core.issues.causes import Cause, CauseKind
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.state import IssueState
from sync_worker.core.timing import CLOCK_GRAIN
from sync_worker.engine.delivery.batch import Key, work_on
from sync_worker.engine.delivery.cause import NOT_ABOUT_ONE_ISSUE, CarriedOut, CauseDelivery
from sync_worker.engine.delivery.failures import FailedCauses
from sync_worker.engine.intents import IntentLog
from sync_worker.engine.recognition.recovery import CounterpartSearch, Found, pair_of
from sync_worker.engine.unprocessable import UnprocessableIssues
from sync_worker.facets.counterpart import missing_counterpart
from sync_worker.facets.earlier_links import CounterpartFound
from sync_worker.facets.work import FOUND, SKIPPED, Work


@dataclass(frozen=True)
class Delivered:
    """Which issues of a pair failed, and the first error."""

    failing: frozenset[Key]
    error: Exception | None


class PairDelivery:
    """Delivers to pairs. Safe to use from several threads, one pair each.

    `creation` gives one issue a counterpart. `must_end` tells that the cycle's time is up. `predecessor` may know the
    counterpart of an issue that has none.
    """

    def __init__(
        self,
        intents: IntentLog,
        failures: FailedCauses,
        unprocessable: UnprocessableIssues,
        predecessor: Predecessor,
        must_end: Callable[[], bool],
    ) -> None:
        self._intents, self._context, self._failures = intents, intents.context, failures
        self._unprocessable, self._predecessor, self._must_end = unprocessable, predecessor, must_end
        self._causes = CauseDelivery(intents)
        self.creation = self._causes.creation

    def deliver(self, group: Sequence[tuple[Key, Work | None]]) -> Delivered:
        """Carry out what both issues of a pair, or one without a counterpart, have waiting."""
        failing: set[Key] = set()
        first_error: Exception | None = None
        for number, (key, work) in enumerate(group):
            if self._must_end():
                break
            # The state of the second issue may have been changed by the first one.
            error = self._deliver_or_set_aside(key, work, is_first=number == 0)
            if error is not None:
                failing.add(key)
            first_error = first_error or error
        return Delivered(frozenset(failing), first_error)

    def note_failure(self, work: Work, error: Exception) -> None:
        """Note that a work's cause failed. If even that cannot be stored, its issue cannot be handled."""
        try:
            self._failures.note(work.state, work.cause, error)
        except InvalidRequest as refusal:
            self._unprocessable.note(work.side, work.state.id, str(refusal), key=work.state.key)

    def has_left(self, work: Work) -> bool:
        """Tell whether the issue was moved out of our project before it got a counterpart."""
        return work.pair is None and work.cause.kind is not CauseKind.GONE and not self._is_in_project(work)

    def _deliver_or_set_aside(self, key: Key, work: Work | None, *, is_first: bool) -> Exception | None:
        """Deliver to one issue; return the error of the last cause that failed."""
        try:
            return self._deliver_issue(key, work if is_first else self._taken_up_again(work))
        except InvalidRequest as refusal:  # not even its failure can be stored
            side, issue_id = key
            self._unprocessable.note(side, issue_id, str(refusal))
            return refusal

    def _taken_up_again(self, work: Work | None) -> Work | None:
        state = self._context.store.state(work.side, work.issue.id) if work else None
        return self._take_up(state, state.pending[0], work.issue) if work and state and state.pending else None

    def _deliver_issue(self, key: Key, work: Work | None) -> Exception | None:
        """Carry out an issue's causes in their order; one that fails holds up those after it, unless it is given up.

        Returns the error of the last one that failed.
        """
        state, issue = (work.state, work.issue) if work else (self._context.store.state(*key), None)
        last_error: Exception | None = None
        while state and state.pending and not self._has_to_wait(state):
            cause = state.pending[0]
            try:
                work = work or self._take_up(state, cause, issue)
                if self.has_left(work):
                    created_before = self._created_before(work)
                    if created_before is None:
                        self._forget(work)
                        return last_error
                    work = created_before
                carried_out = self._deliver_cause(work)
            except NOT_ABOUT_ONE_ISSUE:
                raise
            except CounterpartFound as found:
                last_error = self._pair_again(key, cause, found) or last_error
                state = self._context.store.state(*key)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one issue must not stop the others
                last_error = error
                # Whoever raised it may have noted more about the cause.
                state = self._context.store.state(*key) or state
                state = self._failures.note(state, state.cause(cause.id) or cause, error)
            else:
                last_error = carried_out.error or last_error
                state = self._conclude(carried_out)
            work = None
        return last_error

    def _pair_again(self, key: Key, cause: Cause, found: CounterpartFound) -> Exception | None:
        """Pair an issue with a counterpart that an earlier database has given it: its causes are decided anew."""
        side, issue_id = key
        CounterpartSearch(self._context, self._intents).pair_up(side, [Found(found.id, found.mark)])
        state = self._context.store.state(*key)
        if state is None or self._context.store.pair_of(side, issue_id):
            return None
        error = OutcomeUnknown(f"its counterpart {found} was found, but one of the two cannot be read now")
        self._failures.note(state, state.cause(cause.id) or cause, error)
        return error

    def _conclude(self, carried_out: CarriedOut) -> IssueState:
        """Take the cause out of the outbox if all of it is done; return the issue's state now."""
        work, error = carried_out.work, carried_out.error
        if error is not None:
            return self._failures.note(work.state, work.cause, error)
        state = work.state.without_cause(work.cause.id)
        self._context.store.save([state])
        return state

    def _has_to_wait(self, state: IssueState) -> bool:
        next_try = state.pending[0].next_try
        now = self._context.jiras[state.side].now() + CLOCK_GRAIN
        return next_try is not None and not is_due(next_try, now)

    def _take_up(self, state: IssueState, cause: Cause, issue: Issue | None) -> Work:
        if cause.kind is CauseKind.GONE:
            issue = tombstone(state)
        elif issue and issue.updated != state.updated:  # it was read again since, on behalf of its counterpart
            issue = self._context.jiras[state.side].issue(state.id)
        if issue is None:
            raise IssueGone(f"{state.key} is gone, or not visible to us")
        pair = self._context.store.pair_of(state.side, state.id)
        return work_on(self._context.sync, issue, state, cause, pair)

    def _is_in_project(self, work: Work) -> bool:
        return work.issue.project_id == self._context.project_id(work.side)

    def _forget(self, work: Work) -> None:
        """Forget an issue that is none of ours any more. If it comes back, it is seen for the first time."""
        self._context.log.info("issue has left the project", issue=work.issue.key, was=work.state.key)
        if work.state.dead:
            self._context.store.save([replace(work.state, pending=())])
        else:
            self._context.store.forget(work.state)

    def _created_before(self, work: Work) -> Work | None:
        """Return the work with the counterpart that an earlier attempt has created, if there is one."""
        create = missing_counterpart(work)
        if create is None:
            return None
        intent = self._intents.of(work, create)
        return intent.work if self.creation.is_done(intent) else None

    def _deliver_cause(self, work: Work) -> CarriedOut:
        side = work.side
        if work.pair and work.cause.kind is not CauseKind.GONE:
            found = work.pair.found(side, work.issue.key, in_project=self._is_in_project(work))
            if found != work.pair:
                self._context.store.save_pair(found)
                work = replace(work, pair=found)
        if work.pair and side.other in work.pair.gone:
            return CarriedOut(self._wait_for_counterpart(work))
        return self._causes.deliver(work if work.pair else self._with_pair_of_predecessor(work))

    def _wait_for_counterpart(self, work: Work) -> Work:
        """Keep a change whose counterpart is gone, or not visible to us: it is made up for if that one is back."""
        event = "nothing done: the counterpart is gone, or not visible to us"
        self._context.log.info(event, issue=work.issue.key, counterpart=work.counterpart_key)
        self._intents.report_on_cause(work.state, work.cause, SKIPPED, "the counterpart is gone, or not visible to us")
        if work.cause.kind is CauseKind.RESYNC:  # the person who has asked for it is told
            return work
        return replace(work, state=work.state.withhold(work.cause))

    def _with_pair_of_predecessor(self, work: Work) -> Work:
        """Make the issue and the counterpart that the predecessor gave to it a pair, if it did.

        What the cause calls for is decided again: it creates no counterpart any more.
        """
        if missing_counterpart(work) is None or work.cause.begun(Create.kind):
            return work
        counterpart = self._predecessor.counterpart_of(self._context, work.side, work.issue)
        if counterpart is None:
            return work
        side, store = work.side.other, self._context.store
        store.save([self._intents.observe(side, counterpart, None)])
        pair = pair_of(work.side, work.issue, counterpart, self._context.jiras[side].now())
        store.save_pair(pair)
        work = work_on(self._context.sync, work.issue, work.state, work.cause, pair)
        found = self._intents.of(work, Create(self._predecessor.evidence, None))
        found.report("counterpart found by a line in its description", FOUND)
        return work


def tombstone(state: IssueState) -> Issue:
    """Return what is left of an issue that is gone, or not visible to us."""
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
