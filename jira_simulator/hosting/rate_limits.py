"""Rate limits as Jira has them, and the headers in which the two flavours report them."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jira_simulator.hosting.faults import InjectedFault


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


@dataclass
class TokenBuckets:
    """The token buckets of one site. A bucket is full when it is first used. A key begins with the fault's id."""

    _buckets: dict[tuple[object, ...], _Bucket] = field(default_factory=dict)

    def take(self, burst: InjectedFault, key: tuple[object, ...], now: float | None = None) -> float:
        """Take a token and return how many are left. A negative number says how many are missing for this one."""
        now = time.monotonic() if now is None else now
        bucket = self._buckets.setdefault(key, _Bucket(burst.size, now))
        bucket.tokens = min(burst.size, bucket.tokens + (now - bucket.filled_at) * burst.rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return bucket.tokens - 1
        bucket.tokens -= 1
        return bucket.tokens


@dataclass
class RecentWrites:
    """The times of the latest writes to the issues of one site. A key is a fault's id and an issue's id."""

    _times: dict[tuple[int, int], deque[float]] = field(default_factory=dict)

    def wait(self, burst: InjectedFault, key: tuple[int, int], now: float | None = None) -> int:
        """Count a write and return 0, or return the whole seconds to wait when there were too many writes."""
        now = time.monotonic() if now is None else now
        times = self._times.setdefault(key, deque())
        while times and times[0] <= now - burst.seconds:
            times.popleft()
        if len(times) >= burst.size:
            return max(1, math.ceil(times[0] + burst.seconds - now))
        times.append(now)
        return 0


def headers(burst: InjectedFault, left: float, *, is_cloud: bool, now: datetime) -> dict[str, str]:
    """Return the headers for a bucket with `left` tokens. Cloud adds Retry-After only when the bucket is empty."""
    wait = 0 if left >= 0 else max(1, math.ceil(-left / burst.rate))
    known = {"X-RateLimit-Limit": str(burst.size), "X-RateLimit-Remaining": str(max(0, math.floor(left)))}
    if not is_cloud:
        fill = {"X-RateLimit-Interval-Seconds": "1", "X-RateLimit-FillRate": f"{burst.rate:g}"}
        return {**known, **fill, "Retry-After": str(wait)}
    if not wait:
        return known
    reset = (now + timedelta(seconds=wait)).isoformat(timespec="seconds")
    return {
        **known,
        "Retry-After": str(wait),
        "RateLimit-Reason": "jira-burst-based",
        "X-RateLimit-Reset": reset,
    }
