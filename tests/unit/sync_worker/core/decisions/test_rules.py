"""What a cause calls for."""

from __future__ import annotations

import pytest

from sync_model.definition.sync import Side
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.issues.actions import Action, CarryItems, Comment, Create, Link, Move
from sync_worker.core.issues.causes import Attempt, Cause, CauseKind
from worker_values import NOON, cause, rule, sync

CREATES = rule("Will Do", createIssue=True, addCrossLink=True, addComment=True, commentTemplate="made ${targetKey}")
FOLLOWS = rule("Reopened", syncStatus=True)
WILL_DO = cause(to_status="Will Do")
REOPENED = cause(to_status="Reopened")
MOVED = cause(to_status="Open", kind=CauseKind.MOVED)
GONE = cause(to_status="", kind=CauseKind.GONE)


def called_for(change: Cause, *rules: dict, side: Side = Side.USER, paired: bool = True, **fields) -> list[Action]:
    """Return what a change of `side`'s issue calls for by these rules."""
    return actions_for(sync(*rules, **fields), side, change, paired=paired)


def kinds(actions: list[Action]) -> list[str]:
    return [action.kind for action in actions]


class TestCreation:
    def test_a_rule_that_creates_creates_links_and_comments_in_this_order(self):
        assert called_for(WILL_DO, CREATES, paired=False) == [
            Create("Will Do", None),
            Link("Will Do"),
            Comment("Will Do", Side.USER, "made ${targetKey}"),
        ]

    def test_a_rule_that_creates_neither_creates_nor_comments_for_an_issue_that_has_a_counterpart(self):
        """Its comment announces the creation."""
        assert called_for(WILL_DO, CREATES, paired=True) == [Link("Will Do")]

    def test_after_a_crash_behind_the_creation_the_rule_still_calls_for_the_rest(self):
        begun = cause(to_status="Will Do", marks={"create": Attempt(NOON, done=True)})
        assert kinds(called_for(begun, CREATES, paired=True)) == ["create", "link", "comment"]

    def test_a_rule_in_both_directions_calls_for_the_same_on_either_side(self):
        both = {**CREATES, "syncDirection": "both"}
        user, dev = (called_for(WILL_DO, both, side=side, paired=False) for side in Side)
        assert user == dev

    def test_an_issue_seen_for_the_first_time_skips_rules_that_do_not_create(self):
        follows = rule("Will Do", syncStatus=True) | {"conditions": {"requireMapping": False}}
        first = cause(to_status="Will Do", kind=CauseKind.FIRST)
        assert kinds(called_for(first, follows, CREATES, paired=False)) == ["create", "link", "comment"]


class TestChoiceOfRule:
    def test_only_the_first_fitting_rule_by_priority_answers(self):
        late = rule("*", syncStatus=True) | {"id": "late", "priority": 9, "targetStatus": "Late"}
        first = rule("Reopened", syncStatus=True) | {"id": "first", "priority": 1, "targetStatus": "First"}
        assert called_for(REOPENED, late, first) == [Move("first", "First")]

    def test_a_rule_that_requires_a_counterpart_does_nothing_for_an_issue_without_one(self):
        assert called_for(REOPENED, FOLLOWS, paired=False) == []

    def test_a_rule_that_requires_no_counterpart_still_comments_on_an_issue_without_one(self):
        declined = rule("Declined", syncStatus=True, addComment=True) | {"conditions": {"requireMapping": False}}
        assert kinds(called_for(cause(to_status="Declined"), declined, paired=False)) == ["comment"]

    @pytest.mark.defect(19)
    def test_a_rule_for_done_as_the_old_example_wrote_it_moves_the_counterpart(self):
        done = rule("Done", "dev_to_user", syncStatus=True) | {"targetStatus": "Resolved"}
        assert called_for(cause(to_status="Done"), done, side=Side.DEV) == [Move("Done", "Resolved")]

    def test_a_cause_that_may_not_move_the_counterpart_calls_for_all_the_rest(self):
        reopened = rule("Reopened", syncStatus=True, addComment=True, addCrossLink=True)
        superseded = cause(to_status="Reopened", may_move=False)
        assert kinds(called_for(superseded, reopened)) == ["link", "comment"]

    def test_an_update_posts_no_comment_while_a_status_change_does(self):
        asserts = rule("In Progress", syncStatus=True, addComment=True) | {"conditions": {"onStatusChange": False}}
        update = cause("update-1", to_status="In Progress", kind=CauseKind.UPDATE)
        assert kinds(called_for(update, asserts)) == ["move"]
        assert kinds(called_for(cause(to_status="In Progress"), asserts)) == ["move", "comment"]

    @pytest.mark.parametrize(
        # behaviour             side        is done   moves to
        ("behavior", "side", "is_done", "target"),
        [
            ("ignore", Side.DEV, True, None),
            ("default_to_closed", Side.DEV, True, "Closed"),
            ("sync_to_resolved", Side.DEV, True, "Resolved"),
            ("sync_to_resolved", Side.DEV, False, None),
            ("sync_to_resolved", Side.USER, True, None),
        ],
    )
    def test_a_done_dev_issue_without_a_rule_moves_its_counterpart_as_the_fallback_says(
        self, behavior, side, is_done, target
    ):
        done = cause(to_status="Finished", is_done=is_done)
        actions = called_for(done, FOLLOWS, side=side, defaultBehavior={"fallbackBehavior": behavior})
        assert [action.to for action in actions if isinstance(action, Move)] == ([target] if target else [])


class TestFilesWithoutARule:
    UPDATE = cause("update-1", to_status="Open", kind=CauseKind.UPDATE)

    @pytest.mark.parametrize(
        # the sync says                                                        user's update               dev's update
        ("said", "user", "dev"),
        [
            ({}, None, None),
            ({"defaultBehavior": {"syncAttachments": True}}, "defaultBehavior.syncAttachments", None),
            ({"attachments": True}, "attachments", "attachments"),
            ({"attachments": "dev_to_user", "defaultBehavior": {"syncAttachments": True}}, None, "attachments"),
            ({"attachments": False, "defaultBehavior": {"syncAttachments": True}}, None, None),
        ],
    )
    def test_an_update_that_no_rule_answers_copies_files_by_the_field_that_says_so(self, said, user, dev):
        for side, label in ((Side.USER, user), (Side.DEV, dev)):
            copies = [CarryItems("attachments", label)] if label else []
            assert called_for(self.UPDATE, FOLLOWS, side=side, **said) == copies
            assert called_for(self.UPDATE, FOLLOWS, side=side, paired=False, **said) == []

    @pytest.mark.parametrize("side", list(Side))
    def test_a_rule_and_a_resync_copy_files_where_attachments_carries_them(self, side):
        follows = rule("Reopened", "both", syncStatus=True)
        resync = cause(to_status="Reopened", kind=CauseKind.RESYNC)
        for attachments in (True, False):
            for change in (REOPENED, resync):
                actions = called_for(change, follows, side=side, attachments=attachments)
                assert ("attachments" in kinds(actions)) is attachments

    def test_a_rule_copies_files_in_its_own_direction_whatever_attachments_says(self):
        copies = rule("Reopened", "dev_to_user", syncAttachments=True)
        assert called_for(REOPENED, copies, side=Side.DEV, attachments=False) == [
            CarryItems("attachments", "Reopened", everything=True)
        ]


class TestMovedAndDeletedIssues:
    def test_a_new_key_calls_for_nothing_but_links_that_name_it(self):
        everything = rule("*", syncStatus=True, addComment=True) | {"conditions": {"onStatusChange": False}}
        assert called_for(MOVED, everything, paired=True) == [Link("moved")]
        assert called_for(MOVED, everything, paired=False) == []

    @pytest.mark.parametrize("side", list(Side))
    @pytest.mark.parametrize(
        # the sync says                                                    its counterpart
        ("said", "expected"),
        [
            ({}, []),
            ({"onDelete": "keep", "onDeleteComment": "x", "onDeleteStatus": "y"}, []),
            ({"onDelete": "transition", "onDeleteStatus": "Closed"}, ["Closed"]),
            ({"onDelete": "comment", "onDeleteComment": "bye"}, ["bye"]),
            ({"onDelete": "comment"}, ["${sourceKey}, the counterpart of this issue, is gone, or not visible to us."]),
        ],
    )
    def test_the_counterpart_of_a_deleted_issue_is_treated_as_on_delete_says(self, side, said, expected):
        everything = rule("*", "both", syncStatus=True, addComment=True, createIssue=True)
        actions = called_for(GONE, everything, side=side, **said)
        assert [action.to if isinstance(action, Move) else action.template for action in actions] == expected
        assert all(action.side is side.other for action in actions if isinstance(action, Comment))
        assert called_for(GONE, everything, side=side, paired=False, **said) == []
