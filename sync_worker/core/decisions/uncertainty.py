"""What an attempt may be followed by when no answer says what became of it. Pure.

A request whose answer is lost, or is not Jira's, may have been carried out, or may still be at work. What it would have
left is looked for. Two looks, apart, that both miss it say that it was not carried out; the second one must be so late
that the request can be at work no more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sync_worker.core.errors import InvalidRequest, OutcomeUnknown, SyncError, may_have_happened
from sync_worker.core.issues.causes import Attempt
from sync_worker.core.timing import BETWEEN_LOOKS, CLOCK_GRAIN, LONG_AGO, NODES_APART, is_in_future

FAR_BACK = timedelta(days=1)
"""How long ago an attempt may have been made, if nothing is known of when it was."""


def left_open(attempt: Attempt, now: datetime, error: Exception) -> Attempt:
    """Return `attempt` after its request has ended, at `now`, in an error that leaves open what became of it."""
    return replace(attempt, ended=now, refusal=error.refusal if isinstance(error, OutcomeUnknown) else "")


def after_end(attempt: Attempt, now: datetime, error: Exception) -> Attempt | None:
    """Return what there is to remember of `attempt` after its request has ended in `error`; None if it was not done."""
    return left_open(attempt, now, error) if may_have_happened(error) else None


def missed(attempt: Attempt, now: datetime) -> Attempt:
    """Return `attempt` after a look at `now` that has not found what it would have left.

    If nobody noted the end of its request, as after a crash, it ended at the latest when somebody looked.
    """
    if attempt.missed and attempt.missed > now:  # the site's clock was set back
        return replace(attempt, ended=now, missed=now)
    return replace(attempt, ended=min(attempt.ended or now, now), missed=attempt.missed or now)


def dated_since(attempt: Attempt, now: datetime) -> datetime:
    """Return the earliest time by which what `attempt` has left may be dated.

    The clock of the node that has done it may be behind. If the attempt was noted at a time that is still to come, that
    clock was wrong.
    """
    began = now - FAR_BACK if is_in_future(attempt.at, now) else attempt.at
    return began - NODES_APART


def time_to_settle(attempt: Attempt, now: datetime, takes: timedelta) -> timedelta:
    """Return how long it takes until a look that misses is certain: the request was not carried out and will not be.

    Nothing or less when the look at `now`, which missed, was. `takes` is for how long after its end what the request
    has done may stay unseen.
    """
    seen_from, looked_from = attempt.ended or now, attempt.missed or now
    return max(seen_from + takes, looked_from + BETWEEN_LOOKS) - now


def settle(attempt: Attempt, now: datetime, takes: timedelta, what: str) -> tuple[Attempt | None, SyncError | None]:
    """Return what there is to remember of `attempt` after a look at `now` that has missed what it would have left.

    That is nothing once it is certain that it was not carried out. Until then there is an error, which says that it is
    not certain whether `what`. If something else than Jira has refused the request, that is an error for good.
    """
    attempt = missed(attempt, now)
    wait = time_to_settle(attempt, now, takes)
    if wait > timedelta():
        return attempt, unknown(what, attempt, wait)
    return None, InvalidRequest(attempt.refusal, final=True) if attempt.refusal else None


def unknown(what: str, attempt: Attempt, wait: timedelta) -> OutcomeUnknown:
    """Return the error for an attempt of which it is not certain yet whether `what`, and takes so long to be."""
    said = f": {attempt.refusal}" if attempt.refusal else ""
    next_look = min(wait, BETWEEN_LOOKS) + CLOCK_GRAIN
    return OutcomeUnknown(f"whether {what} is not certain yet{said}", retry_after=next_look.total_seconds())


def long_over(at: datetime) -> Attempt:
    """Return an attempt that may have been made at or after `at`, and is over: one look settles it."""
    return Attempt(at, ended=LONG_AGO, missed=LONG_AGO)
