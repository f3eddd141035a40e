"""What follows when a cause fails: it goes back into the outbox with the time of its next try, or it is given up.

What no waiting mends, and what has failed for too long, is given up. It is kept as a dead letter, and the later causes
of its issue go on. Whether an issue of a pair is gone, or not visible to us, the census says
(`engine.detection.absence`). Until then the causes are tried again. After that they wait until both issues are visible.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from sync_worker.core.bulk import is_about_all
from sync_worker.core.decisions.retry import after_failure
from sync_worker.core.errors import CounterpartGone, InvalidRequest, IssueGone, SyncError, Unavailable
from sync_worker.core.issues.causes import Cause, Failure, in_turn
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.timing import CONFIRM_AFTER
from sync_worker.engine.intents import IntentLog
from sync_worker.facets.work import GIVEN_UP, SKIPPED


class FailedCauses:
    """Notes failures. `jitter` returns a number from 0 to 1, which spreads the next tries."""

    def __init__(self, intents: IntentLog, jitter: Callable[[], float] = random.random) -> None:
        self._intents, self._context, self._jitter = intents, intents.context, jitter
        sync = intents.context.sync
        self._patience = timedelta(hours=sync.retry_for_hours)
        # A census notes that an issue is missing, and the next one confirms it.
        self._until_confirmed = timedelta(hours=2 * sync.census_interval_hours) + CONFIRM_AFTER

    def note(self, state: IssueState, cause: Cause, error: Exception) -> IssueState:
        """Put the cause back into the outbox, or give it up; return the issue's state now.

        Raises NeedsOperator when it is not the issue's failure: a site does not know us any more.
        """
        error = self._confirmed(state, error)
        now = self._context.jiras[state.side].now()
        pair = self._pair_with_absent(state, error)
        patience = max(self._patience, self._until_confirmed) if pair else self._patience
        failure, give_up = after_failure(error, cause.failure, now, patience=patience, jitter=self._jitter())
        failed = replace(cause, failure=failure)
        state = state.with_cause(failed)
        state = replace(state, pending=in_turn(state.pending))
        if give_up and pair and pair.missing:
            return self._withhold(state, failed)
        is_known = give_up and state.is_known_failure(failed)
        if give_up and isinstance(error, IssueGone):  # which holds for all that is still to be done about it
            state = state.dead_lettered(*state.pending)
        elif give_up:
            state = state.dead_lettered(failed)
        self._context.store.save([state])
        if not is_known:
            self._say(state, cause, failure, error, give_up=give_up)
        return state

    def _confirmed(self, state: IssueState, error: Exception) -> Exception:
        """Return the error to go by. Where we are nobody in particular, everything is refused, as if it were not there.

        A site may say so on some of its answers only. So a refusal that would end all tries is believed only while both
        sites know us, and while the issue and its counterpart are visible.
        """
        is_gone = isinstance(error, IssueGone | CounterpartGone)
        if not is_gone and not (isinstance(error, InvalidRequest) and error.final and error.status is not None):
            return error
        try:
            self._context.confirm_known()
            if not is_gone:
                self._intents.confirm_visible(state, self._context.store.pair_of(state.side, state.id))
        except (Unavailable, InvalidRequest) as doubt:
            if is_about_all(doubt):
                raise
            return doubt
        return error

    def _pair_with_absent(self, state: IssueState, error: Exception) -> Pair | None:
        """Return the pair of which an issue is gone, or not visible to us; None when the error says nothing of it."""
        absent = isinstance(error, IssueGone | CounterpartGone)
        return self._context.store.pair_of(state.side, state.id) if absent else None

    def _withhold(self, state: IssueState, failed: Cause) -> IssueState:
        """Let all causes wait until both issues are visible: what holds for one holds for the later ones."""
        error = failed.failure.error if failed.failure else ""
        self._intents.report_on_cause(state, failed, SKIPPED, f"{error}; it waits until both issues are visible")
        self._context.log.warning("changes wait until both issues are visible", issue=state.key, error=error)
        state = state.withhold(*state.pending)
        self._context.store.save([state])
        return state

    def _say(self, state: IssueState, cause: Cause, failure: Failure, error: Exception, *, give_up: bool) -> None:
        self._context.log.log(
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
            self._intents.report_on_cause(state, cause, GIVEN_UP, failure.error)
