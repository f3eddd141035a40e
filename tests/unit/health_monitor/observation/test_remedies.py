"""What is done about a program that hangs, is too large or was given up, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from health_monitor.observation.remedies import SupervisorCommand, backoff, decide, restart
from health_monitor.observation.remedy_records import Reason, RemedyRecord, TakenRemedy, Termination
from sync_model.health.judgement import Condition, ProcessInfo, Remedy, SyncVerdict

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
PID = 7


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def running(started: float = 3600, pid: int = PID) -> ProcessInfo:
    return ProcessInfo("RUNNING", pid, ago(started))


def terminated(since: float, pid: int = PID) -> RemedyRecord:
    return RemedyRecord(termination=Termination(pid=pid, since=ago(since)))


def renewed(seconds: float) -> RemedyRecord:
    return RemedyRecord(remedies=(TakenRemedy(at=ago(seconds), reason=Reason.MEMORY, text="restarted"),))


HANGS = SyncVerdict(Condition.STUCK, "silent for 5 min", remedy=Remedy.RESTART)
IS_LARGE = SyncVerdict(Condition.OK, "waiting", remedy=Remedy.RENEW)
FINE = SyncVerdict(Condition.OK, "waiting")
NO_RECORD = RemedyRecord()
FATAL = ProcessInfo("FATAL", 0, ago(30), "Exited too quickly")

CASES = [
    # what                                      process                  verdict   record                      command
    ("it is fine", running(), FINE, NO_RECORD, None),
    ("it hangs", running(), HANGS, NO_RECORD, SupervisorCommand.TERMINATE),
    ("it hangs, and was just terminated", running(), HANGS, terminated(24), None),
    ("it hangs, and does not end", running(), HANGS, terminated(25), SupervisorCommand.KILL),
    ("it was killed a moment ago", running(), HANGS, terminated(1), None),
    ("it is fine, but was terminated", running(), FINE, terminated(30), SupervisorCommand.KILL),
    ("another process hangs now", running(pid=8), HANGS, terminated(30), SupervisorCommand.TERMINATE),
    ("its successor has the same pid", running(started=9), FINE, terminated(30), None),
    ("its successor is fine", running(pid=8), FINE, terminated(30), None),
    ("an operator stops it meanwhile", ProcessInfo("STOPPING", PID, ago(900)), HANGS, terminated(30), None),
    ("an operator has stopped it", ProcessInfo("STOPPED", 0, ago(900)), HANGS, NO_RECORD, None),
    ("supervisord starts it again by itself", ProcessInfo("BACKOFF", 0, ago(5)), FINE, NO_RECORD, None),
    ("it is too large", running(), IS_LARGE, NO_RECORD, SupervisorCommand.TERMINATE),
    ("it is too large again", running(), IS_LARGE, renewed(599), None),
    ("it is too large again, later", running(), IS_LARGE, renewed(600), SupervisorCommand.TERMINATE),
    ("supervisord has just given up", FATAL, FINE, NO_RECORD, None),
    ("its backoff is not over", FATAL, FINE, RemedyRecord(attempts=1, next_start=NOW + timedelta(seconds=1)), None),
    ("its backoff is over", FATAL, FINE, RemedyRecord(attempts=1, next_start=NOW), SupervisorCommand.START),
    ("a program that is no sync was given up", FATAL, None, RemedyRecord(attempts=1, next_start=NOW),
     SupervisorCommand.START),
    ("a program that is no sync runs", running(), None, NO_RECORD, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("process", "verdict", "record", "command"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_is_done_about_a_program(process, verdict, record, command):
    assert decide(process, verdict, record, NOW, 0.0).command == command


@pytest.mark.parametrize(
    ("verdict", "reason", "message"),
    [
        (HANGS, Reason.STUCK, "restarted: silent for 5 min"),
        (IS_LARGE, Reason.MEMORY, "restarted: it uses more memory than MAX_WORKER_MEMORY"),
    ],
)
def test_a_remedy_is_recorded_and_logged_with_its_reason(verdict, reason, message):
    step = decide(running(), verdict, NO_RECORD, NOW, 0.0)
    assert (step.message, step.record.remedies) == (message, (TakenRemedy(at=NOW, reason=reason, text=message),))
    assert step.record.restarts == {reason: 1}
    assert step.record.termination == Termination(pid=PID, since=NOW)


def test_a_program_that_supervisord_has_given_up_on_is_started_again_with_a_growing_backoff():
    record, now, backoffs = NO_RECORD, NOW, []
    for _ in range(8):
        planned = decide(FATAL, FINE, record, now, 0.0)
        assert "given up on (Exited too quickly); it is started again in" in planned.message
        backoffs.append((planned.record.next_start - now).total_seconds() / 60)
        now = planned.record.next_start
        started = decide(FATAL, FINE, planned.record, now, 0.0)
        assert started.command is SupervisorCommand.START
        record = started.record
    assert backoffs == [1, 2, 4, 8, 16, 30, 30, 30]
    assert record.restarts == {Reason.FAILED: 8}
    assert record.remedies[0].text == "started again, for the 8th time: supervisord had given up on it"


@pytest.mark.parametrize(
    # for how long it has run now      how many earlier attempts still count
    ("started", "attempts"),
    [(599, 5), (601, 0)],
)
def test_earlier_failures_of_a_program_that_has_run_for_a_while_do_not_count(started, attempts):
    assert decide(running(started), FINE, RemedyRecord(attempts=5), NOW, 0.0).record.attempts == attempts


def test_a_planned_start_is_dropped_once_the_program_runs_again():
    before = RemedyRecord(attempts=1, next_start=ago(5))
    meanwhile = decide(running(5), FINE, before, NOW, 0.0).record
    assert decide(FATAL, FINE, meanwhile, NOW, 0.0).command is None


def test_the_backoff_has_a_jitter_and_a_limit():
    assert backoff(1, 0.0) < backoff(1, 1.0) < backoff(2, 0.0)
    assert backoff(10**6, 0.0) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("process", "command"),
    [
        (running(), SupervisorCommand.TERMINATE),
        (ProcessInfo("STARTING", PID), SupervisorCommand.TERMINATE),
        (ProcessInfo("BACKOFF"), SupervisorCommand.STOP_AND_START),
        (ProcessInfo("STOPPED"), SupervisorCommand.START),
        (FATAL, SupervisorCommand.START),
        (ProcessInfo("STOPPING", PID), None),
    ],
)
def test_a_person_can_restart_a_program_in_any_state_but_while_it_stops(process, command):
    step = restart(process, RemedyRecord(attempts=3, next_start=NOW), NOW, "ann")
    assert step.command == command
    assert [taken.text for taken in step.record.remedies] == (["restarted: ann asked for it"] if command else [])
