"""Values that unit tests of the worker are about: a sync, a rule, an issue, a cause, an issue's state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sync_model.definition.sync import Side, Sync
from sync_worker.core.issues.causes import Cause, CauseKind, Failure
from sync_worker.core.issues.issue import Attachment, Issue, StatusChange
from sync_worker.core.issues.state import IssueState

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OUR_ACCOUNT = "our-account"
SOMEBODY = "somebody"
FILE = Attachment("9", "a.txt", 3, "text/plain")


def at(minutes: float) -> datetime:
    """Return the time so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def sync(*rules: dict[str, Any], **fields: Any) -> Sync:
    """Return a sync with these rules; `fields` are those of its file."""
    keys = {"name": "sync-ab", "userProjectKey": "U", "devProjectKey": "D"}
    return Sync.model_validate({**keys, "rules": rules, **fields})


def rule(status: str | list[str], direction: str = "user_to_dev", **actions: Any) -> dict[str, Any]:
    """Return a rule as it stands in a file."""
    return {"sourceStatus": status, "syncDirection": direction, "actions": actions}


def change(number: int, minutes: float, before: str, after: str, author: str = SOMEBODY) -> StatusChange:
    """Return an entry of an issue's history."""
    return StatusChange(str(number), at(minutes), author, before, after)


def issue(status: str = "Open", *changes: StatusChange, updated: float = 0, **fields: Any) -> Issue:
    """Return a customer's issue as it is read, last updated so many minutes after noon."""
    usual = {
        "id": "1",
        "key": "U-1",
        "project_id": "10",
        "issue_type": "Bug",
        "summary": "It is broken",
        "description": None,
        "is_done": False,
        "priority": None,
        "labels": (),
        "creator": SOMEBODY,
        "created": at(-1000),
    }
    return Issue(status=status, updated=at(updated), changes=changes, **{**usual, **fields})


def cause(
    identity: str = "7",
    minutes: float = 0,
    to_status: str = "Closed",
    kind: CauseKind = CauseKind.STATUS,
    **fields: Any,
) -> Cause:
    """Return a change from Open, made so many minutes after noon."""
    return Cause(identity, kind, at(minutes), "Open", to_status, **fields)


def failure(next_try: float) -> Failure:
    """Return a failure whose next try may be so many minutes after noon."""
    return Failure("because", 3, at(0), at(1), at(next_try))


def state(*pending: Cause, dead: tuple[Cause, ...] = (), **fields: Any) -> IssueState:
    """Return the state of a customer's issue in status Open, with these causes in its outbox."""
    return IssueState(Side.USER, "1", "U-1", "Open", NOON, NOON, pending=pending, dead=dead, **fields)
