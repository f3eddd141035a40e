"""A site's clock, between the answers that show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync_worker.jira.clock import SiteClock

NOON = datetime(2024, 11, 29, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    """Return the `Date` header of an answer so many seconds after noon."""
    return f"{NOON + timedelta(seconds=seconds):%a, %d %b %Y %H:%M:%S} GMT"


def test_the_time_is_unknown_before_an_answer_shows_it():
    clock = SiteClock()
    clock.set(None)
    clock.set("yesterday")
    assert clock.now() is None


def test_the_time_runs_on_between_two_answers():
    monotonic = [100.0]
    clock = SiteClock(lambda: monotonic[0])
    clock.set(at(0))
    monotonic[0] += 2.5
    assert clock.now() == NOON + timedelta(seconds=2.5)


def test_an_answer_within_the_second_that_we_believe_in_does_not_set_the_time_back():
    monotonic = [100.0]
    clock = SiteClock(lambda: monotonic[0])
    clock.set(at(0))
    monotonic[0] += 2.5
    clock.set(at(2))
    assert clock.now() == NOON + timedelta(seconds=2.5)


def test_an_answer_outside_of_the_second_that_we_believe_in_sets_the_time():
    monotonic = [100.0]
    clock = SiteClock(lambda: monotonic[0])
    clock.set(at(0))
    monotonic[0] += 2.5
    clock.set(at(600))
    assert clock.now() == NOON + timedelta(seconds=600)
