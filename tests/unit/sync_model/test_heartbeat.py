"""The record of what a worker last said."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from sync_model.heartbeat import (
    CycleSummary,
    Heartbeat,
    Phase,
    age,
    crashes_before,
    heartbeat_path,
    read_heartbeat,
    write_heartbeat,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(minutes=11), NOW - timedelta(minutes=9)
NOBODY = 2**30


def heartbeat() -> Heartbeat:
    last = CycleSummary(started=NOW, duration=1.5, fetched=3, created=1, calls=9)
    return Heartbeat(
        name="sync-ab", pid=7, digest="d", phase=Phase.WAITING, since=NOW, sent=NOW, last_cycle=last, next_cycle=NOW
    )


def test_what_is_written_is_read_back_and_nothing_else_is_left(tmp_path):
    write_heartbeat(tmp_path, heartbeat())
    assert read_heartbeat(tmp_path, "sync-ab") == heartbeat()
    assert [path.name for path in (tmp_path / "heartbeats").iterdir()] == ["sync-ab.json"]


def test_no_heartbeat_and_a_broken_one_say_nothing(tmp_path):
    assert read_heartbeat(tmp_path, "sync-ab") is None
    write_heartbeat(tmp_path, heartbeat())
    heartbeat_path(tmp_path, "sync-ab").write_text("{")
    assert read_heartbeat(tmp_path, "sync-ab") is None


def test_its_age_is_counted_from_when_it_was_sent():
    assert age(heartbeat(), NOW + timedelta(seconds=12)) == 12


@pytest.mark.parametrize(
    # what its predecessor was last at, whether it is alive, what that one knew        what the next one says
    ("phase", "pid", "known", "expected"),
    [
        (Phase.WAITING, NOBODY, (), (NOW,)),
        (Phase.CYCLE, NOBODY, (LONG_AGO, LATELY), (LATELY, NOW)),
        (Phase.STOPPING, NOBODY, (LONG_AGO, LATELY), (LATELY,)),
        (Phase.WAITING, os.getpid(), (), ()),  # it runs beside this one
    ],
    ids=["alive to the last", "in a cycle", "it stopped", "it runs"],
)
def test_a_worker_that_ended_without_stopping_is_remembered_for_a_while(phase, pid, known, expected):
    before = heartbeat().model_copy(update={"phase": phase, "pid": pid, "crashes": known})
    assert crashes_before(before, NOW) == expected
    assert crashes_before(None, NOW) == ()
