"""Token buckets and limits to writes, at times that the test chooses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jira_simulator.hosting import rate_limits
from jira_simulator.hosting.faults import InjectedFault

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_bucket_empties_and_is_refilled_with_time() -> None:
    burst, buckets = InjectedFault(kind="burst", size=2, rate=1), rate_limits.TokenBuckets()
    assert [buckets.take(burst, ("a",), now=0) for _ in range(3)] == [1, 0, -1]
    assert buckets.take(burst, ("a",), now=1) == 0
    assert buckets.take(burst, ("a",), now=100) == 1


def test_every_key_has_a_bucket_of_its_own() -> None:
    burst, buckets = InjectedFault(kind="burst", size=1), rate_limits.TokenBuckets()
    assert [buckets.take(burst, (key,), now=0) for key in ("a", "b")] == [0, 0]


@pytest.mark.parametrize(("left", "wait"), [(1, None), (0, None), (-1, "2"), (-0.4, "1")])
def test_cloud_tells_when_to_come_back_only_when_the_bucket_is_empty(left: float, wait: str | None) -> None:
    headers = rate_limits.headers(InjectedFault(kind="burst", rate=0.5), left, is_cloud=True, now=NOON)
    assert headers.get("Retry-After") == wait
    assert ("RateLimit-Reason" in headers) is (wait is not None)


@pytest.mark.parametrize(("left", "wait"), [(1, "0"), (-1, "2")])
def test_data_center_always_tells_the_state_of_the_bucket(left: float, wait: str) -> None:
    headers = rate_limits.headers(InjectedFault(kind="burst", size=5, rate=0.5), left, is_cloud=False, now=NOON)
    assert headers == {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": str(max(0, int(left))),
        "X-RateLimit-Interval-Seconds": "1",
        "X-RateLimit-FillRate": "0.5",
        "Retry-After": wait,
    }


def waits(writes: rate_limits.RecentWrites, *moments: float, issue: int = 1) -> list[int]:
    burst = InjectedFault(kind="per_issue_burst", size=2, seconds=10)
    return [writes.wait(burst, (1, issue), now) for now in moments]


def test_writes_to_an_issue_are_limited_within_a_period() -> None:
    assert waits(rate_limits.RecentWrites(), 0, 5, 6, 9.5, 10, 11) == [0, 0, 4, 1, 0, 4]


def test_every_issue_has_a_limit_of_its_own() -> None:
    writes = rate_limits.RecentWrites()
    assert waits(writes, 0, 0, 0) == [0, 0, 10]
    assert waits(writes, 0, issue=2) == [0]
