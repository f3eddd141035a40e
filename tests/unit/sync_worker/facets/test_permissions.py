"""What the rules of a sync need of Jira covers whatever they may call for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_model.definition.sync import Side, fold
from sync_strategies import STATUSES, SYNCS
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.issues.actions import CarryItems, Comment, Create, Link, Move
from sync_worker.core.issues.causes import CauseKind
from sync_worker.core.permissions import Permission
from sync_worker.facets import permissions
from worker_values import cause, rule, sync


@given(SYNCS, st.sampled_from(Side), st.sampled_from(CauseKind), st.sampled_from(STATUSES), st.booleans())
def test_the_permissions_of_a_sync_cover_every_action_that_a_change_calls_for(fields, side, kind, status, paired):
    subject = sync(**fields)
    there = {at: permissions.permissions(subject, at) for at in Side}
    change = cause(to_status=status, kind=kind, is_done=True)
    for action in actions_for(subject, side, change, paired=paired):
        match action:
            case Create():
                assert Permission.CREATE in there[side.other]
                assert action.issue_type in permissions.issue_types(subject, side.other)
            case Move():
                assert Permission.TRANSITION in there[side.other]
                named = {fold(target.status) for target in permissions.target_statuses(subject, side.other)}
                assert fold(action.to) in named or permissions.followers(subject, side.other)
            case Link():
                assert kind is CauseKind.MOVED or all(Permission.LINK in needed for needed in there.values())
            case Comment():
                assert Permission.COMMENT in there[action.side]
            case CarryItems():
                assert Permission.ATTACH in there[side.other]
                assert permissions.copies_files(subject, side.other)


CREATES = rule("Will Do", createIssue=True)


@pytest.mark.parametrize(
    # rule or field                                                   user's                     dev's
    ("fields", "user", "dev"),
    [
        ({}, set(), set()),
        ({"rules": [CREATES]}, set(), {"CREATE_ISSUES"}),
        ({"rules": [rule("Done", "dev_to_user", syncStatus=True)]}, {"TRANSITION_ISSUES"}, set()),
        ({"rules": [rule("Done", "both", syncAttachments=True)]}, {"CREATE_ATTACHMENTS"}, {"CREATE_ATTACHMENTS"}),
        ({"rules": [rule("Done", addCrossLink=True)]}, {"LINK_ISSUES"}, {"LINK_ISSUES"}),
        ({"rules": [rule("Done", addComment=True)]}, {"ADD_COMMENTS"}, set()),
        ({"rules": [rule("Done", "none", addComment=True, addCrossLink=True)]}, set(), set()),
        ({"rules": [CREATES | {"enabled": False}]}, set(), set()),
        ({"rules": [CREATES | {"conditions": {"requireMapping": True}}]}, set(), set()),
        ({"defaultBehavior": {"syncAttachments": True}}, set(), {"CREATE_ATTACHMENTS"}),
        ({"attachments": True}, {"CREATE_ATTACHMENTS", "LINK_ISSUES"}, {"CREATE_ATTACHMENTS", "LINK_ISSUES"}),
        ({"attachments": "dev_to_user"}, {"CREATE_ATTACHMENTS", "LINK_ISSUES"}, set()),
        (
            {"attachments": {"syncDirection": "user_to_dev", "deletes": "delete"}},
            set(),
            {"CREATE_ATTACHMENTS", "LINK_ISSUES", "DELETE_OWN_ATTACHMENTS"},
        ),
        ({"attachments": False, "defaultBehavior": {"syncAttachments": True}}, set(), set()),
        ({"defaultBehavior": {"fallbackBehavior": "sync_to_resolved"}}, {"TRANSITION_ISSUES"}, set()),
        ({"onDelete": "comment"}, {"ADD_COMMENTS"}, {"ADD_COMMENTS"}),
    ],
)
def test_a_sync_needs_no_permission_that_its_rules_and_fields_do_not_call_for(fields, user, dev):
    subject = sync(**fields)
    assert set(permissions.permissions(subject, Side.USER)) == {"BROWSE_PROJECTS"} | user
    assert set(permissions.permissions(subject, Side.DEV)) == {"BROWSE_PROJECTS"} | dev


def test_each_status_is_named_once_however_it_is_spelled_with_all_rules_and_fields_that_name_it():
    subject = sync(
        rule(["Done", "Closed"], "dev_to_user", syncStatus=True, targetStatus="Resolved") | {"id": "finish"},
        rule("done", "dev_to_user") | {"id": "other"},
        rule("Reopened", syncStatus=True),
        rule("*", "both", syncStatus=True) | {"id": "follow"},
        onDelete="transition",
        onDeleteStatus="resolved",
    )
    sources = [(source.status, source.by) for source in permissions.source_statuses(subject, Side.DEV)]
    assert sources == [("Done", ("finish", "other")), ("Closed", ("finish",))]
    targets = [(target.status, target.by) for target in permissions.target_statuses(subject, Side.USER)]
    assert targets == [("Resolved", ("finish", "onDelete"))]
    assert [target.status for target in permissions.target_statuses(subject, Side.DEV)] == ["Reopened", "resolved"]
    assert permissions.followers(subject, Side.DEV) == permissions.followers(subject, Side.USER) == ["follow"]
