"""The log of calls: the latest as records, all of them in numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jira_simulator.hosting import call_log
from jira_simulator.hosting.call_log import CallLog

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def logged(count: int, log: CallLog) -> CallLog:
    for _ in range(count):
        log.add("GET", "/rest/api/2/myself", "/rest/api/2/myself", user="sync", status=200, at=NOON, size=1)
    return log


def numbers(log: CallLog, since: int) -> list[int]:
    return [record["n"] for record in log.since(since)]


@pytest.mark.parametrize(("since", "found"), [(0, [1, 2, 3]), (1, [2, 3]), (3, []), (9, [])])
def test_the_calls_after_a_number_are_returned(since: int, found: list[int]) -> None:
    assert numbers(logged(3, CallLog()), since) == found


def test_numbering_continues_after_the_log_is_cleared() -> None:
    log = logged(2, CallLog())
    log.clear()
    assert (numbers(log, 0), numbers(logged(1, log), 0), numbers(log, 2)) == ([], [3], [3])


def test_the_summary_counts_calls_that_are_no_longer_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "CALLS_KEPT", 2)
    log = logged(5, CallLog())
    assert numbers(log, 0) == [4, 5]
    assert log.summary() == {"calls": 5, "byEndpoint": {"GET /myself": {"200": 5}}}


def test_the_summary_is_empty_after_the_log_is_cleared() -> None:
    log = logged(5, CallLog())
    log.clear()
    assert log.summary() == {"calls": 0, "byEndpoint": {}}


def test_the_time_of_a_call_is_shown_to_the_millisecond() -> None:
    [call] = logged(1, CallLog()).since(0)
    assert call["at"] == "2026-03-01T12:00:00.000+00:00"
