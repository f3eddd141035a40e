"""What follows a failure, decided as values: how long to wait, and for how long an issue is left alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from sync_worker.errors import Refused, SyncError, Unavailable
from sync_worker.memory import Failure

LONGEST_RETRY_AFTER = 900.0
"""Seconds. Data Center has been seen to ask for 292 billion years."""
FIRST_BACKOFF = 2.0
LONGEST_BACKOFF = 60.0
FIRST_REFUSED_WAIT = 60.0
LONGEST_REFUSED_WAIT = 300.0
ERROR_LENGTH = 500


def clamp_retry_after(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def wait_after(error: Exception, attempts: int) -> float:
    """Return the seconds until the next cycle after `attempts` cycles in a row that ended in `error`.

    A refusal waits minutes, because only a person ends it and every try is a failed login. All else doubles
    from seconds to a minute, with what Jira asked for as the minimum.
    """
    doubling = 2.0 ** min(attempts - 1, 10)
    if isinstance(error, Refused):
        return min(FIRST_REFUSED_WAIT * doubling, LONGEST_REFUSED_WAIT)
    least = clamp_retry_after(error.retry_after) if isinstance(error, Unavailable) else 0.0
    return max(min(FIRST_BACKOFF * doubling, LONGEST_BACKOFF), least)


def after_failure(error: Exception, previous: Failure | None, now: datetime) -> Failure:
    """Return the record of one more failed attempt at a cause: it may be tried again in the next cycle."""
    kind = "" if isinstance(error, SyncError) else f"unexpected {type(error).__name__}: "
    least = clamp_retry_after(error.retry_after) if isinstance(error, Unavailable) else 0.0
    return Failure(
        error=f"{kind}{error}"[:ERROR_LENGTH],
        attempts=previous.attempts + 1 if previous else 1,
        first_at=previous.first_at if previous else now,
        next_try=now + timedelta(seconds=least),
    )
