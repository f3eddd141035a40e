"""The file in which a worker reports its state."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from sync_model.health.heartbeat import (
    CycleSummary,
    Heartbeat,
    HeartbeatReader,
    Phase,
    age,
    crashes_before,
    heartbeat_content,
    heartbeat_path,
    read_heartbeat,
    repeat_heartbeat,
    write_heartbeat,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(minutes=11), NOW - timedelta(minutes=9)
NOBODY = 2**30


def heartbeat() -> Heartbeat:
    last = CycleSummary(started=NOW, duration=1.5, fetched=3, calls=9, created=1)
    return Heartbeat(
        name="sync-ab", pid=7, digest="d", phase=Phase.WAITING, since=NOW, sent=NOW, last_cycle=last, next_cycle=NOW
    )


def test_a_written_heartbeat_is_read_back_and_no_draft_is_left(tmp_path):
    write_heartbeat(tmp_path, heartbeat())
    assert read_heartbeat(tmp_path, "sync-ab") == heartbeat()
    assert [path.name for path in (tmp_path / "heartbeats").iterdir()] == ["sync-ab.json"]


def test_a_missing_or_broken_heartbeat_is_read_as_none(tmp_path):
    assert read_heartbeat(tmp_path, "sync-ab") is None
    write_heartbeat(tmp_path, heartbeat())
    heartbeat_path(tmp_path, "sync-ab").write_text("{")
    assert read_heartbeat(tmp_path, "sync-ab") is None


def test_a_heartbeat_that_has_not_changed_is_neither_read_nor_parsed_again(tmp_path):
    reader = HeartbeatReader()
    written = write_heartbeat(tmp_path, heartbeat())
    first = reader.read(tmp_path, "sync-ab")
    assert reader.read(tmp_path, "sync-ab") is first
    later = NOW + timedelta(seconds=15)
    assert repeat_heartbeat(written, later)
    repeated = reader.read(tmp_path, "sync-ab")
    assert repeated == heartbeat().model_copy(update={"sent": later})
    assert repeated.last_cycle is first.last_cycle, "it was parsed again"


@pytest.mark.parametrize("sent", [NOW, NOW + timedelta(seconds=1)], ids=["with the time of the last", "later"])
def test_a_heartbeat_that_replaces_another_is_read_whatever_its_time(tmp_path, sent):
    reader = HeartbeatReader()
    write_heartbeat(tmp_path, heartbeat())
    reader.read(tmp_path, "sync-ab")
    for queued in (1, 2, 3):  # the kernel gives the same numbers to files again
        other = heartbeat().model_copy(update={"queued": queued, "sent": sent})
        write_heartbeat(tmp_path, other)
        assert reader.read(tmp_path, "sync-ab") == other


def test_a_heartbeat_that_is_gone_or_broken_is_forgotten(tmp_path):
    reader = HeartbeatReader()
    write_heartbeat(tmp_path, heartbeat())
    assert reader.read(tmp_path, "sync-ab")
    heartbeat_path(tmp_path, "sync-ab").write_text("{")
    assert reader.read(tmp_path, "sync-ab") is None
    write_heartbeat(tmp_path, heartbeat())
    assert reader.read(tmp_path, "sync-ab")
    heartbeat_path(tmp_path, "sync-ab").unlink()
    assert reader.read(tmp_path, "sync-ab") is None


def test_what_was_said_before_is_not_parsed_again_whenever_it_was_sent():
    reader, content = HeartbeatReader(), heartbeat_content(heartbeat())
    first = reader.parse(content, NOW)
    later = reader.parse(content, NOW + timedelta(seconds=3))
    assert (later.sent, later.last_cycle is first.last_cycle) == (NOW + timedelta(seconds=3), True)
    assert reader.parse(content.replace(b"waiting", b"paused"), NOW).phase is Phase.PAUSED
    assert reader.parse(b"[]", NOW) is None


def test_the_age_of_a_heartbeat_counts_from_when_it_was_sent():
    assert age(heartbeat(), NOW + timedelta(seconds=12)) == 12


def test_a_heartbeat_is_repeated_without_writing_its_file(tmp_path):
    written = write_heartbeat(tmp_path, heartbeat())
    path = heartbeat_path(tmp_path, "sync-ab")
    before, later = path.stat().st_ino, NOW + timedelta(seconds=15)
    set_back = repeat_heartbeat(repeat_heartbeat(written, later), NOW - timedelta(hours=1))  # the clock was
    assert repeat_heartbeat(set_back, later)
    assert path.stat().st_ino == before
    assert read_heartbeat(tmp_path, "sync-ab") == heartbeat().model_copy(update={"sent": later})


@pytest.mark.parametrize("another", [None, NOW, NOW + timedelta(seconds=1)], ids=["gone", "at the same time", "later"])
def test_a_heartbeat_that_another_worker_replaced_is_not_repeated(tmp_path, another):
    written = write_heartbeat(tmp_path, heartbeat())
    path = heartbeat_path(tmp_path, "sync-ab")
    if another:
        write_heartbeat(tmp_path, heartbeat().model_copy(update={"pid": 8, "sent": another}))
    else:
        path.unlink()
    assert repeat_heartbeat(written, NOW + timedelta(seconds=15)) is None
    found = read_heartbeat(tmp_path, "sync-ab")
    assert (found and found.sent) == another


@pytest.mark.parametrize(
    # the predecessor's last phase, its pid, the crashes it reported      the crashes to report
    ("phase", "pid", "known", "expected"),
    [
        (Phase.WAITING, NOBODY, (), (NOW,)),
        (Phase.CYCLE, NOBODY, (LONG_AGO, LATELY), (LATELY, NOW)),
        (Phase.STOPPING, NOBODY, (LONG_AGO, LATELY), (LATELY,)),
        (Phase.WAITING, os.getpid(), (), ()),  # it still runs
    ],
    ids=["alive to the last", "in a cycle", "it stopped", "it runs"],
)
def test_a_predecessor_that_ended_without_stopping_is_a_crash_for_ten_minutes(phase, pid, known, expected):
    before = heartbeat().model_copy(update={"phase": phase, "pid": pid, "crashes": known})
    assert crashes_before(before, NOW) == expected
    assert crashes_before(None, NOW) == ()
