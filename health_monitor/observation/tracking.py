"""What a later snapshot needs to know of earlier ones: since when a worker is silent, and what the monitor did to it.

Whoever takes several snapshots passes the same `Tracking` to each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from health_monitor.observation.remedy_records import RemedyRecord
from sync_model.health.heartbeat import CRASHES_COUNT_FOR, Heartbeat, HeartbeatReader
from sync_model.health.judgement import ProcessInfo

EXPECTED_EXIT = timedelta(minutes=1)
"""A worker that exits within this time after the monitor terminated it has not crashed."""


@dataclass
class TrackedSync:
    """One sync over several snapshots. `silent_since` is on the monotonic clock; 0 before the first snapshot.

    `next_start` and `terminated_at` come from the monitor's record of the sync. `here` reads the heartbeats of its
    worker in this container, `elsewhere` those of one in another container.
    """

    last_sent: datetime | None = None
    silent_since: float = 0.0
    pid: int = 0
    next_start: datetime | None = None
    terminated_at: tuple[datetime, ...] = ()
    here: HeartbeatReader = field(default_factory=HeartbeatReader, repr=False, compare=False)
    elsewhere: HeartbeatReader = field(default_factory=HeartbeatReader, repr=False, compare=False)

    def note(self, heartbeat: Heartbeat | None, process: ProcessInfo | None, clock: float) -> None:
        """Note the heartbeat and the process that are seen at `clock`: a new one of either ends the silence."""
        sent, pid = heartbeat.sent if heartbeat else None, process.pid if process else 0
        if self.silent_since == 0.0 or sent != self.last_sent or pid != self.pid:
            self.last_sent, self.silent_since = sent, clock
        self.pid = pid

    def recent_crashes(self, heartbeat: Heartbeat | None, now: datetime) -> int:
        """Count the recent crashes, without the exits that the monitor caused."""
        recent = [at for at in heartbeat.crashes if at > now - CRASHES_COUNT_FOR] if heartbeat else []
        return sum(not self._is_expected(at) for at in recent)

    def _is_expected(self, crash: datetime) -> bool:
        return any(timedelta(0) <= crash - terminated < EXPECTED_EXIT for terminated in self.terminated_at)


Tracking = dict[str, TrackedSync]
"""The tracked syncs by name."""


def track_records(tracking: Tracking, records: Mapping[str, RemedyRecord]) -> None:
    """Note in `tracking` what the monitor did to programs, and when it will start one again."""
    for name, record in records.items():
        tracked = tracking.setdefault(name, TrackedSync())
        tracked.next_start, tracked.terminated_at = record.next_start, tuple(taken.at for taken in record.remedies)
