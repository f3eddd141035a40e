"""What follows a failure: how long is waited, and when a cause is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sync_worker.core.decisions.retry import after_failure, is_due, seconds_asked_for, wait_after
from sync_worker.core.errors import InvalidRequest, NeedsOperator, Unavailable
from sync_worker.core.issues.causes import Failure
from worker_values import NOON


@pytest.mark.parametrize(
    # error                                  attempts   seconds
    ("error", "attempts", "seconds"),
    [
        (Unavailable("x"), 1, 2),
        (Unavailable("x"), 2, 4),
        (Unavailable("x"), 99, 60),
        (Unavailable("x", retry_after=90), 1, 90),
        (Unavailable("x", retry_after=9.2e18), 1, 900),
        (NeedsOperator("x"), 1, 60),
        (NeedsOperator("x"), 5, 300),
        (KeyError("x"), 1, 2),
    ],
)
def test_the_wait_after_a_failed_cycle_depends_on_the_error_and_the_attempts(error, attempts, seconds):
    assert wait_after(error, attempts) == seconds


def fail(error: Exception, previous: Failure | None = None, now: datetime = NOON, jitter: float = 0.5):
    return after_failure(error, previous, now, patience=timedelta(hours=24), jitter=jitter)


def test_a_failure_counts_its_attempts_and_remembers_the_first():
    first, _ = fail(InvalidRequest("no way there"))
    second, _ = fail(Unavailable("later", retry_after=60), first, NOON + timedelta(hours=1))
    assert (first.attempts, first.error, first.next_try) == (1, "no way there", NOON + timedelta(seconds=5))
    assert (second.attempts, second.first_at, second.last_at) == (2, NOON, NOON + timedelta(hours=1))
    assert second.next_try == NOON + timedelta(hours=1, seconds=60)


def test_a_failure_that_is_dated_in_the_future_counts_from_now_on():
    first, _ = fail(InvalidRequest("no way there"), now=NOON + timedelta(days=300))
    second, gives_up = fail(InvalidRequest("no way there"), first, NOON)
    assert (second.first_at, gives_up) == (NOON, False)


@pytest.mark.parametrize(
    # the next try is so many minutes from now   it is due
    ("minutes", "expected"),
    [(-300_000, True), (0, True), (1, False), (119, False), (121, True), (300_000, True)],
)
def test_a_next_try_is_due_when_it_has_come_and_when_it_is_too_far_off_to_be_true(minutes, expected):
    assert is_due(NOON + timedelta(minutes=minutes), NOON) is expected


@pytest.mark.parametrize(
    # attempts before   jitter   seconds
    ("attempts", "jitter", "seconds"),
    [
        (0, 0.5, 5),
        (1, 0.5, 10),
        (5, 0.5, 160),
        (0, 0.0, 3.5),
        (0, 1.0, 6.5),
        (40, 0.5, 3600),
        (40, 1.0, 3600),  # an hour is the longest, however jitter has it
    ],
)
def test_the_waits_between_attempts_double_up_to_an_hour_and_are_spread(attempts, jitter, seconds):
    previous = Failure("x", attempts, NOON, NOON, NOON) if attempts else None
    failure, _ = fail(InvalidRequest("x"), previous, jitter=jitter)
    assert (failure.next_try - NOON).total_seconds() == pytest.approx(seconds)


@pytest.mark.parametrize(
    # error                    hours after the first, tries before   give up
    ("error", "hours", "tries", "give_up"),
    [
        (InvalidRequest("x"), 0, 0, False),
        (InvalidRequest("x", final=True), 0, 0, True),
        (InvalidRequest("x"), 23.9, 30, False),
        (InvalidRequest("x"), 24, 30, True),
        (Unavailable("x"), 23.9, 30, False),
        (Unavailable("x"), 24, 30, True),
        (Unavailable("x"), 24, 1, False),
        (KeyError("x"), 0, 0, False),
    ],
)
def test_a_cause_is_given_up_when_its_error_is_final_or_it_has_failed_for_long(error, hours, tries, give_up):
    """One try after a day says little: a clock may have jumped ahead."""
    previous = Failure("x", tries, NOON, NOON, NOON) if tries else None
    assert fail(error, previous, NOON + timedelta(hours=hours))[1] is give_up


def test_an_unexpected_error_is_named_in_the_failure():
    failure, _ = fail(KeyError("x"))
    assert failure.error == "unexpected KeyError: 'x'"


@pytest.mark.parametrize(
    # Retry-After                              seconds
    ("asked", "seconds"),
    [
        (None, 0),
        ("120", 120),
        ("1.5", 1.5),
        ("Sun, 01 Mar 2026 12:02:00 GMT", 120),
        ("Sun, 01 Mar 2026 13:02:00 +0100", 120),
        ("Sun, 01 Mar 2026 11:00:00 GMT", -3600),
        ("Fri, 31 Dec 9999 23:59:59 -1200", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_a_wait_is_asked_for_as_a_number_or_as_a_date_on_the_site_s_own_clock(asked, seconds):
    headers = {"Date": "Sun, 01 Mar 2026 12:00:00 GMT"} | ({"Retry-After": asked} if asked is not None else {})
    assert seconds_asked_for(headers) == seconds


def test_a_date_counts_from_now_where_the_site_does_not_tell_its_time():
    until = datetime.now(UTC) + timedelta(seconds=100)
    assert 95 < seconds_asked_for({"Retry-After": format_datetime(until, usegmt=True)}) <= 100
