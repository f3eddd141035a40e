"""What is new about an issue, and what the rules call for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync_model.definition import Side, Sync
from sync_worker.core.actions import Comment, CopyAttachments, Create, Link, Move
from sync_worker.core.causes import Attempt, Cause, CauseKind
from sync_worker.core.issue import Attachment, Issue, StatusChange
from sync_worker.core.rules import actions_for
from sync_worker.core.state import IssueState, OwnMove
from sync_worker.core.templates import fill_in, plain_text
from sync_worker.engine.diff import needs_history_before, observe
from sync_worker.facets.attachments import missing_attachments

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
US = "account-of-ours"
SOMEBODY = "somebody"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def sync(*rules: dict[str, Any], **default_behavior: Any) -> Sync:
    return Sync.model_validate(
        {
            "name": "sync-ab",
            "userProjectKey": "U",
            "devProjectKey": "D",
            "defaultBehavior": default_behavior,
            "rules": rules,
        }
    )


def rule(status: str | list[str], direction: str = "user_to_dev", **rest: Any) -> dict[str, Any]:
    conditions = rest.pop("conditions", {})
    keys = ("id", "priority", "targetStatus", "enabled")
    own = {key: rest.pop(key) for key in keys if key in rest}
    return {"sourceStatus": status, "syncDirection": direction, "conditions": conditions, "actions": rest, **own}


CREATES = rule("Will Do", createIssue=True, addCrossLink=True, addComment=True, commentTemplate="made ${targetKey}")
FOLLOWS = rule("Reopened", syncStatus=True)


def change(identity: int, minutes: float, before: str, after: str, author: str = SOMEBODY) -> StatusChange:
    return StatusChange(str(identity), at(minutes), author, before, after)


def issue(status: str, *changes: StatusChange, updated: float = 0, **rest: Any) -> Issue:
    return Issue(
        id="1",
        key="U-1",
        project_id="10",
        issue_type="Bug",
        summary="s",
        description=None,
        status=status,
        is_done=rest.pop("is_done", False),
        priority=None,
        labels=(),
        creator=SOMEBODY,
        created=at(-1000),
        updated=at(updated),
        changes=changes,
        **rest,
    )


def seen(definition: Sync, before: Issue, *, side: Side = Side.USER) -> IssueState:
    """Return what is remembered after `before` was seen for the first time, with nothing left to do."""
    state = look(definition, before, None, side=side)
    return replace(state, pending=())


def look(
    definition: Sync, now: Issue, state: IssueState | None, *, side: Side = Side.USER, **options: Any
) -> IssueState:
    options = {"paired": True, "account": US, "baseline": None, **options}
    return observe(definition, side, now, state, **options)


def causes(state: IssueState) -> list[tuple[str, str, str]]:
    return [(cause.kind.value, cause.id, cause.to_status) for cause in state.pending]


def cause(to_status: str, kind: CauseKind = CauseKind.STATUS, **rest: Any) -> Cause:
    return Cause("7", kind, NOON, "Open", to_status, **rest)


class TestWhatIsNew:
    def test_a_status_change_is_a_cause(self):
        definition = sync(FOLLOWS)
        before = seen(definition, issue("Open", change(1, -10, "New", "Open")))
        after = issue("Reopened", change(1, -10, "New", "Open"), change(2, 1, "Open", "Reopened"), updated=1)
        assert causes(look(definition, after, before)) == [("status", "2", "Reopened")]

    def test_the_same_change_is_a_cause_only_once(self):
        definition = sync(FOLLOWS)
        after = issue("Reopened", change(2, 1, "Open", "Reopened"), updated=1)
        once = look(definition, after, seen(definition, issue("Open")))
        edited = replace(after, updated=at(5), summary="other")
        assert causes(look(definition, edited, once)) == causes(once)
        assert causes(look(definition, edited, replace(once, pending=()))) == []

    def test_an_edit_without_a_status_change_is_no_cause(self):
        definition = sync(rule("Open", syncStatus=True))
        assert causes(look(definition, issue("Open", updated=5), seen(definition, issue("Open")))) == []

    def test_a_status_without_a_rule_is_no_cause(self):
        definition = sync(FOLLOWS)
        after = issue("In Review", change(2, 1, "Open", "In Review"), updated=1)
        assert causes(look(definition, after, seen(definition, issue("Open")))) == []

    def test_a_rule_of_the_other_direction_is_no_rule_here(self):
        definition = sync(FOLLOWS)
        after = issue("Reopened", change(2, 1, "Open", "Reopened"), updated=1)
        assert causes(look(definition, after, seen(definition, issue("Open"), side=Side.DEV), side=Side.DEV)) == []

    @pytest.mark.parametrize(
        # skip      causes
        ("skip", "expected"),
        [
            (True, [("status", "4", "Reopened")]),
            (False, [("status", "2", "Reopened"), ("status", "4", "Reopened")]),
        ],
    )
    def test_of_several_changes_only_the_last_counts_unless_all_are_asked_for(self, skip, expected):
        definition = sync(FOLLOWS, skipIntermediateStatuses=skip)
        after = issue(
            "Reopened",
            change(2, 1, "Open", "Reopened"),
            change(3, 2, "Reopened", "Open"),
            change(4, 3, "Open", "Reopened"),
            updated=3,
        )
        assert causes(look(definition, after, seen(definition, issue("Open")))) == expected

    def test_a_change_forth_and_back_between_two_looks_is_seen(self):
        definition = sync(FOLLOWS)
        before = issue("Reopened", change(1, -10, "Open", "Reopened"))
        after = issue(
            "Reopened", *before.changes, change(2, 1, "Reopened", "X"), change(3, 2, "X", "Reopened"), updated=2
        )
        assert causes(look(definition, after, seen(definition, before))) == [("status", "3", "Reopened")]

    def test_a_late_entry_with_a_smaller_id_and_an_older_time_is_still_new(self):
        """Nodes of one Jira hand out ids in blocks, and their clocks differ a little."""
        definition = sync(FOLLOWS, skipIntermediateStatuses=False)
        first = look(
            definition, issue("Open", change(200, 5, "New", "Open"), updated=5), seen(definition, issue("New"))
        )
        after = issue("Reopened", change(100, 4.9, "Open", "Reopened"), change(200, 5, "New", "Open"), updated=5.1)
        assert causes(look(definition, after, first)) == [("status", "100", "Reopened")]

    def test_memory_of_changes_does_not_grow_without_end(self):
        definition = sync(FOLLOWS)
        many = [change(n, n * 10, "Open", "X") for n in range(500)]
        assert len(look(definition, issue("X", *many, updated=5000), seen(definition, issue("Open"))).seen) <= 7


class TestOurOwnWrites:
    def test_a_status_that_we_set_is_no_cause_and_forgotten_once_it_has_shown_up(self):
        definition = sync(rule("Reopened", "both", syncStatus=True))
        before = replace(seen(definition, issue("Open")), own_moves=(OwnMove("c", "Reopened", settled=True),))
        after = look(definition, issue("Reopened", change(2, 1, "Open", "Reopened", US), updated=1), before)
        assert (causes(after), after.own_moves) == ([], ())

    def test_a_move_whose_answer_was_lost_is_kept_as_landed(self):
        definition = sync(FOLLOWS)
        before = replace(seen(definition, issue("Open")), own_moves=(OwnMove("c", "Reopened"),))
        after = look(definition, issue("Reopened", change(2, 1, "Open", "Reopened", US), updated=1), before)
        assert (causes(after), after.own_moves) == ([], (OwnMove("c", "Reopened", landed=True),))

    def test_a_person_who_uses_our_account_is_a_person(self):
        definition = sync(FOLLOWS)
        after = issue("Reopened", change(2, 1, "Open", "Reopened", US), updated=1)
        assert causes(look(definition, after, seen(definition, issue("Open")))) == [("status", "2", "Reopened")]

    def test_a_person_who_sets_the_same_status_as_we_do_is_a_person(self):
        definition = sync(FOLLOWS)
        before = replace(seen(definition, issue("Open")), own_moves=(OwnMove("c", "Reopened"),))
        after = issue("Reopened", change(2, 1, "Open", "Reopened", SOMEBODY), updated=1)
        assert causes(look(definition, after, before)) == [("status", "2", "Reopened")]

    def test_what_a_person_does_after_our_move_is_a_cause(self):
        definition = sync(FOLLOWS)
        before = replace(seen(definition, issue("Open")), own_moves=(OwnMove("c", "Closed", settled=True),))
        changes = change(2, 1, "Open", "Closed", US), change(3, 2, "Closed", "Reopened")
        assert causes(look(definition, issue("Reopened", *changes, updated=2), before)) == [("status", "3", "Reopened")]

    def test_what_we_set_after_a_person_s_change_makes_that_an_intermediate_one(self):
        definition = sync(FOLLOWS)
        before = replace(seen(definition, issue("Open")), own_moves=(OwnMove("c", "Closed", settled=True),))
        changes = change(2, 1, "Open", "Reopened"), change(3, 2, "Reopened", "Closed", US)
        assert causes(look(definition, issue("Closed", *changes, updated=2), before)) == []

    @pytest.mark.parametrize(
        # skip   who moved, in this order                       causes, and whether they may move the counterpart
        ("skip", "authors", "expected"),
        [
            (False, (SOMEBODY, US), [("Reopened", False)]),
            (False, (US, SOMEBODY), [("Reopened", True)]),
            (False, (SOMEBODY, US, SOMEBODY), [("Reopened", False), ("Reopened", True)]),
            (True, (SOMEBODY, US), []),
            (True, (US, SOMEBODY), [("Reopened", True)]),
            (True, (SOMEBODY, US, SOMEBODY), [("Reopened", True)]),
        ],
    )
    def test_our_move_overrules_what_came_before_it_and_nothing_after(self, skip, authors, expected):
        definition = sync(FOLLOWS, skipIntermediateStatuses=skip)
        before = replace(seen(definition, issue("Open")), own_moves=(OwnMove("c", "Closed"),))
        statuses = ["Closed" if author == US else "Reopened" for author in authors]
        changes = [
            change(number, number, "Open", status, author)
            for number, (status, author) in enumerate(zip(statuses, authors, strict=True), 1)
        ]
        after = look(definition, issue(statuses[-1], *changes, updated=9), before)
        assert [(each.to_status, each.may_move) for each in after.pending] == expected
        assert after.own_moves == (OwnMove("c", "Closed", landed=True),)

    def test_our_move_overrules_what_was_waiting_and_what_was_given_up(self):
        definition = sync(FOLLOWS)
        waiting, given_up, moved = cause("Reopened"), cause("Reopened"), cause("Open", CauseKind.MOVED)
        before = replace(
            seen(definition, issue("Open")),
            own_moves=(OwnMove("c", "Closed", settled=True),),
            pending=(waiting, moved),
            dead=(given_up,),
        )
        after = look(definition, issue("Closed", change(2, 1, "Open", "Closed", US), updated=1), before)
        assert [each.may_move for each in (*after.pending, *after.dead)] == [False, True, False]

    def test_our_move_is_recognised_once(self):
        definition = sync(FOLLOWS)
        before = replace(seen(definition, issue("Open")), own_moves=(OwnMove("c", "Reopened"),))
        ours, back = change(2, 1, "Open", "Reopened", US), change(3, 2, "Reopened", "Open")
        theirs = change(4, 3, "Open", "Reopened", US)
        after = look(definition, issue("Reopened", ours, back, theirs, updated=3), before)
        assert causes(after) == [("status", "4", "Reopened")]

    def test_what_may_not_move_the_counterpart_does_all_the_rest(self):
        definition = sync(rule("Reopened", syncStatus=True, addComment=True, addCrossLink=True))
        kinds = [
            each.kind for each in actions_for(definition, Side.USER, cause("Reopened", may_move=False), paired=True)
        ]
        assert kinds == ["link", "comment"]


class TestMovedAndGone:
    def test_another_key_is_a_cause_for_issues_that_have_a_counterpart(self):
        definition = sync(FOLLOWS)
        moved = replace(issue("Open", updated=1), key="O-7")
        after = look(definition, moved, seen(definition, issue("Open")))
        assert (causes(after), after.key) == ([("moved", "moved-O-7", "Open")], "O-7")
        assert causes(look(definition, moved, replace(after, pending=()))) == []
        assert causes(look(definition, moved, seen(definition, issue("Open")), paired=False)) == []

    def test_only_the_last_of_several_moves_waits_and_it_comes_first(self):
        definition = sync(FOLLOWS)
        changed = issue("Reopened", change(2, 1, "Open", "Reopened"), updated=1)
        once = look(definition, replace(changed, key="O-7"), seen(definition, issue("Open")))
        twice = look(definition, replace(changed, key="U-9", updated=at(2)), once)
        assert causes(twice) == [("moved", "moved-U-9", "Reopened"), ("status", "2", "Reopened")]

    def test_a_move_calls_for_nothing_but_links_that_name_the_new_key(self):
        definition = sync(rule("*", syncStatus=True, addComment=True, conditions={"onStatusChange": False}))
        moved = cause("Open", CauseKind.MOVED)
        assert actions_for(definition, Side.USER, moved, paired=True) == [Link("moved")]
        assert actions_for(definition, Side.USER, moved, paired=False) == []

    @pytest.mark.parametrize("side", list(Side))
    @pytest.mark.parametrize(
        # the sync says                                                    its counterpart
        ("said", "expected"),
        [
            ({}, []),
            ({"onDelete": "keep", "onDeleteComment": "x", "onDeleteStatus": "y"}, []),
            ({"onDelete": "transition", "onDeleteStatus": "Closed"}, ["Closed"]),
            ({"onDelete": "comment", "onDeleteComment": "bye"}, ["bye"]),
            ({"onDelete": "comment"}, ["${sourceKey}, the counterpart of this issue, was deleted."]),
        ],
    )
    def test_what_becomes_of_the_counterpart_of_a_deleted_issue(self, side, said, expected):
        definition = sync(rule("*", "both", syncStatus=True, addComment=True, createIssue=True))
        definition = Sync.model_validate({**definition.model_dump(by_alias=True, exclude={"schema_"}), **said})
        actions = actions_for(definition, side, cause("", CauseKind.GONE), paired=True)
        assert [each.to if isinstance(each, Move) else each.template for each in actions] == expected
        assert all(each.side is side.other for each in actions if isinstance(each, Comment))
        assert actions_for(definition, side, cause("", CauseKind.GONE), paired=False) == []


class TestFirstSight:
    def test_it_is_a_cause_for_rules_that_create_alone(self):
        assert causes(look(sync(CREATES), issue("Will Do"), None, paired=False)) == [("first", "first", "Will Do")]
        assert causes(look(sync(rule("Will Do", syncStatus=True)), issue("Will Do"), None, paired=False)) == []

    def test_the_change_that_led_there_is_its_identity(self):
        now = issue("Will Do", change(5, -1, "Open", "Will Do"))
        assert causes(look(sync(CREATES), now, None, paired=False)) == [("first", "5", "Will Do")]

    @pytest.mark.parametrize(
        # changed at      is a cause
        ("minutes", "counts"),
        [(-1, False), (0, True), (1, True)],
    )
    def test_what_was_there_before_the_baseline_is_only_noted(self, minutes, counts):
        now = issue("Will Do", change(5, minutes, "Open", "Will Do"), updated=10)
        assert bool(causes(look(sync(CREATES), now, None, paired=False, baseline=NOON))) is counts

    def test_an_issue_that_has_a_counterpart_already_is_only_noted(self):
        assert causes(look(sync(CREATES), issue("Will Do"), None, paired=True)) == []

    def test_a_noted_issue_is_not_created_when_it_is_edited(self):
        definition = sync(CREATES)
        noted = look(definition, issue("Will Do"), None, paired=False, baseline=NOON)
        assert causes(look(definition, issue("Will Do", updated=9), noted, paired=False, baseline=NOON)) == []


class TestUpdates:
    ASSERTS = rule("In Progress", syncStatus=True, syncAttachments=True, conditions={"onStatusChange": False})

    def test_a_rule_that_does_not_wait_for_status_changes_answers_every_update(self):
        definition = sync(self.ASSERTS)
        after = look(definition, issue("In Progress", updated=5), seen(definition, issue("In Progress")))
        (only,) = after.pending
        assert actions_for(definition, Side.USER, only, paired=True) == [
            Move("In Progress", "In Progress"),
            CopyAttachments("In Progress"),
        ]

    def test_a_comment_is_still_posted_once_per_status_change(self):
        definition = sync({**self.ASSERTS, "actions": {"addComment": True, "syncStatus": True}})
        update = look(definition, issue("In Progress", updated=5), seen(definition, issue("In Progress"))).pending[0]
        kinds = [type(each) for each in actions_for(definition, Side.USER, update, paired=True)]
        assert kinds == [Move]
        kinds = [type(each) for each in actions_for(definition, Side.USER, cause("In Progress"), paired=True)]
        assert kinds == [Move, Comment]

    def test_our_own_comment_does_not_move_the_counterpart_again(self):
        definition = sync(self.ASSERTS)
        before = replace(seen(definition, issue("In Progress")), wrote_until=at(5))
        echo = look(definition, issue("In Progress", updated=5), before).pending[0]
        assert [type(each) for each in actions_for(definition, Side.USER, echo, paired=True)] == [CopyAttachments]

    def test_updates_that_wait_become_one_and_say_the_newest_status(self):
        definition = sync({**self.ASSERTS, "sourceStatus": "*"})
        once = look(definition, issue("A", updated=5), seen(definition, issue("A")))
        failed = once.with_cause(once.pending[0].marked("attachments", Attempt(NOON)))
        (waiting,) = look(definition, issue("A", updated=6), failed).pending
        assert (waiting.id, waiting.at, waiting.begun("attachments")) == (once.pending[0].id, at(6), Attempt(NOON))

    @pytest.mark.parametrize(
        # side        syncAttachments   file known    is a cause
        ("side", "top_up", "copied", "counts"),
        [
            (Side.USER, True, {}, True),
            (Side.USER, True, {"9": "90"}, False),
            (Side.USER, False, {}, False),
            (Side.DEV, True, {}, False),
        ],
    )
    def test_files_that_customers_add_later_are_a_cause_whatever_the_status(self, side, top_up, copied, counts):
        definition = sync(FOLLOWS, syncAttachments=top_up)
        before = replace(seen(definition, issue("Anything"), side=side), copied=copied)
        now = issue("Anything", updated=5, attachments=(Attachment("9", "a.txt", 3, "text/plain"),))
        assert bool(causes(look(definition, now, before, side=side))) is counts

    @pytest.mark.parametrize(
        # where it went, by whom                                        what is waiting
        ("status", "author", "own", "expected"),
        [
            ("In Review", SOMEBODY, (), ["update"]),
            ("Closed", US, (OwnMove("c", "Closed"),), ["update"]),
            ("Reopened", SOMEBODY, (), ["status"]),
        ],
    )
    def test_a_file_that_comes_together_with_a_move_is_not_forgotten(self, status, author, own, expected):
        definition = sync(FOLLOWS, syncAttachments=True)
        before = replace(seen(definition, issue("Open")), own_moves=own)
        file = Attachment("9", "a.txt", 3, "text/plain")
        now = issue(status, change(2, 1, "Open", status, author), updated=1, attachments=(file,))
        after = look(definition, now, before)
        assert [each.kind.value for each in after.pending] == expected
        kinds = [type(each) for each in actions_for(definition, Side.USER, after.pending[0], paired=True)]
        assert CopyAttachments in kinds
        assert (Move in kinds) is (expected == ["status"])

    def test_a_file_that_is_a_copy_itself_is_not_copied_back(self):
        file = Attachment("9", "a.txt", 3, "text/plain")
        state = replace(seen(sync(FOLLOWS), issue("A")), received=("9",))
        assert missing_attachments(issue("A", attachments=(file,)), state) == []


class TestActions:
    def test_a_rule_that_creates(self):
        assert actions_for(sync(CREATES), Side.USER, cause("Will Do"), paired=False) == [
            Create("Will Do", None),
            Link("Will Do"),
            Comment("Will Do", Side.USER, "made ${targetKey}"),
        ]

    def test_a_rule_that_creates_creates_nothing_for_an_issue_that_has_a_counterpart(self):
        """Nor does it post its comment, which announces the creation."""
        assert actions_for(sync(CREATES), Side.USER, cause("Will Do"), paired=True) == [Link("Will Do")]

    def test_after_a_crash_behind_the_creation_the_rest_still_follows(self):
        begun = cause("Will Do", marks={"create": Attempt(NOON, done=True)})
        kinds = [each.kind for each in actions_for(sync(CREATES), Side.USER, begun, paired=True)]
        assert kinds == ["create", "link", "comment"]

    def test_both_directions_mean_the_same(self):
        definition = sync({**CREATES, "syncDirection": "both"})
        assert actions_for(definition, Side.USER, cause("Will Do"), paired=False) == actions_for(
            definition, Side.DEV, cause("Will Do"), paired=False
        )

    def test_first_sight_goes_past_rules_that_do_not_create(self):
        definition = sync(rule("Will Do", syncStatus=True, conditions={"requireMapping": False}), CREATES)
        first = actions_for(definition, Side.USER, cause("Will Do", CauseKind.FIRST), paired=False)
        assert [each.kind for each in first] == ["create", "link", "comment"]

    def test_the_first_rule_that_fits_answers_alone(self):
        definition = sync(
            rule("*", syncStatus=True, targetStatus="Late", id="late", priority=9),
            rule("Reopened", syncStatus=True, targetStatus="First", id="first", priority=1),
        )
        assert actions_for(definition, Side.USER, cause("Reopened"), paired=True) == [Move("first", "First")]

    def test_a_rule_that_requires_a_counterpart_does_nothing_without_one(self):
        assert actions_for(sync(FOLLOWS), Side.USER, cause("Reopened"), paired=False) == []

    def test_without_a_counterpart_a_rule_that_needs_none_can_still_comment(self):
        definition = sync(rule("Declined", syncStatus=True, addComment=True, conditions={"requireMapping": False}))
        (comment,) = actions_for(definition, Side.USER, cause("Declined"), paired=False)
        assert comment.kind == "comment"

    @pytest.mark.defect(19)
    def test_the_old_example_of_a_rule_for_done_fires(self):
        definition = sync(rule("Done", "dev_to_user", syncStatus=True, targetStatus="Resolved"))
        assert actions_for(definition, Side.DEV, cause("Done"), paired=True) == [Move("Done", "Resolved")]

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
    def test_a_done_dev_issue_without_a_rule(self, behavior, side, is_done, target):
        definition = sync(FOLLOWS, fallbackBehavior=behavior)
        actions = actions_for(definition, side, cause("Finished", is_done=is_done), paired=True)
        assert [each.to for each in actions if isinstance(each, Move)] == ([target] if target else [])
        after = issue("Finished", change(2, 1, "Open", "Finished"), updated=1, is_done=is_done)
        noticed = causes(look(definition, after, seen(definition, issue("Open"), side=side), side=side))
        assert bool(noticed) is (target is not None)


def test_only_placeholders_are_filled_in():
    values = dict.fromkeys(["sourceKey", "targetKey", "sourceStatus", "targetStatus", "sourceSummary"], "x")
    assert fill_in("${sourceKey} $sourceKey ${other} $5 $$ {code}", values) == "x $sourceKey ${other} $5 $$ {code}"


def test_a_customer_s_summary_becomes_no_markup():
    assert plain_text("a [~admin] {code} !x.png! b|c") == r"a \[~admin\] \{code\} \!x.png\! b\|c"


@pytest.mark.parametrize(
    # known   part begins at    changes in it    more is needed
    ("known", "begins", "changes", "needed"),
    [
        (True, None, (), False),
        (True, -2000, (), False),
        (True, 5, (), True),
        (False, 5, (), True),
        (False, 5, (change(1, 6, "A", "B"),), False),
    ],
)
def test_when_the_rest_of_a_long_history_is_needed(known, begins, changes, needed):
    state = seen(sync(FOLLOWS), issue("A")) if known else None
    history_from = None if begins is None else at(begins)
    assert needs_history_before(state, issue("A", *changes, history_from=history_from)) is needed
