"""For how long nobody served a sync, told from what the simulator has recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.scenario.definitions import sync_under_test
from benchmarks.verdict.unserved import longest_unserved

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
SYNC = sync_under_test(1, "shipped", "cloud", "dc")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def dumps(*issues: tuple[float, float | None]) -> dict[str, list[dict[str, Any]]]:
    """Each issue with when it was reported, and when it got its counterpart, in seconds after START."""
    users, devs = [], []
    for number, (reported, made) in enumerate(issues):
        moved = {"id": "1", "field": "status", "to": "Will Do", "author": "ann", "created": at(reported).isoformat()}
        users.append({"id": str(number), "project": "SUP1", "history": [{**moved, "recorded": moved["created"]}]})
        marker = {"jira-sync": {"sync": SYNC.name, "issue": str(number)}}
        if made is not None:
            devs.append({"id": f"d{number}", "project": "DEV1", "properties": marker, "recorded": at(made).isoformat()})
    return {"cloud": users, "dc": devs}


@pytest.mark.parametrize(
    # issues                                     seconds
    ("issues", "seconds"),
    [
        ((), 0),
        (((0, 1), (10, 11)), 1),
        (((0, 1), (10, 40), (20, 41)), 30),
        # The first one waits for certainty; the sync is served meanwhile.
        (((0, 60), (10, 11), (30, 31), (50, 51)), 20),
        # Nothing has come since.
        (((0, 1), (10, None)), 90),
    ],
)
def test_a_sync_is_unserved_while_issues_wait_and_no_counterpart_is_made(issues, seconds):
    assert longest_unserved(SYNC, dumps(*issues), START, at(100)) == timedelta(seconds=seconds)


def test_only_what_reaches_into_the_time_looked_at_counts():
    found = dumps((0, 30), (50, 51), (90, None))
    assert longest_unserved(SYNC, found, at(40), at(60)) == timedelta(seconds=1)
