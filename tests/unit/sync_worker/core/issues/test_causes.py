"""How far a cause has come, by its marks, and what people read of it."""

from __future__ import annotations

import pytest

from sync_worker.core.issues.causes import Attempt, CauseKind, in_turn
from worker_values import at, cause, failure


def test_an_action_that_was_begun_is_not_done_until_it_is_marked_so():
    begun = cause().marked("comment", Attempt(at(1)))
    assert (begun.begun("comment"), begun.has_done("comment")) == (Attempt(at(1)), False)
    assert begun.marked("comment", Attempt(at(2), done=True)).has_done("comment")


def test_the_mark_of_an_action_can_be_taken_back_and_leaves_other_marks():
    linked = cause().marked("link", Attempt(at(1), done=True))
    assert linked.marked("comment", Attempt(at(1))).marked("comment", None) == linked
    assert linked.marked("link", None) == cause()


@pytest.mark.parametrize(
    # kind               what people read
    ("kind", "text"),
    [
        (CauseKind.STATUS, "Open → Closed"),
        (CauseKind.FIRST, "first seen in Closed"),
        (CauseKind.UPDATE, "edited in Closed"),
        (CauseKind.MOVED, "got a new key in Closed"),
        (CauseKind.GONE, "gone, or not visible to us, last in Closed"),
        (CauseKind.RESYNC, "asked for again in Closed"),
    ],
)
def test_a_cause_says_in_words_what_changed(kind, text):
    assert str(cause(kind=kind)) == text


NEVER_TRIED, SOON, LATER = None, 10, 20
UNDER_WAY, DONE = Attempt(at(1)), Attempt(at(1), done=True)


@pytest.mark.parametrize(
    # next try of    of news of items   what is open of either   which comes first
    ("status", "items", "marks", "first"),
    [
        (NEVER_TRIED, NEVER_TRIED, {}, "status"),
        (LATER, NEVER_TRIED, {}, "items"),
        (LATER, SOON, {}, "items"),
        (SOON, LATER, {}, "status"),
        (LATER, NEVER_TRIED, {"status": {"move": DONE}, "items": {"link": DONE}}, "items"),
        (LATER, NEVER_TRIED, {"status": {"create": UNDER_WAY}}, "status"),
        (LATER, NEVER_TRIED, {"items": {"create": UNDER_WAY}}, "status"),
    ],
)
def test_news_of_items_does_not_wait_for_a_status_that_fails(status, items, marks, first):
    """What may be under way keeps its place: another cause must not do the same meanwhile."""

    def failed(minutes):
        return failure(minutes) if minutes else None

    moves = cause("status", failure=failed(status), marks=marks.get("status", {}))
    news = cause("items", kind=CauseKind.UPDATE, may_move=False, failure=failed(items), marks=marks.get("items", {}))
    later = cause("later")
    for order in ((moves, later, news), (news, moves, later)):
        after = [each.id for each in in_turn(order)]
        expected = {"items": ["items", "status", "later"], "status": ["status", "later", "items"]}[first]
        if not (moves.failure and moves.may_change_places and news.may_change_places):
            expected = [each.id for each in order]
        assert after == expected


def test_an_update_that_calls_for_a_status_keeps_its_place():
    causes = (cause("status", failure=failure(LATER)), cause("update", kind=CauseKind.UPDATE))
    assert in_turn(causes) == causes
