"""How exact times are, and how long a request may still be at work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""All times are in between. So waits can be added to them, and zones changed, without an overflow."""
CLOCK_GRAIN = timedelta(seconds=2)
"""Jira's clock reaches us in whole seconds, rounded down."""
REQUEST_LIFETIME = timedelta(seconds=30)
"""For how long a request that we have given up on may still be at work on the other side."""
