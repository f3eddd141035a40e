"""Own moves: which change of an issue's history is a move of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_worker.core.items import Handled
from sync_worker.core.own_moves import cause_of, expected, has_landed, landed, made
from worker_values import NOON, change

CLOSED = replace(change(7, 1, "Open", "Closed"), to_id="6")


@pytest.mark.parametrize(
    # the status that we set, its id        the id in the history   is it that move
    ("status", "status_id", "to_id", "ours"),
    [
        ("Closed", "6", "6", True),
        ("Renamed since", "6", "6", True),
        ("Closed", "5", "6", False),
        ("closed", "", "6", True),
        ("Closed", "6", "", True),
        ("Done", "", "6", False),
        ("Two words", "6", "6", True),
    ],
)
def test_a_move_is_recognised_by_the_id_of_its_status_and_else_by_its_name(status, status_id, to_id, ours):
    moves = {"c": expected(status, status_id, since=NOON)}
    assert cause_of(replace(CLOSED, to_id=to_id), moves) == ("c" if ours else None)


def test_each_move_of_ours_is_one_change():
    moves = {"a": expected("Closed", since=NOON), "b": expected("Closed", since=NOON)}
    after = landed(moves, "a", CLOSED)
    assert after == {"a": Handled(" Closed", twin="7"), "b": moves["b"]}
    assert (has_landed(after["a"]), has_landed(after["b"]), has_landed(None)) == (True, False, False)
    assert cause_of(CLOSED, after) == "b"
    assert cause_of(CLOSED, landed(after, "b", CLOSED)) is None


def test_a_move_that_is_known_to_have_been_made_is_forgotten_once_it_shows():
    assert landed({"a": made("Closed"), "b": made("Open")}, "a", CLOSED) == {"b": made("Open")}
