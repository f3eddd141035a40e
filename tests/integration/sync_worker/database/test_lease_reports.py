"""What a lease tells others: who holds it, and what the holder said last of itself."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from sync_model.health.heartbeat import Phase, parse_heartbeat, read_heartbeat
from sync_worker.core.records import SaidOfItself
from sync_worker.database.lease import TIMING, WRITER, Lease
from sync_worker.database.lease_reports import read_report
from sync_worker.runtime import wiring


@pytest.fixture
def reported(new_writer, database_name):
    """Make a writer that holds the lease and says what `said` gives; and what others read of it."""

    class Reported:
        def __init__(self) -> None:
            self.said = None
            self.writer = new_writer(renew_unused_every=0.05, renew_every=0.05)
            self.writer.lease.heartbeat = lambda: self.said

        def say(self, content: bytes, *, ago: float = 0.0) -> None:
            self.said = SaidOfItself(content, time.monotonic() - ago)

        def report(self):
            return read_report(self.writer.client, database_name)

    return Reported()


def test_nobody_is_reported_before_any_worker_has_run(reported):
    assert reported.report() is None


def test_the_holder_is_reported_with_what_it_said_last(reported, wait_until):
    reported.say(b'{"first": 1}', ago=100.0)
    reported.writer.lease.hold()
    first = reported.report()
    assert (first.host, first.pid, first.is_held) == (socket.gethostname(), os.getpid(), True)
    assert first.heartbeat == b'{"first": 1}'
    assert first.heartbeat_age >= 100.0
    assert first.renewed_ago is not None
    reported.say(b'{"second": "$NOW"}')
    wait_until(lambda: reported.report().heartbeat == b'{"second": "$NOW"}', "the renewal to tell it")
    assert reported.report().heartbeat_age < 100.0


def test_what_was_told_already_is_not_written_again(reported, wait_until):
    reported.say(b'{"first": 1}')
    reported.writer.lease.hold()
    leases = reported.writer.database["lease"]
    leases.update_one({"_id": WRITER}, {"$set": {"heartbeat": "as somebody else wrote it"}})
    renewed = leases.find_one()["renewed"]
    wait_until(lambda: leases.find_one()["renewed"] > renewed, "a renewal")
    assert leases.find_one()["heartbeat"] == "as somebody else wrote it"


def test_a_worker_that_hangs_is_reported_older_and_older_although_its_lease_is_renewed(reported, wait_until):
    reported.say(b"{}", ago=500.0)
    reported.writer.lease.hold()
    before = reported.report()
    wait_until(lambda: reported.report().heartbeat_age > before.heartbeat_age, "it to grow")
    assert reported.report().is_held


def test_the_last_word_of_a_worker_that_ends_is_reported_with_the_end_of_its_lease(reported):
    reported.say(b'{"phase": "waiting"}')
    reported.writer.lease.hold()
    reported.say(b'{"phase": "stopping"}')
    reported.writer.lease.release()
    report = reported.report()
    assert (report.is_held, report.heartbeat) == (False, b'{"phase": "stopping"}')


def test_a_lease_that_has_run_out_is_reported_as_held_by_nobody(reported):
    reported.say(b"{}")
    reported.writer.lease.hold()
    reported.writer.lease._wakeup.request_stop()  # as if its process had died: nobody renews
    reported.writer.expire()
    assert not reported.report().is_held


def test_the_word_of_the_predecessor_is_not_taken_for_that_of_a_successor(reported, new_writer):
    reported.say(b'{"first": 1}')
    reported.writer.lease.hold()
    reported.writer.lease.release()
    new_writer().lease.hold()
    assert reported.report().heartbeat is None


def test_the_lease_of_an_earlier_version_is_reported_without_what_it_does_not_say(reported):
    reported.writer.lease.hold()
    names = {"renewed": True, "heartbeat": True, "heartbeat_age": True}
    reported.writer.lease._wakeup.request_stop()
    reported.writer.database["lease"].update_one({"_id": WRITER}, {"$unset": names})
    report = reported.report()
    assert (report.is_held, report.renewed_ago, report.heartbeat, report.heartbeat_age) == (True, None, None, 0.0)


def test_a_worker_tells_its_whole_heartbeat_by_its_lease(bench, command, wait_until):
    (bench.folder / "sync-ab.json").write_text(json.dumps(bench.definition))
    process = command.start()

    def told():
        report = read_report(bench.database.client, bench.database_name)
        return report and report.heartbeat and parse_heartbeat(report.heartbeat, datetime.now(UTC))

    wait_until(lambda: (beat := told()) and beat.totals.cycles and beat.pid == process.pid, "its first cycle")
    process.terminate()
    process.wait()
    assert told().phase is Phase.STOPPING
    assert not read_report(bench.database.client, bench.database_name).is_held


def test_a_worker_of_another_container_goes_on_from_what_the_one_before_it_knew(bench, command, wait_until, tmp_path):
    (bench.folder / "sync-ab.json").write_text(json.dumps(bench.definition))
    first = command.start(run_dir=tmp_path / "first")
    wait_until(lambda: (beat := read_heartbeat(tmp_path / "first", "sync-ab")) and beat.last_success, "a cycle")
    first.terminate()
    first.wait()
    before = read_heartbeat(tmp_path / "first", "sync-ab")
    # Its first cycle fails, so that it finds nothing by itself.
    bench.control.fault("one", "status", status=503)
    second = command.start(run_dir=tmp_path / "second")

    def said():
        return read_heartbeat(tmp_path / "second", "sync-ab")

    wait_until(lambda: (beat := said()) and beat.pid == second.pid and beat.phase is Phase.BACKING_OFF, "it to fail")
    assert (said().last_success, said().totals.cycles) == (before.last_success, 0)


def test_that_a_worker_is_paused_is_told_at_once(bench, monkeypatch, wait_until):
    never = replace(TIMING, renew_every=1e6, renew_unused_every=1e6)
    monkeypatch.setattr(wiring, "Lease", partial(Lease, timing=never))
    bench.start()
    bench.cycle()
    worker = bench.worker

    def phase_told():
        report = read_report(bench.database.client, bench.database_name)
        beat = parse_heartbeat(report.heartbeat, datetime.now(UTC))
        return beat.phase

    for phase in (Phase.PAUSED, Phase.WAITING, Phase.BACKING_OFF, Phase.CYCLE):
        worker.heartbeats.enter(phase)
        wait_until(lambda phase=phase: phase_told() is phase, f"{phase} to be told")
