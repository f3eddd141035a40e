"""What the upgrade benchmark judges beyond the verdict on a sync: a pair that goes back and forth by itself."""

from __future__ import annotations

from benchmarks.scenario.definitions import sync_under_test
from benchmarks.verdict.upgrade_report import moved_back_and_forth

MIRRORED = sync_under_test(1, "mirrored", "cloud", "dc")
AT = "2026-05-01T12:00:00+00:00"


def _issue(issue_id: str, key: str, *authors: str, source: str = "") -> dict[str, object]:
    marker = {"jira-sync": {"sync": MIRRORED.name, "issue": source}} if source else {}
    moves = [
        {
            "id": f"{issue_id}{number}",
            "author": author,
            "field": "status",
            "to": "Waiting",
            "created": AT,
            "recorded": AT,
        }
        for number, author in enumerate(authors)
    ]
    return {"id": issue_id, "key": key, "project": key.partition("-")[0], "properties": marker, "history": moves}


def _judged(users: tuple[str, ...], devs: tuple[str, ...]):
    dumps = {"cloud": [_issue("1", "SUP1-1", *users)], "dc": [_issue("2", "DEV1-1", *devs, source="1")]}
    return moved_back_and_forth(MIRRORED, dumps)


def test_a_pair_that_was_moved_once_for_each_change_by_people_is_as_it_must_be():
    verdict = _judged(("ann", "sync"), ("sync", "ann"))
    assert not verdict.violations
    assert verdict.counts == {"moves by people": 2, "moves by the syncs": 2}


def test_a_pair_that_the_sync_moved_more_often_than_people_is_told():
    [violation] = _judged(("ann", "sync"), ("sync", "sync")).violations
    assert violation.kind == "moved back and forth"
    assert violation.detail == "people moved it 1 times, and the sync 3 times"
