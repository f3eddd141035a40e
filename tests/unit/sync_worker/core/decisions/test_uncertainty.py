"""When an attempt of which nobody has told what became of it may be followed by another one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sync_worker.core.decisions.uncertainty import dated_since, left_open, long_over, missed, time_to_settle, unknown
from sync_worker.core.errors import OutcomeUnknown, Unavailable
from sync_worker.core.issues.causes import Attempt
from sync_worker.core.timing import lifetime_of
from worker_values import NOON, at

TAKES = timedelta(minutes=2)


def is_settled(attempt, now):
    return time_to_settle(attempt, now, TAKES) <= timedelta()


def test_the_end_of_a_request_counts_and_not_its_beginning():
    """The upload took ten minutes."""
    attempt = left_open(Attempt(at(0)), at(10), Unavailable("504", ambiguous=True))
    attempt = missed(attempt, at(10.5))
    assert [is_settled(attempt, at(minutes)) for minutes in (11, 11.9, 12, 13)] == [False, False, True, True]


def test_two_looks_that_miss_are_needed_however_late_the_first_one_is():
    attempt = left_open(Attempt(at(0)), at(0), Unavailable("504", ambiguous=True))
    first = missed(attempt, at(60))
    assert not is_settled(first, at(60))
    assert is_settled(missed(first, at(61)), at(61))


def test_the_looks_are_apart():
    attempt = missed(left_open(Attempt(at(0)), at(0), Unavailable("504", ambiguous=True)), at(60))
    assert not is_settled(missed(attempt, at(60.1)), at(60.1))


def test_a_request_whose_end_nobody_noted_ended_at_the_latest_when_somebody_looked():
    """Its worker was killed."""
    attempt = missed(Attempt(at(0)), at(60))
    assert [is_settled(missed(attempt, at(minutes)), at(minutes)) for minutes in (61, 62)] == [False, True]


def test_a_clock_that_is_set_back_makes_nobody_wait_for_it():
    attempt = missed(Attempt(at(60 * 24)), at(60 * 24))
    attempt = missed(attempt, NOON)
    assert not is_settled(attempt, NOON)
    assert is_settled(missed(attempt, at(3)), at(3))


def test_a_request_that_ends_in_the_future_has_ended_when_somebody_looked():
    attempt = missed(Attempt(at(0), ended=at(60 * 24)), at(1))
    assert is_settled(missed(attempt, at(3.1)), at(3.1))


@pytest.mark.parametrize(
    # the attempt was noted at   what it left may be dated from this on
    ("noted", "since"),
    [(0, -1), (10, 9), (10.9, 9.9), (12, 10 - 24 * 60 - 1), (60 * 24 * 300, 10 - 24 * 60 - 1)],
)
def test_what_an_attempt_has_left_is_looked_for_from_before_it_and_far_back_if_its_time_is_wrong(noted, since):
    assert dated_since(Attempt(at(noted)), at(10)) == at(since)


def test_what_is_long_over_is_settled_by_one_look():
    assert is_settled(missed(long_over(at(0)), at(0)), at(0))


@pytest.mark.parametrize(("minutes", "wait"), [(0, 32), (1.9, 8), (5, 32)])
def test_the_next_look_is_when_it_can_tell_more_and_no_later_than_it_has_to_be(minutes, wait):
    attempt = missed(left_open(Attempt(at(0)), at(0), Unavailable("504", ambiguous=True)), at(minutes))
    if minutes == 1.9:
        attempt = missed(Attempt(at(0), ended=at(0), missed=at(1)), at(minutes))
    error = unknown("it was done", attempt, time_to_settle(attempt, at(minutes), TAKES))
    assert error.retry_after == pytest.approx(wait)


def test_what_something_else_than_jira_said_is_kept():
    refusal = OutcomeUnknown("403", ambiguous=True, refusal="blocked")
    attempt = left_open(Attempt(at(0)), at(0), refusal)
    assert attempt.refusal == missed(attempt, at(1)).refusal == "blocked"
    assert "blocked" in str(unknown("it was done", attempt, TAKES))


def test_a_request_with_much_content_may_be_at_work_for_longer():
    assert lifetime_of(size=100 * 1024 * 1024) > lifetime_of() + timedelta(minutes=5)
    assert lifetime_of(issues=50) > lifetime_of(issues=1) + timedelta(minutes=1)
    assert lifetime_of(size=1) - lifetime_of() < timedelta(milliseconds=1)
