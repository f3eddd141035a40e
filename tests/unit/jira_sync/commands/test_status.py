"""What `jira-sync status` says below its table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from health_monitor.observation.snapshot import Snapshot, SyncView
from jira_sync.commands.status import _parts
from sync_model.health.heartbeat import CensusTrouble, Heartbeat, Phase, UnprocessableRecord
from sync_model.health.judgement import Condition, Facts, ProcessInfo, SyncVerdict, judge

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def lines(**more: Any) -> list[str]:
    """Return what is said of a sync with this heartbeat, but for the table."""
    heartbeat = Heartbeat(
        name="ab", pid=1, digest="d", phase=Phase.WAITING, since=NOW, sent=NOW, last_success=NOW, **more
    )
    facts = Facts("ab", ProcessInfo("RUNNING", 1, NOW), heartbeat)
    _table, *rest = _parts(Snapshot(NOW, (SyncView("ab", "ab.json", None, facts, judge(facts, NOW)),)), 1)
    return [str(part) for part in rest]


def last_line(shown: int, total: int) -> str:
    """Return what is said last of so many syncs, the first of which is stuck."""
    conditions = [Condition.STUCK, *[Condition.OK] * (shown - 1)]
    views = (SyncView("a", "a.json", None, Facts("a"), SyncVerdict(condition, "")) for condition in conditions)
    *_, last = _parts(Snapshot(NOW, tuple(views)), total)
    return str(last)


def test_issues_that_cannot_be_handled_are_named_with_the_reason():
    bad = UnprocessableRecord(side="dev", issue="DEV-3", since=NOW, attempts=2, error="its document cannot be stored")
    assert lines(unprocessable=1, unprocessable_issues=(bad,)) == [
        "ab: DEV-3 cannot be handled: its document cannot be stored"
    ]


def test_a_census_that_fails_is_said_with_the_reason():
    trouble = CensusTrouble(since=NOW, attempts=2, error="500 Internal Server Error")
    assert lines(census_trouble=trouble) == ["ab: the census fails: 500 Internal Server Error"]


def test_below_many_syncs_it_is_said_how_many_are_in_each_condition_because_the_worst_have_left_the_screen():
    assert last_line(1000, 1000) == "1,000 syncs: 1 stuck, 999 ok"
    assert last_line(30, 1000) == "30 of 1,000 syncs: 1 stuck, 29 ok"
    assert "stuck" not in last_line(3, 3)


def test_that_no_sync_is_wanted_is_told_from_that_there_is_none():
    assert list(_parts(Snapshot(NOW, ()), 12)) == ["none of 12 syncs"]
    assert list(_parts(Snapshot(NOW, ()), 0)) == ["no syncs"]


def test_a_sync_that_has_left_nothing_undone_has_its_row_only():
    assert lines() == []
