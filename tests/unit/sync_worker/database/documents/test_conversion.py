"""A document has the fields of its value, and what only the database needs."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from sync_model.definition.sync import Side
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.causes import Attempt, Cause, CauseKind, Failure
from sync_worker.core.issues.items import Handled
from sync_worker.core.issues.own_writes import expected_move, last_write, made_move
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.progress import Progress
from sync_worker.database.documents import conversion
from sync_worker.database.documents.formats import readable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WRITER = 7
FORMAT = readable()[1]
CAUSE = Cause("1", CauseKind.STATUS, NOW, "Open", "Will Do", failure=Failure("it is wrong", 3, NOW, NOW, NOW))
OPEN = Attempt(NOW, ended=NOW, missed=NOW, refusal="blocked")
QUIET = IssueState(Side.USER, "10001", "SUP-1", "Will Do", NOW, NOW)
ITEMS = {"7": Handled(attempt=OPEN), "8": Handled("5 a.txt", twin="80"), "9": Handled(is_copy=True, is_gone=True)}
PAIR = Pair("10001", "20001", "SUP-1", "DEV-1", NOW)
MISSING = replace(PAIR, away=("user",), missing={"dev": NOW})

EXAMPLES = [
    # value                                     conversion to a document and back         what only the database needs
    (Progress({"user": NOW}, unfit={"user": ("1",)}), conversion.from_progress, conversion.to_progress, {"format"}),
    (QUIET, conversion.from_state, conversion.to_state, set()),
    (replace(QUIET, handled={"attachments": ITEMS}), conversion.from_state, conversion.to_state, set()),
    (replace(QUIET, pending=(CAUSE,)), conversion.from_state, conversion.to_state, {"waiting"}),
    (replace(QUIET, dead=(CAUSE,)), conversion.from_state, conversion.to_state, {"dead_letters"}),
    (PAIR, conversion.from_pair, conversion.to_pair, set()),
    (MISSING, conversion.from_pair, conversion.to_pair, {"is_away", "is_missing"}),
    (replace(MISSING, gone={"dev": NOW}), conversion.from_pair, conversion.to_pair, {"is_away"}),
]


@pytest.mark.parametrize(("value", "convert", "convert_back", "extra"), EXAMPLES)
def test_a_document_has_the_fields_of_its_value_its_writer_and_what_the_indexes_need(
    value, convert, convert_back, extra
):
    document = convert(value, WRITER, FORMAT)
    assert set(document) == {field.name for field in fields(value)} | {"writer"} | extra
    assert document["writer"] == WRITER
    assert convert_back({"_id": "as MongoDB adds it", **document}) == value


def test_a_document_says_how_its_first_pending_cause_stands():
    later = Cause("2", CauseKind.STATUS, NOW, "Will Do", "Done")
    document = conversion.from_state(replace(QUIET, pending=(CAUSE, later), dead=(later,)), WRITER, FORMAT)
    assert document["waiting"] == {"attempts": 3, "since": NOW, "next_try": NOW, "failing_since": NOW}
    assert document["dead_letters"] == 1


def test_an_item_is_stored_without_what_is_as_it_is_for_most():
    document = conversion.from_state(replace(QUIET, handled={"attachments": {"8": ITEMS["8"]}}), WRITER, FORMAT)
    assert document["handled"] == {"attachments": {"8": {"version": "5 a.txt", "twin": "80"}}}


def test_attempts_as_earlier_versions_wrote_them_are_read_without_a_word():
    """They knew only when an attempt was begun."""
    cause = replace(CAUSE, marks={"create": Attempt(NOW, done=True), "comment": Attempt(NOW)})
    document = conversion.from_state(replace(QUIET, pending=(cause,)), WRITER, 1)
    document["pending"][0]["marks"] = {"create": {"at": NOW, "done": True}, "comment": {"at": NOW, "done": False}}
    document["uploads"] = {"7": NOW}
    state = conversion.to_state({"_id": "user:10001", **document})
    assert state.pending[0].marks == cause.marks
    assert state.items("attachments") == {"7": Handled(attempt=Attempt(NOW))}


def test_what_format_1_knows_of_files_goes_there_and_back():
    items = {
        "1": Handled(twin="10"),
        "2": Handled(is_copy=True),
        "3": Handled(is_refused=True),
        "4": Handled(attempt=OPEN),
        "5": Handled(is_refused=True, attempt=OPEN),
    }
    document = conversion.from_state(replace(QUIET, handled={"attachments": items}), WRITER, 1)
    assert "handled" not in document
    assert (document["copied"], document["received"], document["uncopied"]) == ({"1": "10"}, ["2"], ["3", "5"])
    assert conversion.to_state({"_id": "user:10001", **document}).items("attachments") == items


def test_what_format_1_knows_of_our_own_moves_goes_there_and_back():
    moves = {
        "1": expected_move("In Review", "31", since=QUIET.updated),
        "2": made_move("Done"),
        "3": Handled("6 Closed", twin="?"),
    }
    document = conversion.from_state(replace(QUIET, handled={"move": moves}), WRITER, 1)
    assert document["own_moves"] == [
        {"cause": "1", "to_status": "In Review", "landed": False, "settled": False, "to_id": "31"},
        {"cause": "2", "to_status": "Done", "landed": False, "settled": True, "to_id": ""},
        {"cause": "3", "to_status": "Closed", "landed": True, "settled": False, "to_id": "6"},
    ]
    assert conversion.to_state({"_id": "user:10001", **document}).items("move") == moves


def test_what_format_1_knows_of_our_last_write_goes_there_and_back():
    state = replace(QUIET, handled={"update": last_write(NOW)})
    document = conversion.from_state(state, WRITER, 1)
    assert document["wrote_until"] == NOW
    assert conversion.to_state({"_id": "user:10001", **document}) == state


@pytest.mark.parametrize("fields", [{"wrote_until": "yesterday"}, {"handled": 5, "own_moves": []}])
def test_what_does_not_fit_in_a_document_of_format_1_is_reported(fields):
    document = {**conversion.from_state(QUIET, WRITER, 1), **fields}
    with pytest.raises(InvalidRequest, match="handled"):
        conversion.to_state({"_id": "user:10001", **document})


WRONG_MOVES = [5, "x", [5], [{"cause": "1"}], [{"to_status": "Done"}], [{"cause": "1", "to_status": 5}]]


@pytest.mark.parametrize("moves", WRONG_MOVES)
def test_own_moves_of_format_1_that_do_not_fit_are_reported(moves):
    document = {**conversion.from_state(QUIET, WRITER, 1), "own_moves": moves}
    with pytest.raises(InvalidRequest, match=r"handled\.move"):
        conversion.to_state({"_id": "user:10001", **document})


def test_an_issue_of_format_1_without_files_has_no_items():
    document = conversion.from_state(QUIET, WRITER, 1)
    assert conversion.to_state({"_id": "user:10001", **document}) == QUIET
