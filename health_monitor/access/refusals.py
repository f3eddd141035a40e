"""How often a refusal is told: one per address and minute, however many there are."""

from __future__ import annotations

import time
from collections.abc import Callable

from health_monitor.access.attempts import host_of

SECONDS = 60.0
MOST_IN_ALL = 60
"""So many are told within a minute, whatever the addresses."""


class ToldRefusals:
    """Counts refusals, and says which ones to tell. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minute = clock()
        self._told: set[str] = set()
        self._untold = 0

    def count(self, address: str) -> int | None:
        """Count one refusal. None means that it is not told; else return how many were not told before it."""
        now, host = self._clock(), host_of(address)
        if now - self._minute >= SECONDS:
            self._minute, self._told = now, set()
        if host in self._told or len(self._told) >= MOST_IN_ALL:
            self._untold += 1
            return None
        self._told.add(host)
        untold, self._untold = self._untold, 0
        return untold
