"""The loop of one worker: wait until a cycle is due, run it, say how it went, and stop when asked.

What the outside does wrong is waited for here, visibly; it never ends the process. The heartbeat leaves this
loop and the steps of a cycle, nothing else: a loop that hangs stops sending it.
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from sync_model.heartbeat import CycleSummary, Phase, crashes_before, read_heartbeat
from sync_worker.core.errors import InvalidRequest, LeaseLost, NeedsOperator, Paused, StopRequested, SyncError
from sync_worker.core.records import PastCycle
from sync_worker.core.retry import wait_after
from sync_worker.core.schedule import first_delay, next_start
from sync_worker.core.wakeup import Wakeup
from sync_worker.engine.cycle import CycleResult, counts_of
from sync_worker.facets.catalogue import COUNTS
from sync_worker.runtime.heartbeats import BEAT_EVERY, HeartbeatSender

LOOK_EVERY = 3.0
"""Seconds between two looks of a worker that stands by."""
LOOK_EVERY_PAUSED = 30.0
"""Seconds between two looks of a worker that is paused; whoever resumes it wakes it, too."""
SHORTEST_RETRY = 1.0
WITHOUT_A_CYCLE = frozenset({Phase.STANDBY, Phase.PAUSED, Phase.BACKING_OFF, Phase.REFUSED})
"""What a worker is in until it has found out that it is so no more: trying again changes nothing yet."""


RunCycle = Callable[[Callable[[], bool]], CycleResult]
"""Runs one cycle; the callable tells it when its time is up. Raises SyncError, or StopRequested when asked to end."""


@dataclass
class Worker:
    """One sync's loop. `interval` in seconds. `remember` keeps how each cycle went, for people."""

    name: str
    digest: str
    interval: float
    run_dir: Path
    log: FilteringBoundLogger
    wakeup: Wakeup = field(default_factory=Wakeup)
    remember: Callable[[PastCycle], None] = lambda _cycle: None
    _result: CycleResult = field(default_factory=CycleResult)

    def __post_init__(self) -> None:
        self.heartbeats = HeartbeatSender(self.name, self.digest, self.interval, self.run_dir, self.log)

    def run(self, run_cycle: RunCycle) -> None:
        """Run cycles until asked to stop."""
        self.heartbeats.crashes = crashes_before(read_heartbeat(self.run_dir, self.name), datetime.now(UTC))
        attempts = 0
        due = time.monotonic() + first_delay(self.name, self.interval)
        self.log.info("worker started", pid=os.getpid(), interval=self.interval, digest=self.digest[:12])
        self.heartbeats.enter(Phase.WAITING, due)
        while self._wait_until(due):
            started = time.monotonic()
            error = self.run_once(run_cycle)
            now = time.monotonic()
            attempts = 0 if error is None or isinstance(error, LeaseLost | Paused) else attempts + 1
            due = self._next(started, now) if error is None else now + _rest_after(error, attempts)
            # A look at whether a pause is over is no cycle.
            next_cycle = None if isinstance(error, Paused) else due
            self.heartbeats.enter(_phase_after(error), next_cycle, None if error is None else str(error))
            # Requests and answers refer to each other. Left to itself, the collector lets those of many cycles pile up.
            gc.collect()
        self.heartbeats.enter(Phase.STOPPING)
        self.log.info("worker stopped")

    def _next(self, started: float, now: float) -> float:
        """Return when the next cycle is due: earlier than usual when something may be tried again before."""
        due = next_start(started, self.interval, now)
        retry_in = self._result.retry_in
        return due if retry_in is None else min(due, now + max(retry_in, SHORTEST_RETRY))

    def run_once(self, run_cycle: RunCycle) -> Exception | None:
        """Run one cycle and report it; return the error that ended it, or None. Stopping is no error."""
        if self.heartbeats.phase not in WITHOUT_A_CYCLE:
            self.heartbeats.enter(Phase.CYCLE)
        cycle = _Running(requests=self.heartbeats.usage().requests, actions=Counter(self.heartbeats.actions))
        try:
            result = run_cycle(lambda: cycle.seconds > self.interval)
        except StopRequested:
            return None
        except (LeaseLost, Paused) as error:
            if self.heartbeats.phase is not _phase_after(error):
                self.log.warning("standing by" if isinstance(error, LeaseLost) else "paused", reason=str(error))
            return error
        except Exception as error:
            # A fault of our own is reported with its traceback, and tried again like any other.
            expected = isinstance(error, SyncError)
            self.log.error(  # noqa: TRY400
                "cycle failed", error=str(error), exc_info=None if expected else error
            )
            self._keep(cycle, error)
            return error
        self._report(cycle, result)
        return None

    def leave(self, *phases: Phase) -> None:
        """Take note that what kept this worker from its work, if it was one of these, does so no more."""
        if self.heartbeats.phase in phases:
            self.heartbeats.enter(Phase.CYCLE)

    def run_only_once(self, run_cycle: RunCycle) -> Exception | None:
        """Run one cycle as `run_once` does, and say that there will be no other."""
        error = self.run_once(run_cycle)
        if not isinstance(error, LeaseLost):
            self.heartbeats.enter(Phase.STOPPING)
        return error

    def _report(self, cycle: _Running, result: CycleResult) -> None:
        self._result = result
        done, calls = (
            counts_of(self.heartbeats.actions - cycle.actions),
            self.heartbeats.usage().requests - cycle.requests,
        )
        summary = CycleSummary(
            started=cycle.started,
            duration=cycle.seconds,
            calls=calls,
            fetched=result.fetched,
            failed=result.failed,
            left=result.left,
            **done,
        )
        self.heartbeats.completed(summary, result)
        waiting = {"queued": result.queued, "dead": result.dead}
        self.log.info("cycle completed", **summary.model_dump(exclude={"started"}), **waiting)
        counts = {name: getattr(summary, name) for name in ("fetched", *COUNTS, "failed", "left", "calls")}
        self.remember(PastCycle(cycle.started, summary.duration, {**counts, **waiting}))

    def _keep(self, cycle: _Running, error: Exception) -> None:
        self.heartbeats.failed_cycles += 1
        done, calls = (
            counts_of(self.heartbeats.actions - cycle.actions),
            self.heartbeats.usage().requests - cycle.requests,
        )
        self.remember(PastCycle(cycle.started, cycle.seconds, {**done, "calls": calls}, str(error)))

    def pause(self, seconds: float) -> None:
        """Wait, sending heartbeats. Raises StopRequested as soon as the worker is asked to stop."""
        until = time.monotonic() + seconds
        self.heartbeats.beat_if_due()
        while not self.wakeup.stop and (left := until - time.monotonic()) > 0:
            self.wakeup.wait(min(left, BEAT_EVERY))
            self.heartbeats.beat_if_due()
        if self.wakeup.stop:
            raise StopRequested

    def _wait_until(self, due: float) -> bool:
        """Wait until `due` on the monotonic clock, or until somebody asks for a look at once; return False when asked
        to stop instead."""
        self.heartbeats.beat_if_due(is_waiting=True)
        while not (self.wakeup.stop or self.wakeup.look) and (left := due - time.monotonic()) > 0:
            self.wakeup.wait(min(left, BEAT_EVERY))
            self.heartbeats.beat_if_due(is_waiting=True)
        self.wakeup.look = False
        return not self.wakeup.stop


@dataclass(frozen=True)
class _Running:
    """A cycle under way: when it started, and what had been done before it."""

    requests: int
    actions: Counter[str]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 3)


def _phase_after(error: Exception | None) -> Phase:
    match error:
        case None:
            return Phase.WAITING
        case LeaseLost():
            return Phase.STANDBY
        case Paused():
            return Phase.PAUSED
        case NeedsOperator() | InvalidRequest():
            return Phase.REFUSED  # a person must act
        case _:
            return Phase.BACKING_OFF


def _rest_after(error: Exception, attempts: int) -> float:
    match error:
        case LeaseLost():
            return LOOK_EVERY
        case Paused():
            return LOOK_EVERY_PAUSED
        case _:
            return wait_after(error, attempts)
