"""When a cycle is due, and what follows a failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_worker.core.causes import Failure
from sync_worker.core.errors import InvalidRequest, NeedsOperator, Unavailable
from sync_worker.core.retry import after_failure, wait_after
from sync_worker.core.schedule import first_delay, next_start

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.defect(8, 17)
@pytest.mark.parametrize(
    # interval     last start   now      next
    ("interval", "last", "now", "expected"),
    [
        (300, 1000, 1010, 1300),
        (2700, 0, 10, 2700),  # 45 minutes, every time
        (5400, 0, 10, 5400),  # 90 minutes are 90 minutes
        (30, 0, 1, 30),  # half a minute too
        (300, 1000, 1300, 1300),
        (300, 1000, 2000, 2000),  # overran: one cycle follows at once, not three
    ],
)
def test_a_cycle_starts_an_interval_after_the_last_one_started(interval, last, now, expected):
    assert next_start(last, interval, now) == expected


@pytest.mark.defect(17)
def test_the_first_cycles_of_many_syncs_are_spread_and_each_keeps_its_place():
    delays = [first_delay(f"sync-{n}", 300) for n in range(100)]
    assert delays == [first_delay(f"sync-{n}", 300) for n in range(100)]
    assert max(delays) <= 10
    assert {int(delay) for delay in delays} == set(range(10))


def test_a_short_interval_has_a_short_offset():
    assert first_delay("sync-ab", 3) <= 0.3


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
def test_how_long_a_failed_cycle_is_waited_after(error, attempts, seconds):
    assert wait_after(error, attempts) == seconds


def fail(error: Exception, previous: Failure | None = None, at: datetime = NOW, jitter: float = 0.5):
    return after_failure(error, previous, at, patience=timedelta(hours=24), jitter=jitter)


def test_a_failure_counts_its_attempts_and_remembers_the_first():
    first, _ = fail(InvalidRequest("no way there"))
    second, _ = fail(Unavailable("later", retry_after=60), first, NOW + timedelta(hours=1))
    assert (first.attempts, first.error, first.next_try) == (1, "no way there", NOW + timedelta(seconds=5))
    assert (second.attempts, second.first_at, second.last_at) == (2, NOW, NOW + timedelta(hours=1))
    assert second.next_try == NOW + timedelta(hours=1, seconds=60)


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
    previous = Failure("x", attempts, NOW, NOW, NOW) if attempts else None
    failure, _ = fail(InvalidRequest("x"), previous, jitter=jitter)
    assert (failure.next_try - NOW).total_seconds() == pytest.approx(seconds)


@pytest.mark.parametrize(
    # error                                  hours after the first   give up
    ("error", "hours", "give_up"),
    [
        (InvalidRequest("x"), 0, False),
        (InvalidRequest("x", final=True), 0, True),
        (InvalidRequest("x"), 23.9, False),
        (InvalidRequest("x"), 24, True),
        (Unavailable("x"), 23.9, False),
        (Unavailable("x"), 24, True),
        (KeyError("x"), 0, False),
    ],
)
def test_what_no_waiting_mends_and_what_has_failed_for_long_is_given_up(error, hours, give_up):
    previous = Failure("x", 1, NOW, NOW, NOW) if hours else None
    assert fail(error, previous, NOW + timedelta(hours=hours))[1] is give_up


def test_a_fault_of_our_own_says_what_it_was():
    failure, _ = fail(KeyError("x"))
    assert failure.error == "unexpected KeyError: 'x'"
