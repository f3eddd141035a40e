"""The time on a site's own clock, between its answers too."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


@dataclass
class SiteClock:
    """A site's clock as its last answer showed it. The time since then is measured; our own clock is not read."""

    monotonic: Callable[[], float] = time.monotonic
    _reading: tuple[datetime, float] | None = None

    def set(self, date_header: str | None) -> None:
        """Read the clock off an answer's `Date` header.

        The header is exact to the second. If our time is within that second, it is kept.
        """
        if date_header is None:
            return
        try:
            second = parsedate_to_datetime(date_header).astimezone(UTC)
        except ValueError:
            return
        now = self.now()
        if now is None or not second <= now < second + timedelta(seconds=1):
            self._reading = second, self.monotonic()

    def now(self) -> datetime | None:
        """Return the site's time; None before its first answer."""
        reading = self._reading
        if reading is None:
            return None
        site_time, read_at = reading
        return site_time + timedelta(seconds=self.monotonic() - read_at)
