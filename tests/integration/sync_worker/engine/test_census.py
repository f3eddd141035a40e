"""Issues that were moved to another project are found and carried over; a census holds up nothing else."""

from __future__ import annotations

import pytest

from simulated_sites import A_DAY_LATER
from worker_bench import EITHER_FLAVOR


@EITHER_FLAVOR
def test_changes_on_either_side_are_carried_over_while_an_issue_is_in_another_project(bench):
    key, counterpart = bench.pair()
    moved = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.control.issue("one", moved)["status"] == "Resolved"
    bench.user.move(moved, "Reopened")
    bench.cycle()
    assert (bench.status(counterpart), bench.comments(counterpart)) == ("Reopened", [f"reopened {moved}"])
    assert len(bench.devs()) == 1


def test_a_change_of_the_counterpart_finds_a_moved_issue_at_once(bench):
    key, counterpart = bench.pair()
    moved = bench.control.move("one", key, "OTHER")
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    assert bench.control.issue("one", moved)["status"] == "In Progress"
    assert (bench.pair_document()["user_key"], bench.pair_document()["away"]) == (moved, ["user"])
    assert bench.link_on("two", counterpart)[0] == moved
    bench.user.move(moved, "Reopened")
    bench.cycle()
    assert bench.status(counterpart) == "Reopened"


@EITHER_FLAVOR
def test_a_moved_issue_that_comes_back_is_carried_over_as_before(bench):
    key, counterpart = bench.pair()
    moved = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.cycle()
    back = bench.control.move("one", moved, "SUP")
    bench.cycle()
    assert (bench.pair_document()["user_key"], bench.pair_document()["away"]) == (back, [])
    assert bench.link_on("two", counterpart)[0] == back
    bench.user.move(back, "In Progress")
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert (bench.status(back), len(bench.devs())) == ("Resolved", 1)


def test_an_issue_gets_no_second_counterpart_by_being_moved_between_projects(bench):
    key, _ = bench.pair()
    moved = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.user.move(moved, "Cancelled")
    bench.cycle()
    back = bench.control.move("one", moved, "SUP")
    for status in ("Reopened", "Will Do"):
        bench.user.move(back, status)
    for _ in range(2):
        bench.cycle()
    assert len(bench.devs()) == 1
    assert bench.failures() + bench.dead_letters() == []


def test_a_counterpart_that_was_moved_to_another_project_is_followed(bench):
    bench.on_one_site()
    key, counterpart = bench.pair()
    moved = bench.control.move("one", counterpart, "OTHER")
    bench.census()
    bench.cycle()
    assert (bench.pair_document()["dev_key"], bench.pair_document()["away"]) == (moved, ["dev"])
    assert bench.link_on("one", key)[0] == moved
    # The other project has another workflow, in which nothing is "Done".
    bench.dev.move(moved, "In Progress")
    bench.cycle()
    assert bench.status(key) == "In Progress"


def test_an_issue_that_jira_refuses_to_show_holds_up_no_census_and_no_change(bench):
    """Data Center answers 403, not 404, for an issue that is there but not for us."""
    bench.start(onDelete="comment")
    key, _ = bench.pair()
    other, other_counterpart = bench.pair()
    bench.cycle()
    identity = bench.issue(key)["id"]
    bench.control.delete("one", key)
    bench.control.fault("one", "status", status=403, method="GET", path=f"/issue/{identity}$")
    bench.pass_time(A_DAY_LATER)
    bench.dev.move(other_counterpart, "Closed")
    bench.try_cycle()
    assert bench.status(other) == "Resolved"
    bench.cycle()


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
@pytest.mark.parametrize("status", [403, 500])
def test_a_moved_issue_that_data_center_does_not_show_holds_up_no_other(bench, status):
    key, _ = bench.pair()
    other, other_counterpart = bench.pair()
    identity = bench.issue(key)["id"]
    moved = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.cycle()
    bench.control.index("one", hide=[moved])
    bench.control.fault("one", "status", status=status, method="GET", path=f"/issue/{identity}$")
    bench.dev.move(other_counterpart, "Closed")
    bench.try_cycle()
    assert bench.status(other) == "Resolved"
