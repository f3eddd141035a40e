"""What is told of a sync leaves the machine: it has the reason, and nothing of what a site has said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from health_monitor.news.findings import LONGEST_WHY, findings
from health_monitor.news.records import Finding
from health_monitor.observation.snapshot import Snapshot, SyncView
from sync_model.health.heartbeat import CensusTrouble, FailingChange, Heartbeat, HeldRecord, Phase, UnprocessableRecord
from sync_model.health.judgement import Condition, Facts, Level, ProcessInfo, judge
from sync_model.secrecy.redaction import remember

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=5)
TEXT = "Payroll of ACME-17: field 'Salary' is not valid"


def view(phase: Phase = Phase.WAITING, state: str = "RUNNING", problems: tuple[str, ...] = (), **more) -> SyncView:
    known = {"pid": 7, "digest": "d", "since": LONG_AGO, "sent": NOW, "last_success": NOW}
    heartbeat = Heartbeat(name="a", phase=phase, **{**known, **more})
    facts = Facts("a", ProcessInfo(state, 7, LONG_AGO, "it ended"), heartbeat, problems)
    return SyncView("a", "a.json", None, facts, judge(facts, NOW))


def found(*views: SyncView, trouble: str | None = None, error: str | None = None, details: bool = False) -> Finding:
    snapshot = Snapshot(NOW, views, trouble=trouble, supervisor_error=error)
    return list(findings(snapshot, {}, ("group",), tells_details=details))[-1]


OF_ISSUES = {
    "side": "user",
    "issue": "ACME-17",
    "since": LONG_AGO,
    "attempts": 3,
    "error": TEXT,
}
SAID_BY_SITES = [
    # condition                 what the worker says
    (Condition.REFUSED, {"phase": Phase.REFUSED, "reason": TEXT}),
    (Condition.UNREACHABLE, {"phase": Phase.BACKING_OFF, "reason": TEXT}),
    (
        Condition.BEHIND,
        {"oldest_change": LONG_AGO, "trouble": FailingChange(issue="ACME-17", since=LONG_AGO, attempts=3, error=TEXT)},
    ),
    (
        Condition.NEEDS_A_LOOK,
        {"unprocessable": 2, "unprocessable_issues": (UnprocessableRecord(**OF_ISSUES),), "dead_letters": 1},
    ),
    (Condition.NEEDS_A_LOOK, {"census_trouble": CensusTrouble(since=LONG_AGO, attempts=3, error=TEXT)}),
]


@pytest.mark.parametrize(("condition", "says"), SAID_BY_SITES)
def test_what_a_site_says_is_told_only_when_that_is_asked_for(condition, says):
    told = found(view(**says))
    assert told.condition == condition
    assert told.why
    assert not any(word in f"{told}" for word in ("Payroll", "Salary", "ACME"))
    if condition is not Condition.NEEDS_A_LOOK or "unprocessable" not in says:
        assert TEXT in found(view(**says), details=True).why


def test_each_condition_that_repeats_what_a_site_says_is_in_the_table_above():
    heartbeats = (says for _, says in SAID_BY_SITES)
    assert {view(**says).verdict.condition for says in heartbeats} == {condition for condition, _ in SAID_BY_SITES}


@pytest.mark.parametrize(
    # sync                                                               level
    ("of", "level"),
    [
        (view(), Level.OK),
        (view(dead_letters=1), Level.ATTENTION),
        (view(state="FATAL"), Level.ERROR),
        (view(problems=("rules: is missing",)), Level.ERROR),
        (view(Phase.STANDBY), Level.OK),
        (view(Phase.STARTING), None),
        (view(Phase.PAUSED), None),
        (view(state="STOPPED"), None),
        (view(state="STOPPING"), None),
        (view(Phase.BACKING_OFF, since=NOW), None),
        (view(held=(HeldRecord(name="creations", number=3, since=LONG_AGO, text="3 creations"),)), Level.ERROR),
    ],
)
def test_what_a_person_has_asked_for_and_what_passes_by_itself_is_no_news(of, level):
    assert found(of).level is level


def test_without_supervisord_the_group_is_told_of_and_no_sync():
    snapshot = Snapshot(NOW, (view(state="FATAL"),), trouble="no answer", supervisor_error="no answer")
    group, sync = findings(snapshot, {}, ("group",), tells_details=False)
    assert (group.level, group.why, sync.level) == (Level.ERROR, "no answer", None)


def test_a_reason_is_one_line_of_bounded_length_without_a_secret():
    remember("s3cr3t-of-a-finding")
    told = found(view(problems=(f"s3cr3t-of-a-finding\nis\x1b[31m wrong {'x' * 5000}",)))
    assert "s3cr3t" not in told.why
    assert told.why.isprintable()
    assert len(told.why) <= LONGEST_WHY
