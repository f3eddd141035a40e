"""When a cycle is due. Pure: times go in, times come out."""

from __future__ import annotations

import hashlib

LONGEST_OFFSET = 10.0
OFFSET_SHARE = 0.1


def first_delay(name: str, interval: float) -> float:
    """Return the seconds to wait before the first cycle.

    Stable per name, so that the syncs of one site do not fire together, now or later: every further cycle
    keeps the offset. At most a tenth of the interval, and never more than ten seconds.
    """
    fraction = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32
    return fraction * min(interval * OFFSET_SHARE, LONGEST_OFFSET)


def next_start(last_start: float, interval: float, now: float) -> float:
    """Return when the next cycle starts: an interval after the last one *started*, or at once when that is past.

    All three on one monotonic clock, in seconds. A cycle that overran its interval is followed by one cycle,
    not by as many as were missed.
    """
    return max(last_start + interval, now)
