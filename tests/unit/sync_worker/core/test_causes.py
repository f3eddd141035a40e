"""How far a cause has come, by its marks, and what people read of it."""

from __future__ import annotations

import pytest

from sync_worker.core.causes import Attempt, CauseKind
from worker_values import at, cause


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
