"""How exact times are, and how long a request may still be at work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""All times are in between. So waits can be added to them, and zones changed, without an overflow."""
CLOCK_GRAIN = timedelta(seconds=2)
"""Jira's clock reaches us in whole seconds, rounded down."""
NODES_APART = timedelta(minutes=1)
"""How far the clocks of one site's nodes may differ: one may date what we did before the time that another told us."""
REQUEST_LIFETIME = timedelta(minutes=2)
"""For how long a request that has ended for us may still be at work on the other side.

Gateways give up after a minute or less; what stands behind them goes on.
"""
SLOWEST_FILING = 256 * 1024
"""Bytes per second: the other side may take so long to check and file what it was sent."""
SLOWEST_CREATION = timedelta(seconds=2)
"""How long the other side may take for each of many issues in one request."""
CONFIRM_AFTER = timedelta(hours=1)
"""The least time between the two direct reads that must miss an issue before it counts as gone."""
BETWEEN_LOOKS = timedelta(seconds=30)
"""The least time between the two looks that must miss what a request would have left."""


def is_in_future(at: datetime, now: datetime) -> bool:
    """Tell whether a time that was noted once is later than now, by more than clocks differ: then one was wrong."""
    return at > now + NODES_APART


def lifetime_of(size: int = 0, issues: int = 1) -> timedelta:
    """Return for how long a request may still be at work after it has ended for us.

    `size` counts the bytes of the file that it carries, `issues` those that it is to create.
    """
    return REQUEST_LIFETIME + timedelta(seconds=size / SLOWEST_FILING) + (issues - 1) * SLOWEST_CREATION
