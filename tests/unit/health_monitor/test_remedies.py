"""What is done about a program, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from health_monitor.records import Deed, Ending, Reason, Record, read_records, records_path, write_records
from health_monitor.remedies import Do, decide, pause, restart
from sync_model.judgement import Condition, ProcessInfo, Remedy, SyncVerdict

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
PID = 7


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def running(started: float = 3600, pid: int = PID) -> ProcessInfo:
    return ProcessInfo("RUNNING", pid, ago(started))


def ending(since: float, pid: int = PID) -> Record:
    return Record(ending=Ending(pid=pid, since=ago(since)))


def renewed(seconds: float) -> Record:
    return Record(deeds=(Deed(at=ago(seconds), reason=Reason.MEMORY, text="restarted"),))


HANGS = SyncVerdict(Condition.STUCK, "silent for 5 min", remedy=Remedy.RESTART)
IS_LARGE = SyncVerdict(Condition.OK, "waiting", remedy=Remedy.RENEW)
FINE = SyncVerdict(Condition.OK, "waiting")
FATAL = ProcessInfo("FATAL", 0, ago(30), "Exited too quickly")

CASES = [
    # what                                      process                  verdict   what is remembered     what is done
    ("it is fine", running(), FINE, Record(), None),
    ("it hangs", running(), HANGS, Record(), Do.END),
    ("it hangs, and was just told to end", running(), HANGS, ending(24), None),
    ("it hangs, and does not end", running(), HANGS, ending(25), Do.KILL),
    ("it was killed a moment ago", running(), HANGS, ending(1), None),
    ("it is fine, but was told to end", running(), FINE, ending(30), Do.KILL),
    ("another one hangs now", running(pid=8), HANGS, ending(30), Do.END),
    ("its successor has the same pid", running(started=9), FINE, ending(30), None),
    ("its successor is fine", running(pid=8), FINE, ending(30), None),
    ("an operator stops it meanwhile", ProcessInfo("STOPPING", PID, ago(900)), HANGS, ending(30), None),
    ("an operator has stopped it", ProcessInfo("STOPPED", 0, ago(900)), HANGS, Record(), None),
    ("supervisord tries again by itself", ProcessInfo("BACKOFF", 0, ago(5)), FINE, Record(), None),
    ("it is too large", running(), IS_LARGE, Record(), Do.END),
    ("it is too large again", running(), IS_LARGE, renewed(599), None),
    ("it is too large again, later", running(), IS_LARGE, renewed(600), Do.END),
    ("supervisord has just given up", FATAL, FINE, Record(), None),
    ("its pause is not over", FATAL, FINE, Record(attempts=1, next_start=NOW + timedelta(seconds=1)), None),
    ("its pause is over", FATAL, FINE, Record(attempts=1, next_start=NOW), Do.START),
    ("a program that is no sync was given up", FATAL, None, Record(attempts=1, next_start=NOW), Do.START),
    ("a program that is no sync runs", running(), None, Record(), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("process", "verdict", "record", "do"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_done_about_a_program(process, verdict, record, do):
    assert decide(process, verdict, record, NOW, 0.0).do == do


@pytest.mark.parametrize(
    ("verdict", "reason", "said"),
    [
        (HANGS, Reason.STUCK, "restarted: silent for 5 min"),
        (IS_LARGE, Reason.MEMORY, "restarted: it uses more memory than MAX_WORKER_MEMORY"),
    ],
)
def test_what_was_done_is_remembered_with_its_reason_and_said(verdict, reason, said):
    step = decide(running(), verdict, Record(), NOW, 0.0)
    assert (step.said, step.record.deeds) == (said, (Deed(at=NOW, reason=reason, text=said),))
    assert step.record.restarts == {reason: 1}
    assert step.record.ending == Ending(pid=PID, since=NOW)


def test_what_supervisord_has_given_up_on_is_started_again_with_growing_pauses():
    record, now, pauses = Record(), NOW, []
    for _ in range(8):
        planned = decide(FATAL, FINE, record, now, 0.0)
        assert "given up on (Exited too quickly); it is started again in" in planned.said
        pauses.append((planned.record.next_start - now).total_seconds() / 60)
        now = planned.record.next_start
        started = decide(FATAL, FINE, planned.record, now, 0.0)
        assert started.do is Do.START
        record = started.record
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert record.restarts == {Reason.FAILED: 8}
    assert record.deeds[0].text == "started again, for the 8th time: supervisord had given up on it"


@pytest.mark.parametrize(
    # for how long it has run now      how often it was started again before, as far as that counts
    ("started", "attempts"),
    [(599, 5), (601, 0)],
)
def test_what_has_run_for_a_while_begins_with_a_short_pause_again(started, attempts):
    assert decide(running(started), FINE, Record(attempts=5), NOW, 0.0).record.attempts == attempts


def test_what_runs_again_is_not_started_when_it_is_given_up_the_next_time():
    before = Record(attempts=1, next_start=ago(5))
    meanwhile = decide(running(5), FINE, before, NOW, 0.0).record
    assert decide(FATAL, FINE, meanwhile, NOW, 0.0).do is None


def test_pauses_are_spread():
    assert pause(1, 0.0) < pause(1, 1.0) < pause(2, 0.0)
    assert pause(10**6, 0.0) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("process", "do"),
    [
        (running(), Do.END),
        (ProcessInfo("STARTING", PID), Do.END),
        (ProcessInfo("BACKOFF"), Do.START_AFRESH),
        (ProcessInfo("STOPPED"), Do.START),
        (FATAL, Do.START),
        (ProcessInfo("STOPPING", PID), None),
    ],
)
def test_what_is_done_when_a_person_asks_for_a_restart(process, do):
    step = restart(process, Record(attempts=3, next_start=NOW), NOW, "ann")
    assert step.do == do
    assert [deed.text for deed in step.record.deeds] == (["restarted: ann asked for it"] if do else [])


def test_what_is_remembered_outlives_the_monitor_and_a_broken_file_is_ignored(tmp_path):
    record = decide(FATAL, FINE, renewed(5), NOW, 0.5).record
    write_records(tmp_path, {"sync-ab": record})
    assert read_records(tmp_path) == {"sync-ab": record}
    for broken in ("{", '{"programs": {"sync-ab": {"attempts": "many"}}}', "[]"):
        records_path(tmp_path).write_text(broken)
        assert read_records(tmp_path) == {}
