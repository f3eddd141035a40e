"""What `jira-sync status` says below its table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from health_monitor.observation.snapshot import Snapshot, SyncView
from jira_sync.commands.status import _parts
from sync_model.heartbeat import CensusTrouble, Heartbeat, Phase, UnprocessableRecord
from sync_model.judgement import Facts, ProcessInfo, judge

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def lines(**more: Any) -> list[str]:
    """Return what is said of a sync with this heartbeat, but for the table."""
    heartbeat = Heartbeat(
        name="ab", pid=1, digest="d", phase=Phase.WAITING, since=NOW, sent=NOW, last_success=NOW, **more
    )
    facts = Facts("ab", ProcessInfo("RUNNING", 1, NOW), heartbeat)
    _table, *rest = _parts(Snapshot(NOW, (SyncView("ab", "ab.json", None, facts, judge(facts, NOW)),)))
    return [str(part) for part in rest]


def test_issues_that_cannot_be_handled_are_named_with_the_reason():
    bad = UnprocessableRecord(side="dev", issue="DEV-3", since=NOW, attempts=2, error="its document cannot be stored")
    assert lines(unprocessable=1, unprocessable_issues=(bad,)) == [
        "ab: DEV-3 cannot be handled: its document cannot be stored"
    ]


def test_a_census_that_fails_is_said_with_the_reason():
    trouble = CensusTrouble(since=NOW, attempts=2, error="500 Internal Server Error")
    assert lines(census_trouble=trouble) == ["ab: the census fails: 500 Internal Server Error"]


def test_a_sync_that_has_left_nothing_undone_has_its_row_only():
    assert lines() == []
