"""What the rules of a sync need of Jira covers whatever they may call for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_model.definition import Side, Sync, fold
from sync_worker.core.actions import Comment, CopyAttachments, Create, Link, Move
from sync_worker.core.causes import Cause, CauseKind
from sync_worker.core.permissions import Permission
from sync_worker.core.rules import actions_for
from sync_worker.facets import permissions

STATUSES = ["Will Do", "Done", "Closed"]
RULES = st.fixed_dictionaries(
    {
        "sourceStatus": st.lists(st.sampled_from([*STATUSES, "*"]), min_size=1, max_size=2),
        "syncDirection": st.sampled_from(["user_to_dev", "dev_to_user", "both", "none"]),
        "enabled": st.booleans(),
        "conditions": st.fixed_dictionaries({}, optional={"requireMapping": st.booleans()}),
        "actions": st.fixed_dictionaries(
            {},
            optional={
                "createIssue": st.booleans(),
                "syncStatus": st.booleans(),
                "targetStatus": st.sampled_from(["Resolved", "done"]),
                "syncAttachments": st.booleans(),
                "addCrossLink": st.booleans(),
                "addComment": st.booleans(),
                "commentOn": st.sampled_from(["user", "dev"]),
                "issueType": st.sampled_from(["Bug", "Task"]),
            },
        ),
    }
)
SYNCS = st.fixed_dictionaries(
    {
        "rules": st.lists(RULES, max_size=3),
        "defaultBehavior": st.fixed_dictionaries(
            {
                "syncAttachments": st.booleans(),
                "addCrossLinks": st.booleans(),
                "fallbackBehavior": st.sampled_from(["ignore", "default_to_closed"]),
            }
        ),
        "onDelete": st.sampled_from(["keep", "comment", "transition"]),
        "onDeleteStatus": st.just("Cancelled"),
    }
)


def sync(**changes: Any) -> Sync:
    return Sync.model_validate({"name": "s", "userProjectKey": "U", "devProjectKey": "D", "rules": [], **changes})


def rule(direction: str, status: str | list[str] = "Will Do", **actions: Any) -> dict[str, Any]:
    return {"id": f"r-{direction}", "sourceStatus": status, "syncDirection": direction, "actions": actions}


@given(SYNCS, st.sampled_from(Side), st.sampled_from(CauseKind), st.sampled_from(STATUSES), st.booleans())
def test_whatever_a_change_calls_for_is_among_the_needs(changes, side, kind, status, paired):
    subject = sync(**changes)
    cause = Cause("1", kind, datetime.now(UTC), None, status, is_done=True)
    there = {each: permissions.permissions(subject, each) for each in Side}
    for action in actions_for(subject, side, cause, paired=paired):
        match action:
            case Create():
                assert Permission.CREATE in there[side.other]
                assert action.issue_type in permissions.issue_types(subject, side.other)
            case Move():
                assert Permission.TRANSITION in there[side.other]
                named = {fold(each.status) for each in permissions.target_statuses(subject, side.other)}
                assert fold(action.to) in named or permissions.followers(subject, side.other)
            case Link():
                assert kind is CauseKind.MOVED or all(Permission.LINK in there[each] for each in Side)
            case Comment():
                assert Permission.COMMENT in there[action.side]
            case CopyAttachments():
                assert Permission.ATTACH in there[side.other]
                assert permissions.copies_files(subject, side.other)


@pytest.mark.parametrize(
    # rule or field                                                   user's                     dev's
    ("changes", "user", "dev"),
    [
        ({}, set(), set()),
        ({"rules": [rule("user_to_dev", createIssue=True)]}, set(), {"CREATE_ISSUES"}),
        ({"rules": [rule("dev_to_user", syncStatus=True)]}, {"TRANSITION_ISSUES"}, set()),
        ({"rules": [rule("both", syncAttachments=True)]}, {"CREATE_ATTACHMENTS"}, {"CREATE_ATTACHMENTS"}),
        ({"rules": [rule("user_to_dev", addCrossLink=True)]}, {"LINK_ISSUES"}, {"LINK_ISSUES"}),
        ({"rules": [rule("user_to_dev", addComment=True)]}, {"ADD_COMMENTS"}, set()),
        ({"rules": [rule("none", addComment=True, addCrossLink=True)]}, set(), set()),
        ({"rules": [{**rule("user_to_dev", createIssue=True), "enabled": False}]}, set(), set()),
        ({"rules": [{**rule("user_to_dev", createIssue=True), "conditions": {"requireMapping": True}}]}, set(), set()),
        ({"defaultBehavior": {"syncAttachments": True}}, set(), {"CREATE_ATTACHMENTS"}),
        ({"defaultBehavior": {"fallbackBehavior": "sync_to_resolved"}}, {"TRANSITION_ISSUES"}, set()),
        ({"onDelete": "comment"}, {"ADD_COMMENTS"}, {"ADD_COMMENTS"}),
    ],
)
def test_no_more_is_asked_for_than_is_needed(changes, user, dev):
    subject = sync(**changes)
    assert set(permissions.permissions(subject, Side.USER)) == {"BROWSE_PROJECTS"} | user
    assert set(permissions.permissions(subject, Side.DEV)) == {"BROWSE_PROJECTS"} | dev


def test_statuses_are_named_once_with_all_that_name_them():
    subject = sync(
        rules=[
            rule("dev_to_user", ["Done", "Closed"], syncStatus=True, targetStatus="Resolved"),
            {**rule("dev_to_user", "done"), "id": "other"},
            rule("user_to_dev", "Reopened", syncStatus=True),
            rule("both", "*", syncStatus=True),
        ],
        onDelete="transition",
        onDeleteStatus="resolved",
    )
    sources = [(each.status, each.by) for each in permissions.source_statuses(subject, Side.DEV)]
    assert sources == [("Done", ("r-dev_to_user", "other")), ("Closed", ("r-dev_to_user",))]
    targets = [(each.status, each.by) for each in permissions.target_statuses(subject, Side.USER)]
    assert targets == [("Resolved", ("r-dev_to_user", "onDelete"))]
    assert [each.status for each in permissions.target_statuses(subject, Side.DEV)] == ["Reopened", "resolved"]
    assert permissions.followers(subject, Side.DEV) == permissions.followers(subject, Side.USER) == ["r-both"]
