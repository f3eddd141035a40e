"""What follows a failure, decided as values: how long to wait, and when to give up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sync_model.secrecy.redaction import redacted
from sync_worker.core.errors import NeedsOperator, SyncError, Unavailable, is_final
from sync_worker.core.issues.causes import Failure

LONGEST_RETRY_AFTER = 900.0
"""Seconds. Data Center has been seen to ask for 292 billion years."""
FIRST_BACKOFF = 2.0
LONGEST_BACKOFF = 60.0
FIRST_REFUSED_WAIT = 60.0
LONGEST_REFUSED_WAIT = 300.0
FIRST_RETRY = 5.0
LONGEST_RETRY = 3600.0
JITTER = (0.7, 1.3)
MOST_DOUBLINGS = 20
LEAST_TRIES = 8
"""Before something is given up for failing too long. A clock that jumps ahead makes a moment look long."""
LATEST_TRY = timedelta(hours=2)
"""No wait is as long as this. A next try that is further off was noted when a clock was wrong."""
ERROR_LENGTH = 500


def clamp_retry_after(seconds: float) -> float:
    # What is no number compares as false.
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else 0.0


def seconds_asked_for(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait that `Retry-After` asks for: a number, or a date on the clock of `Date`; else 0."""
    asked = headers.get("Retry-After") or "0"
    try:
        return float(asked)
    except ValueError:
        until, now = _date(asked), _date(headers.get("Date")) or datetime.now(UTC)
        return (until - now).total_seconds() if until else 0.0


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def wait_after(error: Exception, attempts: int) -> float:
    """Return the seconds until the next cycle after `attempts` cycles in a row that ended in `error`.

    A refusal waits minutes, because only a person ends it and every try is a failed login. All else doubles
    from seconds to a minute, with what Jira asked for as the minimum.
    """
    doubling = 2.0 ** min(attempts - 1, MOST_DOUBLINGS)
    if isinstance(error, NeedsOperator):
        return min(FIRST_REFUSED_WAIT * doubling, LONGEST_REFUSED_WAIT)
    return max(min(FIRST_BACKOFF * doubling, LONGEST_BACKOFF), _asked_for(error))


def after_failure(
    error: Exception, previous: Failure | None, now: datetime, *, patience: timedelta, jitter: float
) -> tuple[Failure, bool]:
    """Return the record of one more failed attempt at a cause, and whether to give up on it.

    The waits double from seconds to an hour. `jitter`, from 0 to 1, spreads them, so that what failed together
    does not come back together; what Jira asked for is the minimum. It is given up when no waiting can mend it,
    or when it has failed for as long as `patience`, and LEAST_TRIES times.
    """
    attempts = previous.attempts + 1 if previous else 1
    low, high = JITTER
    wait = min(FIRST_RETRY * 2.0 ** min(attempts - 1, MOST_DOUBLINGS), LONGEST_RETRY) * (low + (high - low) * jitter)
    failure = Failure(
        error=message_of(error),
        attempts=attempts,
        first_at=min(previous.first_at, now) if previous else now,
        last_at=now,
        next_try=now + timedelta(seconds=max(min(wait, LONGEST_RETRY), _asked_for(error))),
    )
    is_hopeless = is_final(error)
    is_over = now - failure.first_at >= patience and attempts >= LEAST_TRIES
    return failure, is_hopeless or is_over


def message_of(error: Exception) -> str:
    """Return what is remembered and shown of an error."""
    kind = "" if isinstance(error, SyncError) else f"unexpected {type(error).__name__}: "
    return redacted(f"{kind}{error}")[:ERROR_LENGTH]


def is_due(next_try: datetime, now: datetime) -> bool:
    """Tell whether something may be tried again. A next try that is too far off to be true holds nothing up."""
    return not now < next_try <= now + LATEST_TRY


def _asked_for(error: Exception) -> float:
    return clamp_retry_after(error.retry_after) if isinstance(error, Unavailable) else 0.0
