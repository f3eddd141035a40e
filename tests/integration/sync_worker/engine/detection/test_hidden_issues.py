"""An issue may be hidden from our account for a while. What happens meanwhile is made up for when it is back."""

from __future__ import annotations

import pytest

from simulated_sites import HOUR
from worker_bench import EITHER_FLAVOR, LOG

EITHER_END = pytest.mark.parametrize("side", ["user", "dev"])
FOR_HOW_LONG = pytest.mark.parametrize(
    # noticed how: by nobody, by one census, by two of them
    "censuses",
    [0, 1, 2],
    ids=["unnoticed", "missing", "gone"],
)


@pytest.mark.parametrize("requests", range(0, 22, 2))
@EITHER_END
def test_an_issue_that_is_hidden_at_any_request_loses_nothing(bench, side, requests):
    """What is hidden answers like what is not there: its files, its comments, its links."""
    bench.cycle()
    key = bench.taken_on_with({"log.txt": LOG})
    left = iter(range(requests))

    def hide() -> None:
        if next(left, None) is None and (keys := {"user": [key], "dev": [dev["key"] for dev in bench.devs()]}[side]):
            bench.before_request = lambda: None
            bench.control.hide("one" if side == "user" else "two", *keys)

    bench.before_request = hide
    for _ in range(3):
        bench.try_cycle()
    bench.before_request = lambda: None
    bench.control.show("one", key)
    bench.control.show("two", *(dev["key"] for dev in bench.devs()))
    bench.settle()
    (counterpart,) = bench.devs()
    assert bench.comments(key) == [f"followed as {counterpart['key']}"]
    assert [file["filename"] for file in counterpart["attachments"]] == ["log.txt"]
    assert [len(bench.issue(key)["links"]), len(counterpart["links"])] == [1, 1]
    nothing_is_left(bench)


@FOR_HOW_LONG
@EITHER_FLAVOR
def test_a_move_of_the_counterpart_is_made_up_for_when_a_hidden_issue_is_back(bench, censuses):
    key, counterpart = watched_pair(bench)
    bench.control.hide("one", key)
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    be_away(bench, censuses)
    assert (bench.status(key), bench.dead_letters()) == ("In Progress", [])
    come_back(bench, "one", key)
    assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")
    nothing_is_left(bench)


@FOR_HOW_LONG
@EITHER_FLAVOR
def test_a_move_of_a_hidden_issue_is_carried_over_when_it_is_back(bench, censuses):
    key, counterpart = watched_pair(bench)
    bench.control.hide("one", key)
    bench.user.move(key, "Reopened")
    be_away(bench, censuses)
    assert bench.status(counterpart) == "In Progress"
    come_back(bench, "one", key)
    assert (bench.status(counterpart), bench.comments(counterpart)) == ("Reopened", [f"reopened {key}"])
    nothing_is_left(bench)


@FOR_HOW_LONG
def test_a_move_of_a_hidden_counterpart_is_carried_over_when_it_is_back(bench, censuses):
    key, counterpart = watched_pair(bench)
    bench.control.hide("two", counterpart)
    bench.dev.move(counterpart, "Closed")
    be_away(bench, censuses)
    come_back(bench, "two", counterpart)
    assert bench.status(key) == "Resolved"
    nothing_is_left(bench)


@FOR_HOW_LONG
@pytest.mark.parametrize(("first", "both"), [("user", ("Reopened", "Closed")), ("dev", ("Reopened", "Reopened"))])
def test_if_both_issues_were_moved_while_one_was_hidden_the_later_move_counts(bench, censuses, first, both):
    key, counterpart = watched_pair(bench)
    bench.control.hide("one", key)
    moves = {"user": lambda: bench.user.move(key, "Reopened"), "dev": lambda: bench.dev.move(counterpart, "Closed")}
    for side in (first, "dev" if first == "user" else "user"):
        moves[side]()
        bench.pass_time_and_cycle(HOUR)
    be_away(bench, censuses)
    come_back(bench, "one", key)
    is_closed = both[1] == "Closed"
    assert (bench.status(key), bench.status(counterpart)) == (
        ("Resolved", "Closed") if is_closed else ("Reopened", "Reopened")
    )


def test_a_change_that_waited_when_its_issue_was_hidden_is_carried_over_when_it_is_back(bench):
    key, counterpart = watched_pair(bench)
    bench.control.fault("two", "status", status=500, method="POST", path="/transitions$")
    bench.user.move(key, "Reopened")
    assert bench.cycle().failed == 1
    bench.control.hide("one", key)
    bench.control.heal("two")
    be_away(bench, 2)
    assert (bench.status(counterpart), bench.dead_letters()) == ("In Progress", [])
    come_back(bench, "one", key)
    assert (bench.status(counterpart), bench.comments(counterpart)) == ("Reopened", [f"reopened {key}"])
    nothing_is_left(bench)


def test_all_answers_to_changes_of_the_counterpart_are_given_when_an_issue_that_counted_as_gone_is_back(bench):
    key, counterpart = watched_pair(bench)
    bench.control.hide("one", key)
    be_away(bench, 2)
    for status in ("Reopened", "In Progress", "Done"):
        bench.dev.move(counterpart, status)
        bench.cycle()
    come_back(bench, "one", key)
    assert bench.statuses_since_taken_on(key) == ["In Progress", "Resolved"]
    assert bench.comments(key)[1:] == [f"finished {counterpart}"]
    nothing_is_left(bench)


def test_an_issue_that_counted_as_gone_can_be_hidden_once_more(bench):
    bench.start(onDelete="comment")
    key, counterpart = watched_pair(bench)
    for status in ("Closed", "Reopened"):
        bench.control.hide("one", key)
        be_away(bench, 2)
        bench.dev.move(counterpart, status)
        bench.cycle()
        come_back(bench, "one", key)
    assert bench.comments(counterpart) == [f"{key}, the counterpart of this issue, is gone, or not visible to us."] * 2
    nothing_is_left(bench)


def test_a_hidden_issue_is_not_moved_to_and_fro_by_what_is_made_up_for(bench):
    key, counterpart = watched_pair(bench)
    bench.control.hide("one", key)
    be_away(bench, 2)
    bench.user.move(key, "Reopened")
    come_back(bench, "one", key)
    before = bench.issue(key)["history"], bench.issue(counterpart)["history"]
    for _ in range(3):
        bench.census()
    assert (bench.issue(key)["history"], bench.issue(counterpart)["history"]) == before


def test_what_a_deleted_issue_leaves_waiting_is_bounded_and_no_failure(bench):
    key, counterpart = watched_pair(bench)
    bench.control.delete("one", key)
    be_away(bench, 2)
    for _ in range(13):
        for status in ("Done", "Reopened", "In Progress"):
            bench.dev.move(counterpart, status)
            bench.cycle()
    (document,) = bench.database["issues"].find({"key": counterpart})
    assert (len(document["withheld"]), document["pending"], document["dead"]) == (20, [], [])


def test_a_missing_issue_that_is_back_is_found_with_the_next_deep_scan_not_only_with_the_next_census(bench):
    key, counterpart = watched_pair(bench)
    bench.control.hide("one", key)
    bench.user.move(key, "Reopened")
    be_away(bench, 1)
    bench.pass_time_and_cycle(3 * HOUR)
    bench.control.show("one", key)
    bench.pass_time_and_cycle(HOUR + 1)
    assert (bench.status(counterpart), bench.pair_document()["missing"]) == ("Reopened", {})


def watched_pair(bench) -> tuple[str, str]:
    """Return two counterparts that are both in progress, with nothing left to do."""
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    for _ in range(2):
        bench.cycle()
    assert bench.status(key) == "In Progress"
    return key, counterpart


def be_away(bench, censuses: int) -> None:
    for _ in range(censuses):
        bench.census()
        bench.cycle()
    assert len(bench.pair_document()["gone"]) == (censuses > 1)
    assert len(bench.pair_document()["missing"]) == (censuses > 0)


def come_back(bench, site: str, key: str) -> None:
    bench.control.show(site, key)
    bench.census()
    bench.cycle()
    assert (bench.pair_document()["gone"], bench.pair_document()["missing"]) == ({}, {})


def nothing_is_left(bench) -> None:
    assert (bench.failures(), bench.dead_letters(), bench.outbox()) == ([], [], [])
    assert list(bench.database["issues"].find({"withheld.0": {"$exists": True}})) == []
    assert (len(bench.users()), len(bench.devs())) == (1, 1)


@FOR_HOW_LONG
@EITHER_FLAVOR
def test_what_has_waited_is_made_up_for_when_an_issue_that_is_back_changes_before_the_next_census(bench, censuses):
    key, counterpart = watched_pair(bench)
    bench.control.hide("one", key)
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    be_away(bench, censuses)
    bench.control.show("one", key)
    bench.user.edit(key, summary="visible again")
    for _ in range(2):
        bench.cycle()
    assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")
    nothing_is_left(bench)
