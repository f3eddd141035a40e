"""Token buckets, and what the two flavours say of them in their headers."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jira_simulator.faults import InjectedFault


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


@dataclass
class Buckets:
    """The buckets of one site, each full when it is first asked for. A key begins with the fault's id."""

    _buckets: dict[tuple[object, ...], _Bucket] = field(default_factory=dict)

    def take(self, burst: InjectedFault, key: tuple[object, ...], now: float | None = None) -> float:
        """Take a token and return how many are left; how many are missing, below 0, when there was none."""
        now = time.monotonic() if now is None else now
        bucket = self._buckets.setdefault(key, _Bucket(burst.size, now))
        bucket.tokens = min(burst.size, bucket.tokens + (now - bucket.filled_at) * burst.rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return bucket.tokens - 1
        bucket.tokens -= 1
        return bucket.tokens


@dataclass
class Writes:
    """When the issues of one site were last written to. A key is a fault's id and an issue's."""

    _times: dict[tuple[int, int], deque[float]] = field(default_factory=dict)

    def wait(self, burst: InjectedFault, key: tuple[int, int], now: float | None = None) -> int:
        """Count a write, unless there were too many: then return after how many whole seconds to come back."""
        now = time.monotonic() if now is None else now
        times = self._times.setdefault(key, deque())
        while times and times[0] <= now - burst.seconds:
            times.popleft()
        if len(times) >= burst.size:
            return max(1, math.ceil(times[0] + burst.seconds - now))
        times.append(now)
        return 0


def headers(burst: InjectedFault, left: float, *, is_cloud: bool, now: datetime) -> dict[str, str]:
    """Return what an answer says of its bucket: Data Center always the whole of it, Cloud more when it is empty."""
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
