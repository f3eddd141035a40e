"""What a later snapshot knows from earlier ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from health_monitor.observation.remedy_records import Reason, RemedyRecord, TakenRemedy
from health_monitor.observation.tracking import TrackedSync, Tracking, track_records
from sync_model.health.heartbeat import Heartbeat, Phase
from sync_model.health.judgement import ProcessInfo

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def heartbeat(sent: float = 0, crashes: tuple[datetime, ...] = ()) -> Heartbeat:
    return Heartbeat(name="a", pid=1, digest="d", phase=Phase.WAITING, since=ago(900), sent=ago(sent), crashes=crashes)


@pytest.mark.parametrize(
    # the second heartbeat    the second process    since when it is silent
    ("second", "process", "silent_since"),
    [
        (heartbeat(sent=5), ProcessInfo("RUNNING", 1), 10.0),
        (heartbeat(sent=4), ProcessInfo("RUNNING", 1), 20.0),
        (heartbeat(sent=5), ProcessInfo("RUNNING", 2), 20.0),
        (None, ProcessInfo("RUNNING", 1), 20.0),
    ],
)
def test_a_worker_is_silent_until_its_heartbeat_or_its_process_is_a_new_one(second, process, silent_since):
    tracked = TrackedSync()
    tracked.note(heartbeat(sent=5), ProcessInfo("RUNNING", 1), clock=10.0)
    tracked.note(second, process, clock=20.0)
    assert tracked.silent_since == silent_since


@pytest.mark.parametrize(
    # how long ago it crashed    how long ago the monitor terminated it    what is counted
    ("crashed", "terminated", "count"),
    [(599, None, 1), (601, None, 0), (10, 60, 0), (10, 75, 1), (10, 5, 1)],
)
def test_an_exit_that_the_monitor_caused_is_no_crash(crashed, terminated, count):
    taken = () if terminated is None else (TakenRemedy(at=ago(terminated), reason=Reason.STUCK, text="restarted"),)
    tracking: Tracking = {}
    track_records(tracking, {"a": RemedyRecord(remedies=taken, next_start=NOW)})
    assert tracking["a"].recent_crashes(heartbeat(crashes=(ago(crashed),)), NOW) == count
    assert tracking["a"].next_start == NOW
