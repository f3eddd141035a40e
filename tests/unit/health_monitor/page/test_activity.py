"""The texts about failed changes and past cycles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from health_monitor.page.activity import cycle_text, failed_changes, failed_changes_text
from sync_model.definition.sync import Side
from sync_worker.core.issues.causes import Cause, CauseKind, Failure
from sync_worker.core.issues.state import IssueState
from sync_worker.core.records import PastCycle
from sync_worker.core.unprocessable import UnprocessableIssue

NOW = datetime(2026, 5, 1, 3, tzinfo=UTC)


def state(key: str, *, dead: int = 0, pending: int = 0, has_failed: bool = True) -> IssueState:
    def cause(number: int) -> Cause:
        failure = Failure("no", 3, NOW, NOW, NOW + timedelta(minutes=number)) if has_failed else None
        return Cause(f"{key}-{number}", CauseKind.STATUS, NOW, "To Do", "Done", failure=failure)

    causes = [cause(number) for number in range(dead + pending)]
    return IssueState(Side.DEV, key, key, "Done", NOW, NOW, pending=tuple(causes[dead:]), dead=tuple(causes[:dead]))


def test_changes_that_were_given_up_are_listed_before_those_that_are_tried_again():
    changes = failed_changes([state("D-1", pending=3), state("D-2", dead=2), state("D-3", pending=1, has_failed=False)])
    assert [(change.key, change.next_try is None, change.behind) for change in changes] == [
        ("D-2", True, 0),
        ("D-2", True, 0),
        ("D-1", False, 2),
    ]
    assert failed_changes_text(changes, queued=7) == (
        "2 changes given up: nobody carries them over unless you retry; 1 change failed so far, to be tried again; "
        "6 more issues with changes waiting."
    )


def test_an_issue_that_cannot_be_handled_is_listed_with_its_reason_and_can_be_dismissed():
    failure = Failure("403 Not this one.", 2, NOW, NOW, NOW + timedelta(minutes=1))
    changes = failed_changes([state("D-1", pending=1)], [UnprocessableIssue(Side.USER, "7", "U-7", failure)])
    assert [(change.key, change.cause, change.can_be_dismissed) for change in changes][1] == (
        "U-7",
        "cannot be handled",
        True,
    )
    assert failed_changes_text(changes, queued=1) == (
        "1 change failed so far, to be tried again; 1 issue cannot be handled, and is looked at again."
    )


def test_the_text_of_a_cycle_names_the_counts_that_are_not_zero():
    assert cycle_text(PastCycle(NOW, 1.0, {"created": 2, "moved": 0, "failed": 1, "calls": 9})) == "2 created, 1 failed"
    assert cycle_text(PastCycle(NOW, 1.0, {"calls": 9})) == "nothing to do"
    assert cycle_text(PastCycle(NOW, 1.0, {}, "503")) == ""
