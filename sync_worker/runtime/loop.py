"""The loop of one worker: wait until a cycle is due, run it, report how it went, and stop when asked.

Failures outside never end the process. The worker waits for them to be over, and its heartbeat says so. A heartbeat is
sent by this loop and between the steps of a cycle, and by nothing else: a loop that hangs sends none.
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

from sync_model.health.heartbeat import (
    CycleSummary,
    Findings,
    Heartbeat,
    Phase,
    crashes_before,
    parse_heartbeat,
    read_heartbeat,
)
from sync_worker.core.decisions.retry import wait_after
from sync_worker.core.decisions.schedule import first_delay, next_start
from sync_worker.core.errors import InvalidRequest, LeaseLost, NeedsOperator, Paused, StopRequested, SyncError
from sync_worker.core.records import PastCycle
from sync_worker.core.wakeup import Wakeup
from sync_worker.engine.cycle import CycleResult, counts_of
from sync_worker.runtime.heartbeats import BEAT_EVERY, HeartbeatSender

LOOK_EVERY = 3.0
"""Seconds after which a worker that stands by tries again to be the writer."""
LOOK_EVERY_PAUSED = 30.0
"""Seconds after which a worker that is paused looks whether it still is. Whoever resumes it wakes it, too."""
SHORTEST_RETRY = 1.0
KEPT_PHASES = frozenset({Phase.STANDBY, Phase.PAUSED, Phase.BACKING_OFF, Phase.REFUSED})
"""A worker stays in such a phase while it tries again, until it has found out that the reason is over."""


RunCycle = Callable[[Callable[[], bool]], CycleResult]
"""Runs one cycle; the callable tells it when its time is up. Raises SyncError, or StopRequested when asked to end."""


@dataclass
class Worker:
    """One sync's loop. `interval` in seconds. `record_cycle` keeps how each cycle went, for people.

    `has_news` tells whether a person may have put right what the worker was refused for.
    """

    name: str
    digest: str
    interval: float
    run_dir: Path
    log: FilteringBoundLogger
    wakeup: Wakeup = field(default_factory=Wakeup)
    record_cycle: Callable[[PastCycle], None] = lambda _cycle: None
    has_news: Callable[[], bool] = lambda: False
    _result: CycleResult = field(default_factory=CycleResult)

    def __post_init__(self) -> None:
        self.heartbeats = HeartbeatSender(self.name, self.digest, self.interval, self.run_dir, self.log)

    def run(self, run_cycle: RunCycle) -> None:
        """Run cycles until asked to stop."""
        self.heartbeats.crashes = crashes_before(self._take_over_findings(), datetime.now(UTC))
        attempts = 0
        due = time.monotonic() + first_delay(self.name, self.interval)
        self.log.info("worker started", pid=os.getpid(), interval=self.interval, digest=self.digest[:12])
        self.heartbeats.enter(Phase.WAITING, due)
        while self._wait_until(due):
            started = time.monotonic()
            error = self.run_once(run_cycle)
            now = time.monotonic()
            attempts = 0 if error is None or isinstance(error, LeaseLost | Paused) else attempts + 1
            due = self._next_start(started, now) if error is None else now + _seconds_to_wait(error, attempts)
            # To look whether a pause is over is no cycle.
            next_cycle = None if isinstance(error, Paused) else due
            self.heartbeats.enter(_phase_after(error), next_cycle, None if error is None else str(error))
            # Requests and answers refer to each other. Left to itself, the collector lets those of many cycles pile up.
            gc.collect()
        self.heartbeats.enter(Phase.STOPPING)
        self.log.info("worker stopped")

    def _next_start(self, started: float, now: float) -> float:
        """Return when the next cycle is due: earlier than usual when something may be tried again before."""
        due = next_start(started, self.interval, now)
        retry_in = self._result.retry_in
        return due if retry_in is None else min(due, now + max(retry_in, SHORTEST_RETRY))

    def run_once(self, run_cycle: RunCycle) -> Exception | None:
        """Run one cycle and report it; return the error that ended it, or None. Stopping is no error."""
        if self.heartbeats.phase not in KEPT_PHASES:
            self.heartbeats.enter(Phase.CYCLE)
        cycle = _StartedCycle(requests=self.heartbeats.usage().requests, actions=Counter(self.heartbeats.actions))
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
            self._report_failure(cycle, error)
            return error
        self._report(cycle, result)
        return None

    def run_only_once(self, run_cycle: RunCycle) -> Exception | None:
        """Run one cycle as `run_once` does, and let the heartbeat say that no other one follows."""
        self._take_over_findings()
        error = self.run_once(run_cycle)
        if not isinstance(error, LeaseLost):
            self.heartbeats.enter(Phase.STOPPING)
        return error

    def _take_over_findings(self) -> Heartbeat | None:
        """Begin with what the worker before this one knew, until a cycle finds something else; return its heartbeat."""
        before = read_heartbeat(self.run_dir, self.name)
        if before:
            self.heartbeats.findings = before.findings_for(self.digest)
        return before

    def take_over(self, last_words: bytes) -> None:
        """Go on from what the worker of another container knew, of which no heartbeat file is here."""
        before = parse_heartbeat(last_words, datetime.now(UTC))
        if before and self.heartbeats.findings == Findings():
            self.heartbeats.findings = before.findings_for(self.digest)

    def wait_for_person(self, reason: str, seconds: float) -> bool:
        """Wait so many seconds, and let the heartbeat say that only a person can put right what is wrong.

        Returns False when the worker was asked to stop.
        """
        due = time.monotonic() + seconds
        if self.heartbeats.reason != reason:
            self.log.error("a person must act", error=reason)
        self.heartbeats.enter(Phase.REFUSED, due, reason)
        goes_on = self._wait_until(due)
        if not goes_on:
            self.heartbeats.enter(Phase.STOPPING)
        return goes_on

    def enter_cycle_from(self, *phases: Phase) -> None:
        """Enter the phase CYCLE if the worker is in one of `phases`: what kept it from its work is over."""
        if self.heartbeats.phase in phases:
            self.heartbeats.enter(Phase.CYCLE)

    def wait(self, seconds: float) -> None:
        """Wait, sending heartbeats. Raises StopRequested as soon as the worker is asked to stop."""
        until = time.monotonic() + seconds
        self.heartbeats.beat_if_due()
        while not self.wakeup.stop and (left := until - time.monotonic()) > 0:
            self.wakeup.wait(min(left, BEAT_EVERY))
            self.heartbeats.beat_if_due()
        if self.wakeup.stop:
            raise StopRequested

    def _wait_until(self, due: float) -> bool:
        """Wait until `due` on the monotonic clock, or until somebody wants the worker to look at once.

        Returns False when it was asked to stop.
        """
        self.heartbeats.beat_if_due(is_waiting=True)
        while not (self.wakeup.stop or self.wakeup.look) and (left := due - time.monotonic()) > 0:
            self.wakeup.wait(min(left, BEAT_EVERY))
            self.heartbeats.beat_if_due(is_waiting=True)
            if self.heartbeats.phase is Phase.REFUSED and self.has_news():
                break
        self.wakeup.look = False
        return not self.wakeup.stop

    def _report(self, cycle: _StartedCycle, result: CycleResult) -> None:
        self._result = result
        done, calls = self._done_in(cycle)
        summary = CycleSummary(
            started=cycle.started,
            duration=cycle.seconds,
            calls=calls,
            fetched=result.fetched,
            failed=result.failed,
            left=result.left,
            actions=done,
        )
        self.heartbeats.completed(summary, result)
        waiting = {"queued": result.queued, "dead": result.dead}
        numbers = summary.model_dump(exclude={"started", "actions"})
        self.log.info("cycle completed", **numbers, **done, **waiting)
        counts = {"fetched": summary.fetched, **done, "failed": summary.failed, "left": summary.left, "calls": calls}
        self.record_cycle(PastCycle(cycle.started, summary.duration, {**counts, **waiting}))

    def _report_failure(self, cycle: _StartedCycle, error: Exception) -> None:
        self.heartbeats.failed_cycles += 1
        done, calls = self._done_in(cycle)
        self.record_cycle(PastCycle(cycle.started, cycle.seconds, {**done, "calls": calls}, str(error)))

    def _done_in(self, cycle: _StartedCycle) -> tuple[dict[str, int], int]:
        """Return the numbers of actions that were done since the cycle started, and of requests to Jira."""
        done = counts_of(self.heartbeats.actions - cycle.actions)
        return done, self.heartbeats.usage().requests - cycle.requests


@dataclass(frozen=True)
class _StartedCycle:
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


def _seconds_to_wait(error: Exception, attempts: int) -> float:
    match error:
        case LeaseLost():
            return LOOK_EVERY
        case Paused():
            return LOOK_EVERY_PAUSED
        case _:
            return wait_after(error, attempts)
