"""The record of what a worker last said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync_model.heartbeat import CycleSummary, Heartbeat, Phase, age, heartbeat_path, read_heartbeat, write_heartbeat

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


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
