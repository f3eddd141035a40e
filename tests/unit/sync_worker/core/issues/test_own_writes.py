"""Own writes: which change of an issue is ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from sync_worker.core.issues.items import Handled
from sync_worker.core.issues.own_writes import (
    cause_of,
    expected_move,
    has_landed,
    is_last_write,
    landed,
    last_write,
    made_move,
    only_own_writes,
)
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
    moves = {"c": expected_move(status, status_id, since=NOON)}
    assert cause_of(replace(CLOSED, to_id=to_id), moves) == ("c" if ours else None)


def test_each_move_of_ours_is_one_change():
    moves = {"a": expected_move("Closed", since=NOON), "b": expected_move("Closed", since=NOON)}
    after = landed(moves, "a", CLOSED)
    assert after == {"a": Handled(" Closed", twin="7"), "b": moves["b"]}
    assert (has_landed(after["a"]), has_landed(after["b"]), has_landed(None)) == (True, False, False)
    assert cause_of(CLOSED, after) == "b"
    assert cause_of(CLOSED, landed(after, "b", CLOSED)) is None


def test_a_move_that_is_known_to_have_been_made_is_forgotten_once_it_shows():
    assert landed({"a": made_move("Closed"), "b": made_move("Open")}, "a", CLOSED) == {"b": made_move("Open")}


def test_our_last_write_is_known_by_the_time_that_it_left():
    handled = {"update": last_write(NOON), "attachments": {}}
    assert is_last_write(NOON.astimezone(timezone(timedelta(hours=2))), handled)
    assert not is_last_write(NOON + timedelta(milliseconds=1), handled)
    assert not is_last_write(NOON, {})
    assert only_own_writes({**handled, "move": {"c": made_move("Done")}}).keys() == {"update", "move"}
