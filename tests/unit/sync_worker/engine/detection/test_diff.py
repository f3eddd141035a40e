"""What is new about an issue, and which of it is a cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_model.definition.sync import Side, Sync
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.issues.actions import CarryItems, Move
from sync_worker.core.issues.causes import Attempt, CauseKind
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.items import Handled
from sync_worker.core.issues.own_writes import expected_move, last_write, made_move
from sync_worker.core.issues.state import IssueState
from sync_worker.engine.detection.diff import MOST_SEEN, needs_history_before, observe
from sync_worker.engine.reach import full_reaches
from worker_values import FILE, NOON, OUR_ACCOUNT, SOMEBODY, at, cause, change, issue, rule, sync

CREATES = sync(rule("Will Do", createIssue=True, addCrossLink=True, addComment=True))
FOLLOWS = sync(rule("Reopened", syncStatus=True))
FOLLOWS_EACH_STATUS = sync(rule("Reopened", syncStatus=True), defaultBehavior={"skipIntermediateStatuses": False})
ASSERTS_RULE = rule("In Progress", syncStatus=True, syncAttachments=True) | {"conditions": {"onStatusChange": False}}
ASSERTS = sync(ASSERTS_RULE)
REOPENED = issue("Reopened", change(2, 1, "Open", "Reopened"), updated=1)
"""An issue that was open and was reopened by somebody a minute after noon."""
REOPENED_BY_OUR_ACCOUNT = issue("Reopened", change(2, 1, "Open", "Reopened", OUR_ACCOUNT), updated=1)


def look(definition: Sync, now: Issue, state: IssueState | None, *, side: Side = Side.USER, **options) -> IssueState:
    """Return the state of an issue with a counterpart after a direct read."""
    reaches = full_reaches(definition, side)
    options = {"paired": True, "accounts": frozenset({OUR_ACCOUNT}), "baseline": None, "reaches": reaches, **options}
    return observe(definition, side, now, state, **options)


def seen(definition: Sync, before: Issue | None = None, *, side: Side = Side.USER, **fields) -> IssueState:
    """Return the state after `before`, an open issue, was seen for the first time, with nothing left to do."""
    return replace(look(definition, before or issue(), None, side=side), **{"pending": (), **fields})


def ours(move: Handled) -> dict[str, dict[str, Handled]]:
    """Return what is remembered of an issue that we move, or have moved, for cause c."""
    return {Move.kind: {"c": move}}


def causes(state: IssueState) -> list[tuple[str, str, str]]:
    return [(cause.kind.value, cause.id, cause.to_status) for cause in state.pending]


def called_for(definition: Sync, state: IssueState) -> list[type]:
    """Return the kinds of action that the first cause in the outbox calls for."""
    actions = actions_for(definition, Side.USER, state.pending[0], paired=True)
    return [type(action) for action in actions]


class TestStatusChanges:
    def test_a_status_change_that_a_rule_answers_is_a_cause(self):
        before = seen(FOLLOWS, issue("Open", change(1, -10, "New", "Open")))
        after = issue("Reopened", change(1, -10, "New", "Open"), change(2, 1, "Open", "Reopened"), updated=1)
        assert causes(look(FOLLOWS, after, before)) == [("status", "2", "Reopened")]

    def test_a_status_change_is_a_cause_only_once_even_if_the_issue_is_edited_afterwards(self):
        once = look(FOLLOWS, REOPENED, seen(FOLLOWS))
        edited = replace(REOPENED, updated=at(5), summary="other")
        assert causes(look(FOLLOWS, edited, once)) == causes(once)
        assert causes(look(FOLLOWS, edited, replace(once, pending=()))) == []

    def test_an_edit_without_a_status_change_is_no_cause(self):
        definition = sync(rule("Open", syncStatus=True))
        assert causes(look(definition, issue("Open", updated=5), seen(definition))) == []

    def test_a_change_into_a_status_without_a_rule_is_no_cause(self):
        after = issue("In Review", change(2, 1, "Open", "In Review"), updated=1)
        assert causes(look(FOLLOWS, after, seen(FOLLOWS))) == []

    def test_a_status_change_on_the_side_that_the_rule_leads_to_is_no_cause(self):
        assert causes(look(FOLLOWS, REOPENED, seen(FOLLOWS, side=Side.DEV), side=Side.DEV)) == []

    @pytest.mark.parametrize(
        # behaviour             side        is done   is a cause
        ("behavior", "side", "is_done", "counts"),
        [
            ("ignore", Side.DEV, True, False),
            ("default_to_closed", Side.DEV, True, True),
            ("sync_to_resolved", Side.DEV, True, True),
            ("sync_to_resolved", Side.DEV, False, False),
            ("sync_to_resolved", Side.USER, True, False),
        ],
    )
    def test_a_done_dev_issue_without_a_rule_is_a_cause_where_there_is_a_fallback(
        self, behavior, side, is_done, counts
    ):
        definition = sync(rule("Reopened", syncStatus=True), defaultBehavior={"fallbackBehavior": behavior})
        after = issue("Finished", change(2, 1, "Open", "Finished"), updated=1, is_done=is_done)
        assert bool(causes(look(definition, after, seen(definition, side=side), side=side))) is counts

    @pytest.mark.parametrize(
        # the sync             causes
        ("definition", "expected"),
        [
            (FOLLOWS, [("status", "4", "Reopened")]),
            (FOLLOWS_EACH_STATUS, [("status", "2", "Reopened"), ("status", "4", "Reopened")]),
        ],
    )
    def test_only_the_last_of_several_status_changes_counts_unless_all_are_asked_for(self, definition, expected):
        after = issue(
            "Reopened",
            change(2, 1, "Open", "Reopened"),
            change(3, 2, "Reopened", "Open"),
            change(4, 3, "Open", "Reopened"),
            updated=3,
        )
        assert causes(look(definition, after, seen(definition))) == expected

    def test_a_status_change_forth_and_back_between_two_looks_is_a_cause(self):
        before = issue("Reopened", change(1, -10, "Open", "Reopened"))
        after = issue(
            "Reopened", *before.changes, change(2, 1, "Reopened", "X"), change(3, 2, "X", "Reopened"), updated=2
        )
        assert causes(look(FOLLOWS, after, seen(FOLLOWS, before))) == [("status", "3", "Reopened")]

    def test_a_late_history_entry_with_a_smaller_id_and_an_older_time_is_a_cause(self):
        """The nodes of one Jira hand out ids in blocks, and their clocks differ a little."""
        first = look(
            FOLLOWS_EACH_STATUS,
            issue("Open", change(200, 5, "New", "Open"), updated=5),
            seen(FOLLOWS_EACH_STATUS, issue("New")),
        )
        after = issue("Reopened", change(100, 4.9, "Open", "Reopened"), change(200, 5, "New", "Open"), updated=5.1)
        assert causes(look(FOLLOWS_EACH_STATUS, after, first)) == [("status", "100", "Reopened")]

    @pytest.mark.parametrize("minutes", [-0.1, -100, -100_000, 0, 100_000])
    def test_a_late_history_entry_is_a_cause_whatever_its_time(self, minutes):
        """One node's clock may be far off, and what it wrote before may be dated far ahead, too."""
        ahead = change(200, 5, "New", "Open")
        first = look(FOLLOWS, issue("Open", ahead, updated=5), seen(FOLLOWS, issue("New")))
        late = change(300, 5 + minutes, "Open", "Reopened")
        after = issue("Reopened", *sorted((ahead, late), key=lambda each: each.at), updated=5 + minutes)
        assert causes(look(FOLLOWS, after, first)) == [("status", "300", "Reopened")]

    @pytest.mark.parametrize("definition", [FOLLOWS, FOLLOWS_EACH_STATUS])
    def test_the_change_that_led_to_the_present_status_is_the_last_one_whatever_its_time(self, definition):
        there, back = change(2, 2, "Open", "X"), change(3, 1, "X", "Reopened")  # the second node is a minute behind
        after = issue("Reopened", back, there, updated=1)
        assert causes(look(definition, after, seen(definition)))[-1] == ("status", "3", "Reopened")

    def test_statuses_are_compared_by_their_ids_where_the_history_has_them(self):
        there, back = change(2, 2, "Open", "X"), replace(change(3, 1, "X", "Wieder offen"), to_id="4")
        after = issue("Reopened", back, there, updated=1, status_id="4")
        assert [cause.id for cause in look(sync(rule("*", syncStatus=True)), after, seen(FOLLOWS)).pending] == ["3"]

    def test_a_bounded_number_of_changes_is_remembered_and_none_of_them_is_news_again(self):
        many = [change(number, number, "Open", "Reopened") for number in range(3 * MOST_SEEN)]
        state = seen(FOLLOWS_EACH_STATUS)
        for count in (len(many) - 2, len(many) - 1, len(many)):
            state = look(FOLLOWS_EACH_STATUS, issue("Reopened", *many[:count], updated=count), state)
        assert [cause.id for cause in state.pending] == [each.id for each in many]
        assert len(state.seen) == MOST_SEEN

    def test_what_an_earlier_version_has_seen_is_no_news(self):
        """It kept the ids of the last hour, and went by times beyond."""
        old, recent = change(1, -300, "New", "Reopened"), change(2, -10, "Reopened", "Open")
        before = seen(FOLLOWS_EACH_STATUS, seen_until=recent.at, seen=("2",))
        edited = issue("Open", old, recent, updated=1)
        after = look(FOLLOWS_EACH_STATUS, edited, before)
        assert (causes(after), after.seen) == ([], ("1", "2"))
        assert causes(look(FOLLOWS_EACH_STATUS, replace(edited, updated=at(2)), after)) == []

    def test_what_is_hidden_when_an_issue_is_seen_for_the_first_time_is_no_news_later(self):
        old, recent = change(1, -300, "New", "Reopened"), change(2, -10, "Reopened", "Open")
        first = look(FOLLOWS_EACH_STATUS, issue("Open", recent, history_from=recent.at), None)
        after = look(FOLLOWS_EACH_STATUS, issue("Open", old, recent, updated=1), first)
        assert causes(after) == []


class TestOwnMoves:
    def test_a_status_that_we_set_is_no_cause_and_is_forgotten_once_it_is_in_the_history(self):
        definition = sync(rule("Reopened", "both", syncStatus=True))
        before = seen(definition, handled=ours(made_move("Reopened")))
        after = look(definition, REOPENED_BY_OUR_ACCOUNT, before)
        assert (causes(after), after.handled) == ([], {})

    def test_a_move_of_ours_whose_answer_was_lost_is_kept_as_landed(self):
        before = seen(FOLLOWS, handled=ours(expected_move("Reopened", since=NOON)))
        after = look(FOLLOWS, REOPENED_BY_OUR_ACCOUNT, before)
        assert (causes(after), after.handled) == ([], ours(Handled(" Reopened", twin="2")))

    def test_a_status_change_by_a_person_who_uses_our_account_is_a_cause(self):
        assert causes(look(FOLLOWS, REOPENED_BY_OUR_ACCOUNT, seen(FOLLOWS))) == [("status", "2", "Reopened")]

    def test_a_status_change_by_a_person_into_the_status_that_we_set_is_a_cause(self):
        before = seen(FOLLOWS, handled=ours(expected_move("Reopened", since=NOON)))
        assert causes(look(FOLLOWS, REOPENED, before)) == [("status", "2", "Reopened")]

    def test_a_status_change_by_a_person_after_our_move_is_a_cause(self):
        before = seen(FOLLOWS, handled=ours(made_move("Closed")))
        changes = change(2, 1, "Open", "Closed", OUR_ACCOUNT), change(3, 2, "Closed", "Reopened")
        assert causes(look(FOLLOWS, issue("Reopened", *changes, updated=2), before)) == [("status", "3", "Reopened")]

    def test_a_status_change_by_a_person_before_our_move_is_an_intermediate_one(self):
        before = seen(FOLLOWS, handled=ours(made_move("Closed")))
        changes = change(2, 1, "Open", "Reopened"), change(3, 2, "Reopened", "Closed", OUR_ACCOUNT)
        assert causes(look(FOLLOWS, issue("Closed", *changes, updated=2), before)) == []

    @pytest.mark.parametrize(
        # the sync             who moved, in this order                       causes, and whether they may move
        ("definition", "authors", "causes_left"),
        [
            (FOLLOWS_EACH_STATUS, (SOMEBODY, OUR_ACCOUNT), [("Reopened", False)]),
            (FOLLOWS_EACH_STATUS, (OUR_ACCOUNT, SOMEBODY), [("Reopened", True)]),
            (FOLLOWS_EACH_STATUS, (SOMEBODY, OUR_ACCOUNT, SOMEBODY), [("Reopened", False), ("Reopened", True)]),
            (FOLLOWS, (SOMEBODY, OUR_ACCOUNT), []),
            (FOLLOWS, (OUR_ACCOUNT, SOMEBODY), [("Reopened", True)]),
            (FOLLOWS, (SOMEBODY, OUR_ACCOUNT, SOMEBODY), [("Reopened", True)]),
        ],
    )
    def test_our_move_supersedes_the_status_changes_before_it_and_none_after_it(self, definition, authors, causes_left):
        before = seen(definition, handled=ours(expected_move("Closed", since=NOON)))
        statuses = ["Closed" if author == OUR_ACCOUNT else "Reopened" for author in authors]
        changes = [
            change(number, number, "Open", status, author)
            for number, (status, author) in enumerate(zip(statuses, authors, strict=True), 1)
        ]
        after = look(definition, issue(statuses[-1], *changes, updated=9), before)
        assert [(cause.to_status, cause.may_move) for cause in after.pending] == causes_left
        landed_as = str(authors.index(OUR_ACCOUNT) + 1)
        assert after.handled == ours(Handled(" Closed", twin=landed_as))

    def test_our_move_supersedes_waiting_and_dead_status_changes_but_no_new_key(self):
        waiting, given_up = cause(to_status="Reopened"), cause(to_status="Reopened")
        moved = cause(to_status="Open", kind=CauseKind.MOVED)
        moves = ours(made_move("Closed"))
        before = seen(FOLLOWS, handled=moves, pending=(waiting, moved), dead=(given_up,))
        after = look(FOLLOWS, issue("Closed", change(2, 1, "Open", "Closed", OUR_ACCOUNT), updated=1), before)
        assert [cause.may_move for cause in (*after.pending, *after.dead)] == [False, True, False]

    def test_a_move_of_ours_accounts_for_one_status_change_only(self):
        before = seen(FOLLOWS, handled=ours(expected_move("Reopened", since=NOON)))
        our_move, back = change(2, 1, "Open", "Reopened", OUR_ACCOUNT), change(3, 2, "Reopened", "Open")
        theirs = change(4, 3, "Open", "Reopened", OUR_ACCOUNT)
        after = look(FOLLOWS, issue("Reopened", our_move, back, theirs, updated=3), before)
        assert causes(after) == [("status", "4", "Reopened")]


class TestNewKeys:
    def test_a_new_key_of_an_issue_with_a_counterpart_is_a_cause_once(self):
        moved = replace(issue("Open", updated=1), key="O-7")
        after = look(FOLLOWS, moved, seen(FOLLOWS))
        assert (causes(after), after.key) == ([("moved", "moved-O-7", "Open")], "O-7")
        assert causes(look(FOLLOWS, moved, replace(after, pending=()))) == []

    def test_a_new_key_of_an_issue_without_a_counterpart_is_no_cause(self):
        moved = replace(issue("Open", updated=1), key="O-7")
        assert causes(look(FOLLOWS, moved, seen(FOLLOWS), paired=False)) == []

    def test_only_the_last_of_several_new_keys_waits_and_comes_before_status_changes(self):
        once = look(FOLLOWS, replace(REOPENED, key="O-7"), seen(FOLLOWS))
        twice = look(FOLLOWS, replace(REOPENED, key="U-9", updated=at(2)), once)
        assert causes(twice) == [("moved", "moved-U-9", "Reopened"), ("status", "2", "Reopened")]


class TestFirstSight:
    def test_an_issue_seen_for_the_first_time_is_a_cause_only_where_a_rule_creates(self):
        assert causes(look(CREATES, issue("Will Do"), None, paired=False)) == [("first", "first", "Will Do")]
        assert causes(look(sync(rule("Will Do", syncStatus=True)), issue("Will Do"), None, paired=False)) == []

    def test_the_cause_of_a_first_sight_is_named_after_the_last_status_change(self):
        now = issue("Will Do", change(5, -1, "Open", "Will Do"))
        assert causes(look(CREATES, now, None, paired=False)) == [("first", "5", "Will Do")]

    @pytest.mark.parametrize(
        # changed at      is a cause
        ("minutes", "counts"),
        [(-1, False), (0, True), (1, True)],
    )
    def test_a_status_change_before_the_baseline_is_only_noted(self, minutes, counts):
        now = issue("Will Do", change(5, minutes, "Open", "Will Do"), updated=10)
        assert bool(causes(look(CREATES, now, None, paired=False, baseline=NOON))) is counts

    def test_an_issue_seen_for_the_first_time_with_a_counterpart_is_only_noted(self):
        assert causes(look(CREATES, issue("Will Do"), None, paired=True)) == []

    def test_an_edit_of_an_issue_that_was_only_noted_is_no_cause(self):
        noted = look(CREATES, issue("Will Do"), None, paired=False, baseline=NOON)
        assert causes(look(CREATES, issue("Will Do", updated=9), noted, paired=False, baseline=NOON)) == []


class TestUpdates:
    def test_every_update_is_a_cause_for_a_rule_that_does_not_wait_for_status_changes(self):
        after = look(ASSERTS, issue("In Progress", updated=5), seen(ASSERTS, issue("In Progress")))
        (update,) = after.pending
        assert actions_for(ASSERTS, Side.USER, update, paired=True) == [
            CarryItems("attachments", "In Progress", everything=True),
            Move("In Progress", "In Progress"),
        ]

    def test_an_update_calls_for_no_comment(self):
        definition = sync({**ASSERTS_RULE, "actions": {"addComment": True, "syncStatus": True}})
        update = look(definition, issue("In Progress", updated=5), seen(definition, issue("In Progress")))
        assert called_for(definition, update) == [Move]

    @pytest.mark.parametrize(
        # updated   what is called for
        ("updated", "kinds"),
        [(5, [CarryItems]), (6, [CarryItems, Move]), (4.9, [CarryItems, Move])],
    )
    def test_the_echo_of_our_own_write_and_nothing_else_does_not_move_the_counterpart(self, updated, kinds):
        before = seen(ASSERTS, issue("In Progress"), handled={"update": last_write(at(5))})
        assert called_for(ASSERTS, look(ASSERTS, issue("In Progress", updated=updated), before)) == kinds

    def test_what_a_newer_version_remembers_of_items_that_this_one_does_not_know_stays(self):
        newer = {"labels of a later version": {"red": Handled(twin="red")}}
        after = look(FOLLOWS, issue(updated=5), seen(FOLLOWS, handled=newer))
        assert after.handled == newer

    def test_an_update_of_somebody_that_waits_still_moves_the_counterpart_after_we_have_written(self):
        waiting = look(ASSERTS, issue("In Progress", updated=5), seen(ASSERTS, issue("In Progress")))
        written = waiting.with_items("update", last_write(at(6)))
        after = look(ASSERTS, issue("In Progress", updated=6), written)
        assert called_for(ASSERTS, after) == [CarryItems, Move]

    @pytest.mark.parametrize("updated", [-0.1, -100, -100_000, 100_000])
    def test_an_update_that_is_dated_before_the_last_one_is_a_cause_too(self, updated):
        before = seen(ASSERTS, issue("In Progress"))
        after = look(ASSERTS, issue("In Progress", updated=updated), before)
        assert [cause.kind.value for cause in after.pending] == ["update"]
        assert after.updated == at(updated)
        assert causes(look(ASSERTS, issue("In Progress", updated=updated), replace(after, pending=()))) == []

    def test_an_update_takes_the_place_of_one_that_waits_and_keeps_its_marks(self):
        definition = sync({**ASSERTS_RULE, "sourceStatus": "*"})
        once = look(definition, issue("A", updated=5), seen(definition, issue("A")))
        failed = once.with_cause(once.pending[0].marked("attachments", Attempt(NOON)))
        (waiting,) = look(definition, issue("A", updated=6), failed).pending
        assert (waiting.id, waiting.at, waiting.begun("attachments")) == (once.pending[0].id, at(6), Attempt(NOON))

    def test_what_was_done_for_an_update_is_done_again_for_what_changed_since(self):
        """Its files were copied, and its move failed. Another file was added meanwhile."""
        definition = sync({**ASSERTS_RULE, "sourceStatus": "*"})
        once = look(definition, issue("A", updated=5), seen(definition, issue("A")))
        done = Attempt(NOON, done=True)
        carried_out = once.pending[0].marked("attachments", done).marked("create", done)
        (waiting,) = look(definition, issue("A", updated=6), once.with_cause(carried_out)).pending
        assert (waiting.has_done("attachments"), waiting.has_done("create")) == (False, True)

    @pytest.mark.parametrize(
        # side        syncAttachments   file known    is a cause
        ("side", "top_up", "known", "counts"),
        [
            (Side.USER, True, {}, True),
            (Side.USER, True, {"9": Handled(twin="90")}, False),
            (Side.USER, False, {}, False),
            (Side.DEV, True, {}, False),
        ],
    )
    def test_a_file_that_a_customer_adds_later_is_a_cause_in_every_status(self, side, top_up, known, counts):
        definition = sync(rule("Reopened", syncStatus=True), defaultBehavior={"syncAttachments": top_up})
        before = seen(definition, issue("Anything"), side=side, handled={"attachments": known})
        now = issue("Anything", updated=5, attachments=(FILE,))
        assert bool(causes(look(definition, now, before, side=side))) is counts

    @pytest.mark.parametrize(
        # where it went, by whom                                        what is waiting
        ("status", "author", "handled", "expected"),
        [
            ("In Review", SOMEBODY, {}, ["update"]),
            ("Closed", OUR_ACCOUNT, ours(expected_move("Closed", since=NOON)), ["update"]),
            ("Reopened", SOMEBODY, {}, ["status"]),
        ],
    )
    def test_a_file_that_is_added_together_with_a_status_change_is_copied(self, status, author, handled, expected):
        definition = sync(rule("Reopened", syncStatus=True), defaultBehavior={"syncAttachments": True})
        now = issue(status, change(2, 1, "Open", status, author), updated=1, attachments=(FILE,))
        after = look(definition, now, seen(definition, handled=handled))
        assert [cause.kind.value for cause in after.pending] == expected
        assert CarryItems in called_for(definition, after)
        assert (Move in called_for(definition, after)) is (expected == ["status"])


@pytest.mark.parametrize(
    # known   updated  part begins at    changes in it    more is needed
    ("known", "updated", "begins", "changes", "needed"),
    [
        (True, 10, None, (), False),
        (True, 10, -2000, (), False),
        (True, 10, -61, (), False),
        (True, 10, -59, (), True),
        (True, 10, 5, (), True),
        (True, -1, -2000, (), True),
        (False, 10, 5, (), True),
        (False, 10, 5, (change(1, 6, "A", "B"),), False),
    ],
)
def test_the_rest_of_a_long_history_is_read_only_where_it_may_hold_news(known, updated, begins, changes, needed):
    state = seen(FOLLOWS, issue("A")) if known else None
    history_from = None if begins is None else at(begins)
    assert needs_history_before(state, issue("A", *changes, updated=updated, history_from=history_from)) is needed
