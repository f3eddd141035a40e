"""Heartbeats of one worker: its phase, what it did and what waits, sent when they are due."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

from structlog.typing import FilteringBoundLogger

from sync_model import VERSION
from sync_model.health.heartbeat import (
    INTERVAL_SECONDS,
    CallCount,
    CensusTrouble,
    CycleSummary,
    FailingChange,
    Findings,
    Heartbeat,
    HeartbeatFile,
    HeldRecord,
    Phase,
    Totals,
    UnprocessableRecord,
    heartbeat_content,
    repeat_heartbeat,
    write_heartbeat,
)
from sync_worker.core.decisions.brakes import HeldWork
from sync_worker.core.records import SaidOfItself
from sync_worker.core.unprocessable import UnprocessableIssue
from sync_worker.engine.cycle import CycleResult

BEAT_EVERY = INTERVAL_SECONDS / 2
ORDINARY_PHASES = frozenset({Phase.STARTING, Phase.WAITING, Phase.CYCLE, Phase.STOPPING})
"""The way from one of them to another is nothing that a person waits to see."""
MOST_NAMED = 10
"""So many of the issues that cannot be handled are named in a heartbeat."""
LONGEST_ERROR = 300
MEMORY_EVERY = 120.0
"""Seconds between two measurements of our own memory. One takes the kernel a moment."""


@dataclass(frozen=True)
class ApiUsage:
    """What was asked of Jira so far: requests by endpoint and status, and the seconds spent in cool-downs."""

    calls: Mapping[tuple[str, int], int] = field(default_factory=dict)
    cooldown: float = 0.0

    @property
    def requests(self) -> int:
        return sum(self.calls.values())


@dataclass
class HeartbeatSender:
    """Sends one worker's heartbeats.

    `usage` tells what was asked of Jira so far. `on_news` is called after a heartbeat that a person may wait to see:
    the worker is paused, refused or backing off, or is so no more. `is_silent` tells whether to send none, because
    another worker is the writer, and sends its own to the same file. `actions` counts what was done, by kind and result
    (`create done`).
    """

    name: str
    digest: str
    interval: float
    run_dir: Path
    log: FilteringBoundLogger
    usage: Callable[[], ApiUsage] = ApiUsage
    on_news: Callable[[], None] = lambda: None
    is_silent: Callable[[], bool] = lambda: False
    actions: Counter[str] = field(default_factory=Counter)
    phase: Phase = Phase.STARTING
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    reason: str | None = None
    next_cycle: datetime | None = None
    cycles: int = 0
    failed_cycles: int = 0
    crashes: tuple[datetime, ...] = ()
    findings: Findings = field(default_factory=Findings)
    last: SaidOfItself | None = None
    """What was said last, whether or not it could be written."""
    _memory: tuple[float, int | None] = (float("-inf"), None)
    _lock: RLock = field(default_factory=RLock)
    _beat_at: float = float("-inf")
    _beat_failed: bool = False
    _written: HeartbeatFile | None = None

    def enter(self, phase: Phase, due: float | None = None, reason: str | None = None) -> None:
        """Enter `phase`. The next cycle is `due` on the monotonic clock."""
        now = datetime.now(UTC)
        is_news = phase is not self.phase and not {phase, self.phase} <= ORDINARY_PHASES
        if phase is not self.phase:
            self.since = now
        self.phase, self.reason = phase, reason
        self.next_cycle = now + timedelta(seconds=due - time.monotonic()) if due is not None else None
        self.beat()
        if is_news:
            self.on_news()

    def completed(self, summary: CycleSummary, result: CycleResult) -> None:
        """Take note of a cycle that went through."""
        self.cycles += 1
        now, census, failing = datetime.now(UTC), result.census, result.failing
        since, error = _ago(census.failing_for, now), census.error[:LONGEST_ERROR]
        self.found(
            last_cycle=summary,
            last_success=now,
            queued=result.queued,
            dead_letters=result.dead,
            oldest_change=_ago(result.waits_for, now),
            trouble=failing
            and FailingChange(issue=failing.issue, since=failing.since, attempts=failing.attempts, error=failing.error),
            unprocessable=len(result.unprocessable),
            unprocessable_issues=tuple(map(_record, result.unprocessable[:MOST_NAMED])),
            last_census=_ago(census.counted_ago, now),
            census_trouble=CensusTrouble(since=since, attempts=census.attempts, error=error) if since else None,
            held=tuple(map(_held_record, result.held)),
        )

    def found(self, **news: Any) -> None:
        """Take note of what was found, by the fields of `Findings`."""
        with self._lock:
            self.findings = self.findings.model_copy(update=news)

    def beat_if_due(self, *, is_waiting: bool = False) -> None:
        if self._beat_at + BEAT_EVERY <= time.monotonic():
            self.beat(is_waiting=is_waiting)

    def beat(self, *, is_waiting: bool = False) -> None:
        """Send a heartbeat. If it cannot be written, the worker goes on all the same.

        A worker that `is_waiting` has done nothing since its last heartbeat. Mostly that one is sent again as it is.
        """
        if self.is_silent():
            return
        with self._lock:  # the cycle's threads send heartbeats, too
            self._beat_at = time.monotonic()
            self._write(is_waiting=is_waiting)

    def _write(self, *, is_waiting: bool) -> None:
        try:
            last, self._written = self._written, None
            if is_waiting and last and self.last and time.monotonic() < self._memory[0] + MEMORY_EVERY:
                self.last = replace(self.last, at=time.monotonic())
                self._written = repeat_heartbeat(last, datetime.now(UTC))
            self._written = self._written or self._write_new()
        except OSError as error:
            if not self._beat_failed:
                self.log.warning("heartbeat cannot be written", error=f"{self.run_dir}: {error.strerror}")
            self._beat_failed = True
        else:
            self._beat_failed = False

    def _write_new(self) -> HeartbeatFile:
        heartbeat = self._heartbeat()
        self.last = SaidOfItself(heartbeat_content(heartbeat), time.monotonic())
        return write_heartbeat(self.run_dir, heartbeat, self.last.content)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(
            **dict(self.findings),
            name=self.name,
            pid=os.getpid(),
            digest=self.digest,
            phase=self.phase,
            since=self.since,
            sent=datetime.now(UTC),
            version=VERSION,
            interval=self.interval,
            reason=self.reason,
            next_cycle=self.next_cycle,
            memory=self._own_memory(),
            totals=self._totals(),
            crashes=self.crashes,
        )

    def _totals(self) -> Totals:
        usage = self.usage()
        calls = tuple(
            CallCount(endpoint=endpoint, status=status, count=count)
            for (endpoint, status), count in sorted(usage.calls.items())
        )
        return Totals(
            cycles=self.cycles,
            failed_cycles=self.failed_cycles,
            actions=dict(self.actions),
            calls=calls,
            cooldown=round(usage.cooldown, 1),
        )

    def _own_memory(self) -> int | None:
        read_at, memory = self._memory
        if time.monotonic() >= read_at + MEMORY_EVERY:
            memory = _proportional_set_size()
            self._memory = time.monotonic(), memory
        return memory


def _ago(seconds: float | None, now: datetime) -> datetime | None:
    return None if seconds is None else now - timedelta(seconds=seconds)


def _held_record(held: HeldWork) -> HeldRecord:
    return HeldRecord(name=held.name, number=held.hold.number, since=held.hold.since, text=held.text)


def _record(issue: UnprocessableIssue) -> UnprocessableRecord:
    failure = issue.failure
    return UnprocessableRecord(
        side=issue.side,
        issue=issue.key,
        since=failure.first_at,
        attempts=failure.attempts,
        error=failure.error[:LONGEST_ERROR],
    )


def _proportional_set_size() -> int | None:
    """Return our share, in bytes, of the memory that we use; None if the kernel does not say.

    The resident set size would not do: it counts memory that several processes share once for each of them.
    """
    try:
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith("Pss:")), None)
    return int(found) * 1024 if found else None
