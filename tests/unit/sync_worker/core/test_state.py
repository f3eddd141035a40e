"""What is remembered, as values: queues of causes, those that were given up, our own moves, and pairs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync_model.definition import Side
from sync_worker.core.causes import Attempt, Cause, CauseKind, Failure
from sync_worker.core.pairs import Pair
from sync_worker.core.state import IssueState, OwnMove

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def cause(identity: str, minutes: float = 0, kind: CauseKind = CauseKind.STATUS, **rest: Any) -> Cause:
    return Cause(identity, kind, at(minutes), "Open", "Closed", **rest)


def failure(next_try: float) -> Failure:
    return Failure("because", 3, at(0), at(1), at(next_try))


def state(*pending: Cause, dead: tuple[Cause, ...] = (), **rest: Any) -> IssueState:
    return IssueState(Side.USER, "1", "U-1", "Open", NOON, NOON, pending=pending, dead=dead, **rest)


def ids(causes: tuple[Cause, ...]) -> list[str]:
    return [each.id for each in causes]


class TestGivingUp:
    def test_what_is_given_up_waits_no_more_and_the_later_ones_go_on(self):
        failed = cause("1", failure=failure(5))
        after = state(cause("1"), cause("2")).dead_lettered(failed)
        assert (ids(after.pending), after.dead) == (["2"], (failed,))

    def test_what_is_given_up_again_is_kept_once_as_it_was_last(self):
        again = cause("1", failure=failure(9))
        after = state(dead=(cause("1", failure=failure(5)), cause("2"))).dead_lettered(again)
        assert after.dead == (cause("2"), again)

    def test_what_is_revived_is_as_if_it_had_never_been_tried_and_in_its_old_order(self):
        begun = {"comment": Attempt(at(1))}
        dead = (cause("3", 3, failure=failure(5)), cause("1", 1, failure=failure(5), marks=begun))
        after = state(cause("2", 2, failure=failure(9)), dead=dead).requeued()
        assert (ids(after.pending), after.dead) == (["1", "2", "3"], ())
        assert [each.failure for each in after.pending] == [None] * 3
        assert after.pending[0].marks == begun

    def test_of_two_with_one_identity_the_one_that_waits_is_revived(self):
        after = state(cause("1", may_move=False), dead=(cause("1", failure=failure(5)),)).requeued()
        assert [each.may_move for each in after.pending] == [False]

    def test_what_is_dismissed_is_forgotten_and_nothing_else(self):
        after = state(cause("2", failure=failure(9)), dead=(cause("1"),)).dismissed()
        assert after == state(cause("2", failure=failure(9)))


class TestHurrying:
    def test_what_waits_is_due_and_keeps_count_of_its_attempts(self):
        after = state(cause("1", failure=failure(60)), cause("2"), dead=(cause("3", failure=failure(60)),)).due_now()
        assert after.pending == (cause("1", failure=failure(1)), cause("2"))
        assert after.dead == (cause("3", failure=failure(60)),)


class TestOverruling:
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
    def test_no_status_change_that_is_still_here_moves_the_counterpart(self, kind, may):
        after = state(cause("1", kind=kind), dead=(cause("2", kind=kind),)).superseded()
        assert [each.may_move for each in (*after.pending, *after.dead)] == [may, may]

    def test_what_was_given_up_is_outdated_by_what_came_later(self):
        dead = (cause("1", 1), cause("3", 3), cause("2", 2), cause("4", 1, CauseKind.UPDATE))
        after = state(cause("0", 0), dead=dead).expired(at(2))
        assert {each.id: each.may_move for each in after.dead} == {"1": False, "2": False, "3": True, "4": True}
        assert after.pending == (cause("0", 0),)


class TestCauses:
    def test_a_cause_takes_the_place_of_its_former_self(self):
        marked = cause("1").marked("move", Attempt(at(1), done=True))
        after = state(cause("1"), cause("2")).with_cause(marked)
        assert after.pending == (marked, cause("2"))
        assert state(cause("2")).with_cause(marked).pending == (cause("2"),)

    def test_what_was_begun_is_not_done_and_can_be_taken_back(self):
        begun = cause("1").marked("comment", Attempt(at(1)))
        assert (begun.begun("comment"), begun.has_done("comment")) == (Attempt(at(1)), False)
        assert begun.marked("comment", Attempt(at(2), done=True)).has_done("comment")
        assert begun.marked("comment", None) == cause("1")


class TestOwnMoves:
    def test_there_is_one_for_each_cause(self):
        moves = state().with_own_move(OwnMove("1", "A")).with_own_move(OwnMove("2", "B"))
        after = moves.with_own_move(OwnMove("1", "C", settled=True))
        assert after.own_moves == (OwnMove("2", "B"), OwnMove("1", "C", settled=True))
        assert (after.own_move("1"), after.own_move("3")) == (OwnMove("1", "C", settled=True), None)
        assert after.without_own_move("1").own_moves == (OwnMove("2", "B"),)


class TestPairs:
    PAIR = Pair("1", "2", "U-1", "D-1", NOON)

    def test_an_issue_that_was_moved_is_away_until_it_is_back(self):
        away = self.PAIR.found(Side.DEV, "O-1", in_project=False)
        assert (away.user_key, away.dev_key, away.away) == ("U-1", "O-1", ("dev",))
        assert away.found(Side.DEV, "O-1", in_project=False) == away
        assert away.found(Side.DEV, "D-1", in_project=True) == self.PAIR

    def test_an_issue_that_is_found_is_missing_no_more(self):
        missing = replace(self.PAIR, missing={"user": NOON, "dev": NOON})
        assert missing.found(Side.USER, "U-1", in_project=True).missing == {"dev": NOON}
