"""What is remembered of an issue: its outbox, its dead letters, our own moves."""

from __future__ import annotations

import pytest

from sync_worker.core.issues.causes import REFUSED, Attempt, Cause, CauseKind
from sync_worker.core.issues.state import marks_of_later_update
from worker_values import at, cause, failure, state


def ids(causes: tuple[Cause, ...]) -> list[str]:
    return [cause.id for cause in causes]


class TestDeadLetters:
    def test_a_dead_letter_leaves_the_outbox_to_the_later_causes(self):
        failed = cause("1", failure=failure(5))
        after = state(cause("1"), cause("2")).dead_lettered(failed)
        assert (ids(after.pending), after.dead) == (["2"], (failed,))

    def test_a_cause_that_is_dead_lettered_again_is_kept_once_as_it_was_last(self):
        again = cause("1", failure=failure(9))
        after = state(dead=(cause("1", failure=failure(5)), cause("2"))).dead_lettered(again)
        assert after.dead == (cause("2"), again)

    def test_requeued_dead_letters_are_in_their_old_order_as_if_never_tried(self):
        begun = {"comment": Attempt(at(1))}
        dead = (cause("3", 3, failure=failure(5)), cause("1", 1, failure=failure(5), marks=begun))
        after = state(cause("2", 2, failure=failure(9)), dead=dead).requeued()
        assert (ids(after.pending), after.dead) == (["1", "2", "3"], ())
        assert [cause.failure for cause in after.pending] == [None] * 3
        assert after.pending[0].marks == begun

    def test_what_was_refused_is_tried_again_once_a_person_asks_wherever_it_waits(self):
        refused = {REFUSED: Attempt(at(1), done=True, refusal="not this one")}
        before = state(cause("2", marks=refused), dead=(cause("1", marks=refused),))
        after = before.withhold(cause("3", marks=refused)).requeued()
        assert [cause.marks for cause in (*after.pending, *after.withheld)] == [{}, {}, {}]

    def test_what_was_refused_of_an_update_is_told_of_the_later_one_that_takes_its_place(self):
        refused = {REFUSED: Attempt(at(1), done=True, refusal="not this one")}
        before = cause("1", kind=CauseKind.UPDATE, marks={**refused, "attachments": Attempt(at(1), done=True)})
        assert marks_of_later_update(before) == refused

    def test_requeueing_prefers_the_waiting_cause_to_a_dead_letter_of_the_same_id(self):
        after = state(cause("1", may_move=False), dead=(cause("1", failure=failure(5)),)).requeued()
        assert [cause.may_move for cause in after.pending] == [False]

    def test_what_was_to_be_said_of_a_deletion_is_not_kept_once_the_issue_is_back(self):
        gone = cause("gone", kind=CauseKind.GONE, failure=failure(5))
        after = state(cause("1"), dead=(cause("2"), gone)).back()
        assert (ids(after.pending), ids(after.dead)) == (["1"], ["2"])

    def test_dismissing_forgets_the_dead_letters_and_nothing_else(self):
        after = state(cause("2", failure=failure(9)), dead=(cause("1"),)).dismissed()
        assert after == state(cause("2", failure=failure(9)))


def test_causes_that_wait_for_their_next_try_can_be_made_due_and_keep_their_attempts():
    after = state(cause("1", failure=failure(60)), cause("2"), dead=(cause("3", failure=failure(60)),)).due_now()
    assert after.pending == (cause("1", failure=failure(1)), cause("2"))
    assert after.dead == (cause("3", failure=failure(60)),)


class TestSuperseding:
    @pytest.mark.parametrize(
        # a cause of this kind     may move the counterpart afterwards
        ("kind", "may"),
        [
            (CauseKind.STATUS, False),
            (CauseKind.FIRST, False),
            (CauseKind.UPDATE, True),
            (CauseKind.MOVED, True),
            (CauseKind.GONE, True),
        ],
    )
    def test_superseded_status_changes_move_the_counterpart_no_more(self, kind, may):
        after = state(cause("1", kind=kind), dead=(cause("2", kind=kind),)).superseded()
        assert [cause.may_move for cause in (*after.pending, *after.dead)] == [may, may]

    def test_dead_letters_older_than_a_later_change_move_the_counterpart_no_more(self):
        dead = (cause("1", 1), cause("3", 3), cause("2", 2), cause("4", 1, kind=CauseKind.UPDATE))
        after = state(cause("0", 0), dead=dead).expired(at(2))
        assert {cause.id: cause.may_move for cause in after.dead} == {"1": False, "2": False, "3": True, "4": True}
        assert after.pending == (cause("0", 0),)


def test_a_cause_replaces_the_pending_one_of_the_same_id():
    marked = cause("1").marked("move", Attempt(at(1), done=True))
    after = state(cause("1"), cause("2")).with_cause(marked)
    assert after.pending == (marked, cause("2"))
    assert state(cause("2")).with_cause(marked).pending == (cause("2"),)
