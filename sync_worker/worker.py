"""The loop of one worker: wait until a cycle is due, run it, say how it went, and stop when asked.

What the outside does wrong is waited for here, visibly; it never ends the process. The heartbeat leaves this
loop and the steps of a cycle, nothing else: a loop that hangs stops sending it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from structlog.typing import FilteringBoundLogger

from sync_model.heartbeat import INTERVAL_SECONDS, CycleSummary, Heartbeat, Phase, write_heartbeat
from sync_worker.cycle import Result
from sync_worker.errors import Refused, Rejected, Stopping, SyncError
from sync_worker.retry import wait_after
from sync_worker.schedule import first_delay, next_start

BEAT_EVERY = INTERVAL_SECONDS / 2


Pass = Callable[[Callable[[], bool]], Result]
"""Runs one cycle, and is told by a callable when its time is up. Raises SyncError, or Stopping when asked to end."""


@dataclass
class Worker:
    """One sync's loop. `interval` in seconds; `calls` tells how many requests were sent to Jira so far."""

    name: str
    digest: str
    interval: float
    run_dir: Path
    log: FilteringBoundLogger
    stop: Event = field(default_factory=Event)
    calls: Callable[[], int] = lambda: 0
    _phase: Phase = Phase.STARTING
    _since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _reason: str | None = None
    _next_cycle: datetime | None = None
    _last_cycle: CycleSummary | None = None
    _last_success: datetime | None = None
    _beat_at: float = float("-inf")
    _beat_failed: bool = False

    def run(self, one_pass: Pass) -> None:
        """Run cycles until asked to stop."""
        attempts = 0
        due = time.monotonic() + first_delay(self.name, self.interval)
        self.log.info("worker started", pid=os.getpid(), interval=self.interval, digest=self.digest[:12])
        self._enter(Phase.WAITING, due)
        while self._wait_until(due):
            started = time.monotonic()
            error = self.run_once(one_pass)
            if error is None:
                attempts = 0
                due = next_start(started, self.interval, time.monotonic())
                self._enter(Phase.WAITING, due)
            else:
                attempts += 1
                due = time.monotonic() + wait_after(error, attempts)
                waits_for_person = isinstance(error, Refused | Rejected)
                self._enter(Phase.REFUSED if waits_for_person else Phase.BACKING_OFF, due, str(error))
        self._enter(Phase.STOPPING)
        self.log.info("worker stopped")

    def run_once(self, one_pass: Pass) -> Exception | None:
        """Run one cycle and report it; return the error that ended it, or None. Stopping is no error."""
        self._enter(Phase.CYCLE)
        started, began, calls = datetime.now(UTC), time.monotonic(), self.calls()
        try:
            result = one_pass(lambda: time.monotonic() - began > self.interval)
        except Stopping:
            return None
        except Exception as error:
            # A fault of our own is reported with its traceback, and tried again like any other.
            expected = isinstance(error, SyncError)
            self.log.error(  # noqa: TRY400
                "cycle failed", error=str(error), exc_info=None if expected else error
            )
            return error
        duration = round(time.monotonic() - began, 3)
        counts = {name: count for name, count in asdict(result).items() if name != "left"}
        self._last_cycle = CycleSummary(started=started, duration=duration, calls=self.calls() - calls, **counts)
        self._last_success = datetime.now(UTC)
        self.log.info("cycle completed", duration=duration, calls=self.calls() - calls, **asdict(result))
        return None

    def pause(self, seconds: float) -> None:
        """Wait, sending heartbeats. Raises Stopping as soon as the worker is asked to stop, however long the wait."""
        until = time.monotonic() + seconds
        self._beat_if_due()
        while not self.stop.is_set() and (left := until - time.monotonic()) > 0:
            self.stop.wait(min(left, BEAT_EVERY))
            self._beat_if_due()
        if self.stop.is_set():
            raise Stopping

    def _wait_until(self, due: float) -> bool:
        """Wait until `due` on the monotonic clock; return False when asked to stop instead."""
        try:
            self.pause(due - time.monotonic())
        except Stopping:
            return False
        return True

    def _enter(self, phase: Phase, due: float | None = None, reason: str | None = None) -> None:
        now = datetime.now(UTC)
        if phase is not self._phase:
            self._since = now
        self._phase, self._reason = phase, reason
        self._next_cycle = now + timedelta(seconds=due - time.monotonic()) if due is not None else None
        self._beat()

    def _beat_if_due(self) -> None:
        if time.monotonic() - self._beat_at >= BEAT_EVERY:
            self._beat()

    def _beat(self) -> None:
        """Replace the heartbeat file. A disk that cannot be written does not stop the sync."""
        self._beat_at = time.monotonic()
        heartbeat = Heartbeat(
            name=self.name,
            pid=os.getpid(),
            digest=self.digest,
            phase=self._phase,
            since=self._since,
            sent=datetime.now(UTC),
            reason=self._reason,
            last_cycle=self._last_cycle,
            last_success=self._last_success,
            next_cycle=self._next_cycle,
        )
        try:
            write_heartbeat(self.run_dir, heartbeat)
        except OSError as error:
            if not self._beat_failed:
                self.log.warning("heartbeat cannot be written", error=f"{self.run_dir}: {error.strerror}")
            self._beat_failed = True
        else:
            self._beat_failed = False
