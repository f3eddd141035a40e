"""The loop: what it says of itself, and how it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from sync_model.health.heartbeat import Heartbeat, Phase, read_heartbeat, write_heartbeat
from sync_worker.core.errors import LeaseLost, NeedsOperator, Paused, StopRequested, Unavailable
from sync_worker.core.ports import FailingIssue
from sync_worker.core.wakeup import Wakeup
from sync_worker.engine.cycle import CycleResult
from sync_worker.runtime.loop import Worker


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker("sync-ab", "digest", 0.01, tmp_path, structlog.get_logger())


def heartbeat(worker: Worker) -> Heartbeat:
    found = read_heartbeat(worker.run_dir, "sync-ab")
    assert found is not None
    return found


@pytest.mark.defect(12)
def test_a_cycle_that_hangs_sends_no_heartbeat(worker):
    """Heartbeats leave the steps of a cycle; there is no timer beside it that would keep a hung one green."""
    sent, threads = [], set(threading.enumerate())

    def run_cycle(_is_past_deadline) -> CycleResult:
        sent.append(heartbeat(worker))
        worker.heartbeats._beat_at = float("-inf")  # a heartbeat has been due for long
        sent.append(heartbeat(worker))
        worker.wait(0)  # the next step of the cycle
        sent.append(heartbeat(worker))
        return CycleResult()

    worker.run_once(run_cycle)
    assert [each.phase for each in sent] == [Phase.CYCLE] * 3
    assert sent[0].sent == sent[1].sent < sent[2].sent
    assert set(threading.enumerate()) <= threads


class StopAtNextWait(Wakeup):
    """Stops the worker at its first wait after a cycle, and keeps what its heartbeat said then."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self.worker, self.seen = worker, []

    def wait(self, _seconds: float) -> None:
        if (
            self.worker.heartbeats.phase is not Phase.WAITING
            or self.worker._result.fetched
            or self.worker.heartbeats.reason
        ):
            self.seen.append(heartbeat(self.worker))
            self.request_stop()


@pytest.mark.defect(13)
@pytest.mark.parametrize(
    # error                       phase
    ("error", "phase"),
    [
        (None, Phase.WAITING),
        (Unavailable("no answer"), Phase.BACKING_OFF),
        (NeedsOperator("wrong token"), Phase.REFUSED),
        (LeaseLost("another one runs it"), Phase.STANDBY),
        (Paused("paused by ann"), Phase.PAUSED),
        (KeyError("ours"), Phase.BACKING_OFF),
    ],
)
def test_the_heartbeat_says_how_the_last_cycle_ended_and_when_the_next_one_starts(worker, error, phase):
    worker.interval = worker.heartbeats.interval = 3600.0
    worker.wakeup = StopAtNextWait(worker)
    worker.wakeup.look = True  # the first cycle at once

    def run_cycle(_is_past_deadline) -> CycleResult:
        if error:
            raise error
        worker.heartbeats.actions["create done"] += 2
        failing = FailingIssue("DEV-3", datetime(2026, 1, 2, tzinfo=UTC), 5, "no such status")
        return CycleResult(fetched=3, queued=4, dead=1, failing=failing, waits_for=90.0)

    worker.run(run_cycle)
    (seen,) = worker.wakeup.seen
    assert seen.phase is phase
    assert seen.reason == (str(error) if error else None)
    assert (seen.next_cycle is None) if phase is Phase.PAUSED else (seen.next_cycle > seen.since)
    assert heartbeat(worker).phase is Phase.STOPPING
    if error is None:
        assert (seen.last_cycle.actions["created"], seen.queued, seen.dead_letters) == (2, 4, 1)
        assert seen.oldest_change == seen.last_success - timedelta(seconds=90)
        assert (seen.trouble.issue, seen.trouble.attempts, seen.trouble.error) == ("DEV-3", 5, "no such status")


@pytest.mark.parametrize(
    # retry_in   expected
    ("retry_in", "seconds"),
    [
        (None, 3600.0),
        (20.0, 20.0),
        (0.0, 1.0),  # a moment's rest, whatever is due
        (7200.0, 3600.0),
    ],
)
def test_a_change_that_may_be_tried_again_earlier_brings_the_next_cycle_forward(worker, retry_in, seconds):
    worker.interval = 3600.0
    worker._result = CycleResult(retry_in=retry_in)
    assert worker._next_start(started=1000.0, now=1000.0) == 1000.0 + seconds


class HurriedWakeup(Wakeup):
    """Ends each wait at once, after the next of `meanwhile`, with a heartbeat due. After the last one it wakes."""

    def __init__(self, worker: Worker, *meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._worker, self._meanwhile = worker, list(meanwhile)

    def wait(self, _seconds: float) -> None:
        self._meanwhile.pop(0)()
        self._worker.heartbeats._beat_at = float("-inf")
        self.look = not self._meanwhile


def test_a_worker_that_waits_repeats_its_heartbeat_whatever_happens_to_the_file(worker):
    """What has not changed is not written again, except where it is not there to be repeated."""
    file = worker.run_dir / "heartbeats" / "sync-ab.json"
    seen = []

    def look() -> None:
        seen.append((file.stat().st_ino, heartbeat(worker)))

    def much_memory() -> None:
        look()
        worker.heartbeats._memory = (float("-inf"), 7)  # looked at long ago

    worker.wakeup = HurriedWakeup(worker, look, look, file.unlink, much_memory, look)
    worker.heartbeats.enter(Phase.WAITING)
    worker._wait_until(float("inf"))
    first, repeated, rewritten, looked = seen
    assert first[0] == repeated[0]
    assert first[1].model_copy(update={"sent": repeated[1].sent}) == repeated[1]
    assert first[1].sent < repeated[1].sent < rewritten[1].sent < looked[1].sent
    assert [each[1].phase for each in seen] == [Phase.WAITING] * 4
    assert looked[0] != rewritten[0]  # a look at the memory was due
    assert looked[1].memory > 1_000_000


def test_a_wait_between_cycles_ends_when_the_worker_is_woken(worker):
    threading.Timer(0.01, worker.wakeup.wake).start()
    assert worker._wait_until(float("inf"))


def test_waking_a_worker_during_a_cycle_cuts_no_wait_short(worker):
    worker.wakeup.wake()
    began = time.monotonic()
    worker.wait(0.05)
    assert time.monotonic() >= began + 0.05
    assert worker.wakeup.look


def test_a_wait_ends_at_once_when_asked_to_stop(worker):
    threading.Timer(0.01, worker.wakeup.request_stop).start()
    with pytest.raises(StopRequested):
        worker.wait(3600)


def test_being_stopped_is_no_error(worker):
    def run_cycle(_is_past_deadline) -> CycleResult:
        raise StopRequested

    assert worker.run_once(run_cycle) is None


def test_the_heartbeat_says_that_the_worker_before_this_one_ended_without_stopping(worker, tmp_path):
    worker.run_only_once(lambda _is_past_deadline: CycleResult())
    before = heartbeat(worker).model_copy(update={"phase": Phase.CYCLE, "pid": 2**30})
    for predecessor in (before, None):  # the second finds what the first one said when it stopped
        if predecessor:
            write_heartbeat(tmp_path, predecessor)
        successor = Worker("sync-ab", "digest", 0.01, tmp_path, structlog.get_logger())
        successor.wakeup.request_stop()
        successor.run(lambda _is_past_deadline: CycleResult())
        assert len(heartbeat(successor).crashes) == 1


def test_a_run_directory_that_cannot_be_written_does_not_stop_the_sync(worker, tmp_path):
    (tmp_path / "heartbeats").write_text("a file where a folder should be")
    assert worker.run_once(lambda _is_past_deadline: CycleResult()) is None


def test_a_refused_worker_that_tries_again_stays_refused_until_it_has_found_something_out(worker):
    """Otherwise a sync that is refused would look well for a moment, again and again."""
    phases = []

    def refused(_is_past_deadline) -> CycleResult:
        phases.append(heartbeat(worker).phase)
        raise NeedsOperator("wrong token")

    worker.heartbeats.enter(Phase.REFUSED, reason="wrong token")
    since = heartbeat(worker).since
    worker.run_once(refused)
    assert phases == [Phase.REFUSED]
    worker.heartbeats.enter(Phase.REFUSED, reason="wrong token")
    assert heartbeat(worker).since == since
    worker.enter_cycle_from(Phase.BACKING_OFF, Phase.REFUSED)
    assert heartbeat(worker).phase is Phase.CYCLE


def test_every_cycle_is_recorded_with_what_it_did_or_why_it_failed(worker):
    kept = []
    worker.record_cycle = kept.append

    def run_cycle(_is_past_deadline) -> CycleResult:
        worker.heartbeats.actions["move done"] += 1
        worker.heartbeats.actions["comment failed"] += 1
        if kept:
            raise Unavailable("no answer")
        return CycleResult(fetched=5)

    worker.run_once(run_cycle)
    worker.run_once(run_cycle)
    good, bad = kept
    assert (good.counts["fetched"], good.counts["moved"], good.counts["commented"], good.error) == (5, 1, 0, None)
    assert (bad.counts["moved"], bad.error) == (1, "no answer")
    totals = worker.heartbeats._totals()
    assert (totals.cycles, totals.failed_cycles) == (1, 1)
    assert totals.actions == {"move done": 2, "comment failed": 2}


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("digest", ["digest", "another file"])
def test_a_new_worker_knows_what_its_predecessor_found_until_its_first_cycle_has_gone_through(
    worker, tmp_path, once, digest
):
    """Else everything would look green, and those on duty be told so, just because a worker was restarted."""
    found = {
        "dead_letters": 3,
        "queued": 5,
        "last_success": datetime(2026, 1, 2, tzinfo=UTC),
        "unknown_statuses": ("x",),
    }
    worker.heartbeats.found(**found)
    worker.heartbeats.enter(Phase.STOPPING)
    successor = Worker("sync-ab", digest, 0.01, tmp_path, structlog.get_logger())

    def fails(_is_past_deadline) -> CycleResult:
        raise Unavailable("no answer")

    if once:
        successor.run_only_once(fails)
        seen = heartbeat(successor)
    else:
        successor.wakeup = StopAtNextWait(successor)
        successor.wakeup.look = True
        successor.run(fails)
        (seen,) = successor.wakeup.seen
        assert seen.phase is Phase.BACKING_OFF
    kept = found if digest == "digest" else {**found, "unknown_statuses": ()}
    assert seen.model_dump(include=set(found)) == kept
    successor.run_once(lambda _is_past_deadline: CycleResult())
    assert (heartbeat(successor).dead_letters, successor.heartbeats.findings.dead_letters) == (3, 0)
