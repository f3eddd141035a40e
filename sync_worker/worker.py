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
from threading import RLock

from structlog.typing import FilteringBoundLogger

from sync_model.heartbeat import (
    INTERVAL_SECONDS,
    CycleSummary,
    Heartbeat,
    Phase,
    crashes_before,
    read_heartbeat,
    write_heartbeat,
)
from sync_worker.bell import Bell
from sync_worker.cycle import Result
from sync_worker.errors import Displaced, Refused, Rejected, Stopping, SyncError
from sync_worker.retry import wait_after
from sync_worker.schedule import first_delay, next_start

BEAT_EVERY = INTERVAL_SECONDS / 2
LOOK_EVERY = 3.0
"""Seconds between two looks of a worker that stands by."""
SHORTEST_RETRY = 1.0


Pass = Callable[[Callable[[], bool]], Result]
"""Runs one cycle, and is told by a callable when its time is up. Raises SyncError, or Stopping when asked to end."""


@dataclass
class Worker:
    """One sync's loop. `interval` in seconds; `calls` tells how many requests were sent to Jira so far.

    `is_beside_writer` tells whether another worker, which is the writer, sends its heartbeats to the same file.
    """

    name: str
    digest: str
    interval: float
    run_dir: Path
    log: FilteringBoundLogger
    bell: Bell = field(default_factory=Bell)
    calls: Callable[[], int] = lambda: 0
    is_beside_writer: Callable[[], bool] = lambda: False
    _phase: Phase = Phase.STARTING
    _since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _reason: str | None = None
    _next_cycle: datetime | None = None
    _last_cycle: CycleSummary | None = None
    _last_success: datetime | None = None
    _result: Result = field(default_factory=Result)
    _crashes: tuple[datetime, ...] = ()
    _lock: RLock = field(default_factory=RLock)
    _beat_at: float = float("-inf")
    _beat_failed: bool = False

    def run(self, one_pass: Pass) -> None:
        """Run cycles until asked to stop."""
        self._crashes = crashes_before(read_heartbeat(self.run_dir, self.name), datetime.now(UTC))
        attempts = 0
        due = time.monotonic() + first_delay(self.name, self.interval)
        self.log.info("worker started", pid=os.getpid(), interval=self.interval, digest=self.digest[:12])
        self._enter(Phase.WAITING, due)
        while self._wait_until(due):
            started = time.monotonic()
            error = self.run_once(one_pass)
            now = time.monotonic()
            if error is None:
                attempts = 0
                due = self._next(started, now)
                self._enter(Phase.WAITING, due)
            elif isinstance(error, Displaced):
                due = now + LOOK_EVERY
                self._enter(Phase.STANDBY, due, str(error))
            else:
                attempts += 1
                due = now + wait_after(error, attempts)
                waits_for_person = isinstance(error, Refused | Rejected)
                self._enter(Phase.REFUSED if waits_for_person else Phase.BACKING_OFF, due, str(error))
        self._enter(Phase.STOPPING)
        self.log.info("worker stopped")

    def _next(self, started: float, now: float) -> float:
        """Return when the next cycle is due: earlier than usual when something may be tried again before."""
        due = next_start(started, self.interval, now)
        retry_in = self._result.retry_in
        return due if retry_in is None else min(due, now + max(retry_in, SHORTEST_RETRY))

    def run_once(self, one_pass: Pass) -> Exception | None:
        """Run one cycle and report it; return the error that ended it, or None. Stopping is no error."""
        if self._phase is not Phase.STANDBY:
            self._enter(Phase.CYCLE)
        started, began, calls = datetime.now(UTC), time.monotonic(), self.calls()
        try:
            result = one_pass(lambda: time.monotonic() - began > self.interval)
        except Stopping:
            return None
        except Displaced as error:
            if self._phase is not Phase.STANDBY:
                self.log.warning("standing by", reason=str(error))
            return error
        except Exception as error:
            # A fault of our own is reported with its traceback, and tried again like any other.
            expected = isinstance(error, SyncError)
            self.log.error(  # noqa: TRY400
                "cycle failed", error=str(error), exc_info=None if expected else error
            )
            return error
        self._report(result, started, round(time.monotonic() - began, 3), self.calls() - calls)
        return None

    def act(self) -> None:
        """Take note that this worker is the writer now, if it was not when the cycle began."""
        if self._phase is Phase.STANDBY:
            self._enter(Phase.CYCLE)

    def run_only_once(self, one_pass: Pass) -> Exception | None:
        """Run one cycle as `run_once` does, and say that there will be no other."""
        error = self.run_once(one_pass)
        if not isinstance(error, Displaced):
            self._enter(Phase.STOPPING)
        return error

    def _report(self, result: Result, started: datetime, duration: float, calls: int) -> None:
        counts = asdict(result)
        summary = {name: counts[name] for name in CycleSummary.model_fields if name in counts}
        self._last_cycle = CycleSummary(started=started, duration=duration, calls=calls, **summary)
        self._last_success, self._result = datetime.now(UTC), result
        counts.pop("retry_in")
        self.log.info("cycle completed", duration=duration, calls=calls, **counts)

    def pause(self, seconds: float) -> None:
        """Wait, sending heartbeats. Raises Stopping as soon as the worker is asked to stop, however long the wait."""
        until = time.monotonic() + seconds
        self._beat_if_due()
        while not self.bell.stop and (left := until - time.monotonic()) > 0:
            self.bell.wait(min(left, BEAT_EVERY))
            self._beat_if_due()
        if self.bell.stop:
            raise Stopping

    def _wait_until(self, due: float) -> bool:
        """Wait until `due` on the monotonic clock, or until somebody asks for a look at once; return False when asked
        to stop instead."""
        self._beat_if_due()
        while not (self.bell.stop or self.bell.look) and (left := due - time.monotonic()) > 0:
            self.bell.wait(min(left, BEAT_EVERY))
            self._beat_if_due()
        self.bell.look = False
        return not self.bell.stop

    def _enter(self, phase: Phase, due: float | None = None, reason: str | None = None) -> None:
        now = datetime.now(UTC)
        if phase is not self._phase:
            self._since = now
        self._phase, self._reason = phase, reason
        self._next_cycle = now + timedelta(seconds=due - time.monotonic()) if due is not None else None
        self._beat()

    def _beat_if_due(self) -> None:
        with self._lock:
            if time.monotonic() - self._beat_at >= BEAT_EVERY:
                self._beat()

    def _beat(self) -> None:
        """Replace the heartbeat file. A disk that cannot be written does not stop the sync."""
        self._beat_at = time.monotonic()
        if self.is_beside_writer():
            return
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
            queued=self._result.queued,
            dead_letters=self._result.dead,
            next_cycle=self._next_cycle,
            crashes=self._crashes,
        )
        try:
            write_heartbeat(self.run_dir, heartbeat)
        except OSError as error:
            if not self._beat_failed:
                self.log.warning("heartbeat cannot be written", error=f"{self.run_dir}: {error.strerror}")
            self._beat_failed = True
        else:
            self._beat_failed = False
