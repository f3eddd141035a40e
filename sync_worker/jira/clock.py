"""The time on a site's own clock, between its answers too.

Every answer has a `Date`. But proxies replace it, and the clocks of a site's nodes differ. Only what Jira itself tells
is taken for its time. A `Date` near that is believed. One that is further off leaves a doubt, for which Jira is asked.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from sync_worker.core.timing import EARLIEST, LATEST, NODES_APART

BELIEVED = timedelta(seconds=10)
"""How far a `Date` may be from the time that Jira has told. Answers are under way for a while, too."""
MOST_REFUTED = 4
PATIENCE = 60.0
"""Seconds before the next question for the time, after one without an answer, or many that only refuted a `Date`."""

Reading = tuple[datetime, float]
"""A time of the site's, and when it was read on our monotonic clock."""


@dataclass
class SiteClock:
    """A site's clock. The time since it was last read is measured; our own clock is not read."""

    monotonic: Callable[[], float] = time.monotonic
    _is_asked: bool = False
    _told: Reading | None = None
    _shown: Reading | None = None
    _doubt: timedelta | None = None
    """How far the last `Date` that is not believed is off."""
    _refuted: deque[timedelta] = field(default_factory=lambda: deque(maxlen=MOST_REFUTED))
    """How far those `Date`s were off that turned out to be wrong: they come again, from a proxy or another node."""
    _refuted_in_a_row: int = 0
    _not_before: float = 0.0

    @property
    def is_asked(self) -> bool:
        """Whether Jira has been asked for its time, and has answered."""
        return self._is_asked

    @property
    def is_doubtful(self) -> bool:
        """Whether Jira should be asked for its time again."""
        return self._doubt is not None and self.monotonic() >= self._not_before

    def now(self) -> datetime | None:
        """Return the site's time; None before its first answer."""
        return self._at_present(self._shown)

    def told(self, at: datetime | None) -> None:
        """Take note of the time that Jira has told, which may be None: then its answers' `Date` has to do."""
        before, doubt = self._at_present(self._told), self._doubt
        self._is_asked, self._doubt = True, None
        if at is None:
            return
        self._told = at, self.monotonic()
        if before is None or abs(at - before) > BELIEVED:
            self._shown, self._refuted_in_a_row = self._told, 0
            if before and abs(at - before) <= NODES_APART:
                self._refuted.append(before - at)  # it is another node that has answered
        elif doubt is not None:
            self._refuted.append(doubt)
            self._refuted_in_a_row += 1
            if self._refuted_in_a_row >= MOST_REFUTED:
                self._not_before = self.monotonic() + PATIENCE

    def not_told(self) -> None:
        """Take note that Jira did not answer when it was asked for its time."""
        self._not_before = self.monotonic() + PATIENCE

    def saw(self, date_header: str | None, read_at: float, *, is_jiras: bool) -> None:
        """Take note of the `Date` header of an answer, read at `read_at` on our monotonic clock.

        Whoever has answered may raise a doubt. `is_jiras`: it was Jira for sure. The header is exact to the second. If
        our time is within that second, it is kept.
        """
        second = time_in(date_header)
        if second is None:
            return
        told = _at(read_at, self._told)
        off = second - told if told else timedelta()
        if abs(off) > BELIEVED:
            if not any(abs(off - known) <= BELIEVED for known in self._refuted):
                self._doubt = off
            return
        if not is_jiras:
            return
        now = _at(read_at, self._shown)
        if now is None or not second <= now < second + timedelta(seconds=1):
            self._shown = second, read_at

    def _at_present(self, reading: Reading | None) -> datetime | None:
        return _at(self.monotonic(), reading)


def _at(moment: float, reading: Reading | None) -> datetime | None:
    """Return the site's time at a `moment` on our monotonic clock."""
    if reading is None:
        return None
    site_time, read_at = reading
    return site_time + timedelta(seconds=moment - read_at)


@lru_cache(maxsize=8)  # many answers come within one second
def time_in(date_header: str | None) -> datetime | None:
    """Return the time in a `Date` header; None when there is none that can be reckoned with."""
    try:
        found = parsedate_to_datetime(date_header or "")
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if EARLIEST < found < LATEST else None
