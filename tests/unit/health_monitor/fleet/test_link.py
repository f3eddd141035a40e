"""Whose leases a monitor reads next."""

from __future__ import annotations

import pytest

from health_monitor.fleet.link import FRESH_FOR, FRESH_FOR_NOBODY, FRESH_FOR_SHOWN, LOOKED_AT_FOR, due_leases

NOW = 1000.0
LONG_AGO = NOW - LOOKED_AT_FOR - 1
SHORT, MIDDLE, LONG = FRESH_FOR_SHOWN + 1, FRESH_FOR + 1, FRESH_FOR_NOBODY + 1


@pytest.mark.parametrize(
    ("read_ago", "shown_at", "looked_at", "is_due"),
    [
        (SHORT, NOW, NOW, True),
        (SHORT, LONG_AGO, NOW, False),
        (SHORT, None, NOW, False),
        (MIDDLE, None, NOW, True),
        (MIDDLE, LONG_AGO, LONG_AGO, False),
        (LONG, None, LONG_AGO, True),
        (FRESH_FOR_SHOWN - 1, NOW, NOW, False),
    ],
)
def test_a_lease_is_read_often_only_while_somebody_looks_at_its_sync(read_ago, shown_at, looked_at, is_due):
    shown = {} if shown_at is None else {"a": shown_at}
    assert due_leases({"a": NOW - read_ago}, shown, looked_at, NOW) == ["a"] * is_due


def test_what_is_shown_is_read_first_then_what_was_never_read_then_what_was_read_longest_ago():
    last_read = {"old": NOW - 90, "older": NOW - 100, "never": 0.0, "shown": NOW - 70, "shown-never": 0.0}
    shown = {"shown": NOW, "shown-never": NOW, "gone": NOW}
    assert due_leases(last_read, shown, NOW, NOW) == ["shown-never", "shown", "never", "older", "old"]
