"""What a person reads of a log."""

from __future__ import annotations

import time

import pytest

from sync_worker.runtime.log_lines import SYNCS, as_line, color_of

EVENT = {"level": "info", "sync": "sync-ab", "event": "comment posted", "issue": "SUP-1"}

LINES = [
    # what was logged                                          what a person reads of it
    ({}, "info    sync-ab comment posted issue=SUP-1"),
    ({"text": "two words"}, 'info    sync-ab comment posted issue=SUP-1 text="two words"'),
    ({"text": ""}, 'info    sync-ab comment posted issue=SUP-1 text=""'),
    ({"issues": ["A-1", "A-2"]}, 'info    sync-ab comment posted issue=SUP-1 issues=["A-1", "A-2"]'),
    ({"created": 0, "failed": 2, "done": False}, "info    sync-ab comment posted issue=SUP-1 failed=2 done=false"),
    ({"level": None}, "sync-ab comment posted issue=SUP-1"),
    ({"time": "not a time"}, "not a time info    sync-ab comment posted issue=SUP-1"),
]


@pytest.mark.parametrize(("fields", "expected"), LINES)
def test_a_line_is_level_sync_event_and_the_fields_that_say_something(fields, expected):
    event = {name: value for name, value in {**EVENT, **fields}.items() if value is not None}
    assert as_line(event, colors=False) == expected


def test_a_line_shows_the_local_time_of_day(monkeypatch):
    monkeypatch.setenv("TZ", "UTC-3")
    time.tzset()
    try:
        assert as_line({**EVENT, "time": "2026-01-01T09:08:07.5Z"}, colors=False).startswith("12:08:07 info")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_traceback_stands_below_its_line():
    lines = as_line({**EVENT, "exception": "Traceback …\n  ValueError: x"}, colors=False).splitlines()
    assert lines[1:] == ["    Traceback …", "      ValueError: x"]


def test_nothing_that_was_logged_controls_the_terminal():
    nasty = "\x1b[2J\x9b31m\r\nerror\tover"
    event = {"sync": nasty, "level": nasty, "event": nasty, nasty: nasty, "time": nasty, "exception": nasty}
    said = as_line(event, colors=False)
    assert all(each.isprintable() or each == "\n" for each in said)
    assert "\\x1b[2J\\x9b31m" in said


def test_each_sync_always_has_the_same_colour():
    names = [f"sync-{number}" for number in range(100)]
    assert {color_of(name) for name in names} == set(SYNCS)
    assert f"\x1b[{color_of('sync-ab')}msync-ab\x1b[0m" in as_line(EVENT, colors=True)
