"""What a heartbeat says, and when none is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from sync_model.health.heartbeat import Heartbeat, Phase, read_heartbeat
from sync_worker.runtime.heartbeats import HeartbeatSender


@pytest.fixture
def sender(tmp_path: Path) -> HeartbeatSender:
    return HeartbeatSender("sync-ab", "digest", 0.01, tmp_path, structlog.get_logger())


def heartbeat(sender: HeartbeatSender) -> Heartbeat:
    found = read_heartbeat(sender.run_dir, "sync-ab")
    assert found is not None
    return found


def test_a_worker_that_stands_by_beside_the_writer_leaves_its_heartbeat_alone(sender):
    sender.enter(Phase.WAITING)
    before = heartbeat(sender)
    sender.is_silent = lambda: True
    sender.enter(Phase.STANDBY)
    assert heartbeat(sender) == before


def test_the_heartbeat_says_how_much_memory_is_ours(sender):
    sender.beat()
    assert 1_000_000 < heartbeat(sender).memory < 10_000_000_000
