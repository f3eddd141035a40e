"""The background threads of MongoDB's driver, which sleep until there is something to do.

The driver wakes each of them twice a second to see whether it is called. In a hundred workers that wait for their next
cycle, that is most of what is done. Here such a thread sleeps until it is called or its interval is over. What the
threads do, and when at the latest, stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from pymongo import periodic_executor

STOCK = periodic_executor.PeriodicExecutor
INTERVALS = {"pymongo_kill_cursors_thread": 120.0}
"""Seconds from one time to the next, where the driver acts more often than anybody needs. This thread closes cursors
that were not read to their end, and connections that nobody has used for long.
"""


class Executor(STOCK):
    """One such thread. It may be called, and closed, at any moment, even by the garbage collector.

    A SimpleQueue is reentrant: unlike with a lock, the same thread can interrupt its own `put` and put again.
    """

    def __init__(self, interval: float, min_interval: float, target: Any, name: str | None = None) -> None:
        super().__init__(INTERVALS.get(name or "", interval), min_interval, target, name)
        self._calls: SimpleQueue[None] = SimpleQueue()

    def wake(self) -> None:
        super().wake()
        self._calls.put(None)

    def close(self, dummy: Any = None) -> None:
        super().close(dummy)
        self._calls.put(None)

    def _run(self) -> None:
        while not self._should_stop():
            try:
                goes_on = self._target()
            except BaseException:
                self._stop()
                raise
            if not goes_on:
                self._stop()
                return
            if self._skip_sleep:
                self._skip_sleep = False
            else:
                self._sleep()
            self._event = False

    def _sleep(self) -> None:
        """Wait for a call or the end of the interval, and never less than the shortest interval."""
        began = time.monotonic()
        self._wait_until(began + self._interval, lambda: self._stopped or self._event)
        self._wait_until(began + self._min_interval, lambda: self._stopped)

    def _wait_until(self, deadline: float, is_over: Callable[[], bool]) -> None:
        while not is_over() and (left := deadline - time.monotonic()) > 0:
            with suppress(Empty):
                self._calls.get(timeout=left)

    def _stop(self) -> None:
        with self._lock:
            self._stopped = self._thread_will_exit = True


def install() -> None:
    """Have every client that is made from now on use such threads."""
    periodic_executor.PeriodicExecutor = Executor  # type: ignore[misc]
