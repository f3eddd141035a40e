"""The loop: what it says of itself, and how it stops."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import structlog

from sync_model.heartbeat import Heartbeat, Phase, read_heartbeat
from sync_worker.cycle import Result
from sync_worker.errors import Refused, Stopping, Unavailable
from sync_worker.worker import Worker


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker("sync-ab", "digest", 0.01, tmp_path, structlog.get_logger())


def heartbeat(worker: Worker) -> Heartbeat:
    found = read_heartbeat(worker.run_dir, "sync-ab")
    assert found is not None
    return found


def test_a_cycle_that_hangs_sends_no_heartbeat(worker):
    """Heartbeats leave the steps of a cycle; there is no timer beside it that would keep a hung one green."""
    sent = []

    def one_pass(_time_is_up) -> Result:
        sent.append(heartbeat(worker))
        worker._beat_at = float("-inf")  # a heartbeat has been due for long
        sent.append(heartbeat(worker))
        worker.pause(0)  # the next step of the cycle
        sent.append(heartbeat(worker))
        return Result()

    worker.run_once(one_pass)
    assert [each.phase for each in sent] == [Phase.CYCLE] * 3
    assert sent[0].sent == sent[1].sent < sent[2].sent
    assert threading.active_count() == 1


@pytest.mark.parametrize(
    # error                       phase
    ("error", "phase"),
    [
        (None, Phase.WAITING),
        (Unavailable("no answer"), Phase.BACKING_OFF),
        (Refused("wrong token"), Phase.REFUSED),
        (KeyError("ours"), Phase.BACKING_OFF),
    ],
)
def test_the_heartbeat_says_how_the_last_cycle_ended_and_when_the_next_one_starts(worker, error, phase):
    worker.interval = 3600.0
    seen = []

    def one_pass(_time_is_up) -> Result:
        worker.stop.wait = lambda _timeout: seen.append(heartbeat(worker)) or worker.stop.set()
        if error:
            raise error
        return Result(created=2)

    worker.interval = 0.01
    worker.run(one_pass) if error else _run_one(worker, one_pass, seen)
    assert seen[0].phase is phase
    assert seen[0].reason == (str(error) if error else None)
    assert seen[0].next_cycle > seen[0].since
    assert heartbeat(worker).phase is Phase.STOPPING


def _run_one(worker: Worker, one_pass, seen) -> None:
    def first(time_is_up) -> Result:
        worker.interval = 3600.0
        return one_pass(time_is_up)

    worker.run(first)
    assert seen[0].last_cycle.created == 2
    assert seen[0].last_success is not None


def test_a_wait_ends_at_once_when_asked_to_stop(worker):
    threading.Timer(0.01, worker.stop.set).start()
    with pytest.raises(Stopping):
        worker.pause(3600)


def test_being_stopped_is_no_error(worker):
    def one_pass(_time_is_up) -> Result:
        raise Stopping

    assert worker.run_once(one_pass) is None


def test_a_run_directory_that_cannot_be_written_does_not_stop_the_sync(worker, tmp_path):
    (tmp_path / "heartbeats").write_text("a file where a folder should be")
    assert worker.run_once(lambda _time_is_up: Result()) is None
