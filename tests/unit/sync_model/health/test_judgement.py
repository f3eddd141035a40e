"""The health of a sync follows from the facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_model.health.heartbeat import (
    CensusTrouble,
    ExpiringRecord,
    FailingChange,
    Heartbeat,
    HeldRecord,
    Phase,
    UnprocessableRecord,
)
from sync_model.health.judgement import Condition, Facts, Level, ProcessInfo, Remedy, format_duration, judge, lag

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
PID = 7


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def running(started: float = 3600, state: str = "RUNNING") -> ProcessInfo:
    return ProcessInfo(state, PID, ago(started), "uptime 1:00:00")


def said(phase: Phase = Phase.WAITING, sent: float = 3, since: float = 60, **more) -> Heartbeat:
    known = {"name": "ab", "pid": PID, "digest": "d", "phase": phase, "last_success": ago(60), "reason": "so"}
    return Heartbeat(since=ago(since), sent=ago(sent), **known | more)


def census(failing_for: float) -> CensusTrouble:
    return CensusTrouble(since=ago(failing_for), attempts=3, error="500")


DOWN = {
    state: ProcessInfo(state, 0, ago(30), "Exited too quickly") for state in ("FATAL", "BACKOFF", "STOPPED", "EXITED")
}
TROUBLE = FailingChange(issue="DEV-3", since=ago(9000), attempts=4, error="no transition")
BAD = UnprocessableRecord(side="user", issue="SUP-3", since=ago(50), attempts=2, error="403 Not this one.")
HELD = HeldRecord(name="creations", number=300, since=ago(500), text="300 counterparts would be created at once")
BROKEN = ("sync-ab.json: rules: is missing",)

CASES = [
    # what                process              heartbeat            other facts     condition            remedy
    ("all is well", running(), said(), {}, Condition.OK, None),
    ("a cycle runs", running(), said(Phase.CYCLE), {}, Condition.OK, None),
    ("it stops gracefully", running(), said(Phase.STOPPING), {}, Condition.OK, None),
    ("just started", running(5), None, {}, Condition.STARTING, None),
    ("just started again", running(5), said(Phase.STOPPING, sent=20, pid=3), {}, Condition.STARTING, None),
    ("nothing has gone through yet", running(), said(last_success=None), {}, Condition.STARTING, None),
    ("its first cycle runs", running(), said(Phase.CYCLE, last_success=None), {}, Condition.STARTING, None),
    ("its first cycle runs, and changes were given up before", running(), said(last_success=None, dead_letters=1),
     {}, Condition.NEEDS_A_LOOK, None),
    ("says it starts", running(5), said(Phase.STARTING), {}, Condition.STARTING, None),
    ("another worker beside it writes", running(), said(pid=99), {}, Condition.OK, None),
    ("it stands by", running(), said(Phase.STANDBY), {}, Condition.STANDBY, None),
    ("paused", running(), said(Phase.PAUSED), {}, Condition.PAUSED, None),
    ("paused, long ago", running(), said(Phase.PAUSED, since=9e6, last_success=ago(9e6)), {}, Condition.PAUSED, None),
    ("stopped by hand", DOWN["STOPPED"], said(Phase.STOPPING), {}, Condition.STOPPED, None),
    ("an apply replaces it", DOWN["STOPPED"], said(), {"is_being_replaced": True}, Condition.STARTING, None),
    ("an apply adds it", None, None, {"is_being_replaced": True}, Condition.STARTING, None),
    ("an apply replaced it", running(), said(), {"is_being_replaced": True}, Condition.OK, None),
    ("runs what was applied", running(), said(), {"applied_digest": "d"}, Condition.OK, None),
    ("runs an older file", running(), said(), {"applied_digest": "e"}, Condition.OUTDATED, None),
    ("its predecessor ran one", running(5), said(sent=20, pid=3), {"applied_digest": "e"}, Condition.STARTING, None),
    ("is refused, too", running(), said(Phase.REFUSED), {"applied_digest": "e"}, Condition.REFUSED, None),
    ("stopped by hand, long ago", DOWN["STOPPED"], said(sent=9e5), {"silence": 9e5}, Condition.STOPPED, None),
    ("silent, not for long", running(), said(Phase.CYCLE, sent=170), {"silence": 170}, Condition.OK, None),
    ("hangs in a cycle", running(), said(Phase.CYCLE, sent=500), {"silence": 500}, Condition.STUCK, Remedy.RESTART),
    ("hangs in a wait", running(), said(sent=500), {"silence": 500}, Condition.STUCK, Remedy.RESTART),
    ("the clock jumped", running(), said(sent=5000), {"silence": 8}, Condition.STUCK, None),
    ("never said a word", running(900), None, {"silence": 900}, Condition.STUCK, Remedy.RESTART),
    ("has more time", running(), said(sent=500), {"silence": 500, "interval": 3600.0}, Condition.OK, None),
    ("given up on", DOWN["FATAL"], None, {"next_start": NOW + timedelta(seconds=9)}, Condition.FATAL, None),
    ("its pause is over", DOWN["FATAL"], None, {"next_start": ago(1)}, Condition.FATAL, Remedy.START),
    ("given up on, first seen", DOWN["FATAL"], said(sent=9e5), {"silence": 9e5}, Condition.FATAL, None),
    ("it comes and goes", DOWN["BACKOFF"], None, {}, Condition.CRASHING, None),
    ("it came and went often", running(5), said(), {"crashes": 3}, Condition.CRASHING, None),
    ("it came and went once", running(5), said(), {"crashes": 1}, Condition.OK, None),
    ("wrong token", running(), said(Phase.REFUSED), {}, Condition.REFUSED, None),
    ("no answer, a moment", running(), said(Phase.BACKING_OFF), {}, Condition.BACKING_OFF, None),
    ("no answer, for long", running(), said(Phase.BACKING_OFF, since=700), {}, Condition.UNREACHABLE, None),
    ("an old change waits", running(), said(oldest_change=ago(4000), trouble=TROUBLE), {}, Condition.BEHIND, None),
    ("a young change waits", running(), said(oldest_change=ago(100)), {}, Condition.OK, None),
    ("no cycle ended for long", running(), said(Phase.CYCLE, last_success=ago(4000)), {}, Condition.BEHIND, None),
    ("changes were given up", running(), said(dead_letters=2), {}, Condition.NEEDS_A_LOOK, None),
    ("an issue cannot be handled", running(), said(unprocessable=1, unprocessable_issues=(BAD,)),
     {}, Condition.NEEDS_A_LOOK, None),
    ("the census has just failed", running(), said(census_trouble=census(60)), {}, Condition.OK, None),
    ("a rule names no status", running(), said(unknown_statuses=("x",)), {}, Condition.NEEDS_A_LOOK, None),
    ("something is held", running(), said(held=(HELD,), dead_letters=2, oldest_change=ago(9000)),
     {}, Condition.HELD, None),
    ("something is held, and its file is broken", running(), said(held=(HELD,)), {"problems": BROKEN},
     Condition.HELD, None),
    ("something is held, and it is refused", running(), said(Phase.REFUSED, held=(HELD,)), {}, Condition.REFUSED, None),
    ("the census fails", running(), said(census_trouble=census(4000)), {}, Condition.NEEDS_A_LOOK, None),
    ("its file is broken, it runs", running(), said(), {"problems": BROKEN}, Condition.INVALID, None),
    ("its file is broken, it hangs", running(), said(sent=5000), {"problems": BROKEN}, Condition.STUCK, None),
    ("its file never worked", None, None, {"problems": BROKEN}, Condition.INVALID, None),
    ("not applied yet", None, None, {}, Condition.MISSING, None),
    ("disabled", None, None, {"is_wanted": False}, Condition.STOPPED, None),
    ("too large, waits", running(), said(memory=300), {"memory_limit": 200}, Condition.OK, Remedy.RENEW),
    ("too large, at work", running(), said(Phase.CYCLE, memory=300), {"memory_limit": 200}, Condition.OK, None),
    ("as large as it may be", running(), said(memory=200), {"memory_limit": 200}, Condition.OK, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("process", "heartbeat", "other", "condition", "remedy"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_the_condition_and_the_remedy_follow_from_the_facts(process, heartbeat, other, condition, remedy):
    verdict = judge(Facts("ab", process, heartbeat, **other), NOW)
    assert (verdict.condition, verdict.remedy) == (condition, remedy)
    assert verdict.why


def test_time_in_which_nobody_looked_at_jira_is_not_called_a_change_that_waits():
    assert judge(Facts("ab", running(), said(last_success=ago(9000))), NOW).why == "no cycle has gone through for 2 h"
    verdict = judge(Facts("ab", running(), said(last_success=ago(9000), oldest_change=ago(9000))), NOW)
    assert verdict.why == "a change waits for 2 h"


def test_every_error_comes_with_advice():
    for _, process, heartbeat, other, condition, _ in CASES:
        verdict = judge(Facts("ab", process, heartbeat, **other), NOW)
        assert condition is not Condition.OK or verdict.level is Level.OK
        assert verdict.level is not Level.ERROR or verdict.advice


def test_a_sync_that_is_behind_names_the_failing_issue_and_its_error():
    verdict = judge(Facts("ab", running(), said(oldest_change=ago(9000), trouble=TROUBLE)), NOW)
    assert "DEV-3" in verdict.why
    assert "no transition" in verdict.why


def test_a_sync_that_left_something_undone_names_the_issue_that_cannot_be_handled_and_how_many_others():
    heartbeat = said(dead_letters=2, unprocessable=12, unprocessable_issues=(BAD,) * 10)
    verdict = judge(Facts("ab", running(), heartbeat), NOW)
    assert verdict.why == ("2 changes were given up; SUP-3 cannot be handled: 403 Not this one. (and 11 more issues)")
    assert verdict.advice == "jira-sync retry ab"


def test_a_sync_that_holds_something_says_what_since_when_and_what_to_type():
    verdict = judge(Facts("ab", running(), said(held=(HELD,))), NOW)
    assert verdict.why == "300 counterparts would be created at once; held until a person confirms it"
    assert (verdict.level, verdict.advice, verdict.since) == (Level.ERROR, "jira-sync confirm ab", ago(500))


@pytest.mark.parametrize(
    # heartbeat                                                            lag
    ("heartbeat", "expected"),
    [
        (None, None),
        (said(last_success=None), None),  # nothing was ever carried over
        (said(), 0.0),
        (said(oldest_change=ago(40)), 40.0),
        (said(last_success=ago(500)), 0.0),  # between two cycles nobody looks
        (said(last_success=ago(2000)), 2000.0),  # nobody has been able to
        (said(last_success=ago(2000), oldest_change=ago(3000)), 3000.0),
    ],
)
def test_the_lag_is_the_age_of_the_oldest_change_that_is_not_carried_over(heartbeat, expected):
    assert lag(heartbeat, NOW, 300.0) == expected


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_a_duration_is_as_short_as_a_table_needs_it(seconds, words):
    assert format_duration(seconds) == words


@pytest.mark.parametrize(
    # days left    condition               why
    ("days", "condition", "why"),
    [
        (20, Condition.OK, "waiting"),
        (13, Condition.NEEDS_A_LOOK, "a token, “sync”, runs out on 2026-01-14, in 13 d"),
        (-1, Condition.NEEDS_A_LOOK, "a token, “sync”, ran out on 2025-12-31"),
    ],
)
def test_what_runs_out_within_two_weeks_needs_a_look_and_says_what_to_do(days, condition, why):
    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    expiring = ExpiringRecord(what="a token", at=now + timedelta(days=days), advice="make a new one", name="sync")
    heartbeat = Heartbeat(
        name="a",
        pid=7,
        digest="d",
        phase=Phase.WAITING,
        since=now,
        sent=now,
        last_success=now,
        expiring=(expiring,),
    )
    verdict = judge(Facts("a", ProcessInfo("RUNNING", 7, now), heartbeat), now)
    assert (verdict.condition, verdict.why) == (condition, why)
    assert (verdict.advice == "make a new one") is (condition is Condition.NEEDS_A_LOOK)
