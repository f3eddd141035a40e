"""When a cycle is due, and what follows a failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_worker.errors import Refused, Rejected, Unavailable
from sync_worker.retry import after_failure, wait_after
from sync_worker.schedule import first_delay, next_start

NOW = datetime(2026, 1, 1, tzinfo=UTC)


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
        (Refused("x"), 1, 60),
        (Refused("x"), 5, 300),
        (KeyError("x"), 1, 2),
    ],
)
def test_how_long_a_failed_cycle_is_waited_after(error, attempts, seconds):
    assert wait_after(error, attempts) == seconds


def test_a_failure_counts_its_attempts_and_remembers_the_first():
    first = after_failure(Rejected("no way there"), None, NOW)
    second = after_failure(Unavailable("later", retry_after=60), first, NOW + timedelta(hours=1))
    assert (first.attempts, first.error, first.next_try) == (1, "no way there", NOW)
    assert (second.attempts, second.first_at) == (2, NOW)
    assert second.next_try == NOW + timedelta(hours=1, seconds=60)


def test_a_fault_of_our_own_says_what_it_was():
    assert after_failure(KeyError("x"), None, NOW).error == "unexpected KeyError: 'x'"
