"""Documents that somebody has edited by hand: each is a problem of its own issue, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sync_worker.core.errors import NeedsOperator

TRANSITION = {"method": "POST", "path": "/transitions$"}
LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""


def change(bench, key: str, edit: dict[str, dict[str, Any]]) -> Callable[[], None]:
    """Edit what is remembered of the issue `key` by hand; return what mends it again."""
    documents = bench.database["issues"]
    before = documents.find_one({"key": key})
    documents.update_one({"_id": before["_id"]}, edit)
    fields = {name: before[name] for part in edit.values() for name in part}
    return lambda: documents.update_one({"_id": before["_id"]}, {"$set": fields})


WRONG = {"$set": {"status": 5}}
MISSING = {"$unset": {"updated": ""}}
EDITS = [WRONG, MISSING, {"$set": {"pending": "nothing"}}, {"$set": {"handled": {"move": {"1": 5}}}}]


class TestIssuesAndProgress:
    @pytest.mark.parametrize("edit", EDITS, ids=str)
    def test_an_issue_document_that_does_not_fit_is_a_problem_of_that_issue_until_it_is_mended(self, bench, edit):
        pairs = [bench.pair() for _ in range(3)]
        key, counterpart = pairs[1]
        mend = change(bench, counterpart, edit)
        for _, each in pairs:
            bench.dev.move(each, "Closed")
        for _ in range(3):
            assert bench.cycle().failed == 1
            bench.pass_time(LONG_ENOUGH)  # search does not show the change any more
        assert [bench.status(each) for each, _ in pairs] == ["Resolved", "Will Do", "Resolved"]
        line = bench.logged("issue left alone")[0]
        assert (line["side"], line["issue"]) == ("dev", bench.issue(counterpart)["id"])
        assert f"the document dev:{line['issue']} in `issues` does not fit: " in line["error"]
        mend()
        assert bench.cycle().failed == 0
        assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")

    @pytest.mark.parametrize("edit", [WRONG, MISSING], ids=str)
    def test_an_issue_document_that_is_broken_while_its_change_waits_keeps_the_change(self, bench, edit):
        key, counterpart = bench.pair()
        fine, other = bench.pair()
        fault = bench.control.fault("one", "status", status=500, **TRANSITION)
        bench.dev.move(counterpart, "Closed")
        assert bench.cycle().failed == 1
        bench.control.heal("one", fault)
        mend = change(bench, counterpart, edit)
        bench.dev.move(other, "Closed")
        bench.pass_time(LONG_ENOUGH)
        assert bench.try_cycle() is None
        assert (bench.status(key), bench.status(fine)) == ("Will Do", "Resolved")
        mend()
        bench.cycle()
        assert bench.status(key) == "Resolved"

    @pytest.mark.parametrize("edit", [WRONG, MISSING], ids=str)
    def test_a_change_waits_while_the_document_of_the_counterpart_does_not_fit(self, bench, edit):
        key, counterpart = bench.pair()
        mend = change(bench, key, edit)
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        assert bench.status(key) == "Will Do"
        (error,) = bench.failures()
        assert "in `issues` does not fit: " in error
        mend()
        assert bench.cycle().failed == 0
        assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")

    @pytest.mark.parametrize(
        ("edit", "said"),
        [
            ({"$set": {"cursors": "yesterday"}}, "cursors: "),
            ({"$set": {"cursors.user": "yesterday"}}, "cursors.user: "),
            ({"$set": {"unfit": {"user": 5}}}, "unfit.user: "),
        ],
    )
    def test_a_progress_document_that_does_not_fit_stops_the_sync_until_it_is_mended(self, bench, edit, said):
        bench.pair()
        before = bench.database["progress"].find_one()
        bench.database["progress"].update_one({}, edit)
        key = bench.taken_on("reported meanwhile")
        for _ in range(2):
            error = bench.try_cycle()
            assert isinstance(error, NeedsOperator)
            assert str(error).startswith(f"the document sync in `progress` does not fit: {said}")
        assert len(bench.devs()) == 1
        bench.database["progress"].replace_one({}, before)
        bench.cycle()
        assert len(bench.comments(key)) == 1


class TestPairsAndOutbox:
    @pytest.mark.parametrize("broken", [{"$set": {"user_key": 5}}, {"$unset": {"created": 1}}])
    def test_a_pair_document_that_does_not_fit_gives_its_issue_no_second_counterpart(self, bench, broken):
        key, counterpart = bench.pair()
        bench.database["pairs"].update_one({}, broken)
        bench.user.move(key, "Resolved")
        bench.user.move(key, "Reopened")
        bench.user.move(key, "Will Do")
        for _ in range(2):
            bench.try_cycle()
        assert [each["key"] for each in bench.devs()] == [counterpart]

    def test_a_pair_document_that_does_not_fit_loses_no_change(self, bench):
        key, counterpart = bench.pair()
        before = bench.database["pairs"].find_one()
        bench.database["pairs"].update_one({}, {"$unset": {"created": 1}})
        bench.dev.move(counterpart, "Closed")
        assert bench.cycle().failed == 1
        bench.database["pairs"].update_one({}, {"$set": {"created": before["created"]}})
        bench.pass_time(400)
        bench.cycle()
        assert bench.status(key) == "Resolved"

    def test_an_issue_whose_pending_causes_were_removed_by_hand_does_not_stay_due_for_ever(self, bench):
        _, counterpart = bench.pair()
        bench.dev.move(counterpart, "Closed")
        bench.control.fault("one", "status", status=500, method="POST", path="/transitions$")
        bench.cycle()
        bench.database["issues"].update_one({"waiting": {"$exists": True}}, {"$set": {"pending": []}})
        bench.cycle()

    @pytest.mark.parametrize("waiting", ["yes", {"next_try": datetime(2020, 1, 1, tzinfo=UTC)}])
    def test_a_waiting_field_that_does_not_fit_holds_up_no_other_issue(self, bench, waiting):
        _, counterpart = bench.pair()
        key, other = bench.pair()
        bench.dev.move(other, "Closed")
        bench.database["issues"].update_one({"key": counterpart}, {"$set": {"waiting": waiting}})
        assert bench.try_cycle() is None
        assert bench.status(key) == "Resolved"

    @pytest.mark.parametrize("name", ["issues", "pairs"])
    def test_a_deleted_issue_whose_document_does_not_fit_holds_up_no_other_issue(self, bench, name):
        _, counterpart = bench.pair()
        fine, other = bench.pair()
        if name == "issues":
            bench.database["issues"].update_one({"key": counterpart}, {"$unset": {"updated": 1}})
        else:
            bench.database["pairs"].update_one({"dev_key": counterpart}, {"$unset": {"created": 1}})
        bench.control.delete("two", counterpart)
        bench.pass_time(25 * 3600)
        bench.dev.move(other, "Closed")
        errors = []
        for _ in range(3):
            bench.pass_time(120)
            errors.append(bench.try_cycle())
        assert errors == [None] * 3
        assert bench.status(fine) == "Resolved"
