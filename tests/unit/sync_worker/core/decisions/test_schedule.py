"""When a cycle is due."""

from __future__ import annotations

import pytest

from sync_worker.core.decisions.schedule import first_delay, next_start


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
def test_the_first_cycles_of_many_syncs_are_spread_and_each_sync_keeps_its_delay():
    delays = [first_delay(f"sync-{n}", 300) for n in range(100)]
    assert delays == [first_delay(f"sync-{n}", 300) for n in range(100)]
    assert max(delays) <= 10
    assert {int(delay) for delay in delays} == set(range(10))


def test_a_sync_with_a_short_interval_has_a_short_first_delay():
    assert first_delay("sync-ab", 3) <= 0.3
