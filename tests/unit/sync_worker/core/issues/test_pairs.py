"""A pair after one of its issues was read directly, and which of its issues belongs to which side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_model.definition.sync import Side
from sync_worker.core.issues.pairs import Pair
from worker_values import NOON, at

PAIR = Pair("1", "2", "U-1", "D-1", NOON)


def test_a_pair_names_the_issue_of_either_side():
    assert Pair.of(Side.USER, ("1", "U-1"), ("2", "D-1"), NOON) == PAIR
    assert Pair.of(Side.DEV, ("2", "D-1"), ("1", "U-1"), NOON) == PAIR
    assert [(PAIR.id(side), PAIR.key(side)) for side in Side] == [("1", "U-1"), ("2", "D-1")]


def test_an_issue_that_was_moved_out_of_its_project_is_away_until_it_is_back():
    away = PAIR.found(Side.DEV, "O-1", in_project=False)
    assert (away.user_key, away.dev_key, away.away) == ("U-1", "O-1", ("dev",))
    assert away.found(Side.DEV, "O-1", in_project=False) == away
    assert away.found(Side.DEV, "D-1", in_project=True) == PAIR


def test_an_issue_that_is_back_is_missing_no_more():
    missing = replace(PAIR, missing={"user": NOON, "dev": NOON})
    assert missing.found(Side.USER, "U-1", in_project=True).back(Side.USER).missing == {"dev": NOON}


@pytest.mark.parametrize(
    # minutes after noon of the moves                       too often
    ("minutes", "expected"),
    [
        ((0, 1, 2), True),
        ((0, 30, 61), False),
        ((0, 30, -29), True),  # the clock was set back meanwhile
        ((0, 30, -60 * 24 * 90), False),
    ],
)
def test_moves_within_an_hour_are_too_many_however_the_clock_was_set(minutes, expected):
    pair = PAIR
    for minute in minutes:
        pair = pair.moved(at(minute), 3)
    assert pair.moves_too_often(3) is expected
