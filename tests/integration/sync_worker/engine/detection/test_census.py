"""Issues that were moved to another project are found and carried over; a census holds up nothing else."""

from __future__ import annotations

import pytest

from simulated_sites import A_DAY_LATER, HOUR, LONG_ENOUGH
from sync_worker.jira.flavours import data_center
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


def test_an_issue_that_the_census_cannot_read_is_named_and_read_again(bench):
    key, counterpart = bench.pair()
    bench.cycle()
    identity = bench.issue(key)["id"]
    moved = bench.control.move("one", key, "OTHER")
    fault = bench.control.fault("one", "status", status=500, method="GET", path=f"/issue/{identity}$")
    bench.census()
    beat = bench.worker.heartbeats._heartbeat()
    assert [(issue.issue, issue.attempts) for issue in beat.unprocessable_issues] == [(key, 1)]
    assert beat.census_trouble is None
    bench.control.heal("one", fault)
    bench.pass_time_and_cycle(LONG_ENOUGH)
    bench.cycle()
    assert bench.worker.heartbeats._heartbeat().unprocessable_issues == ()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.control.issue("one", moved)["status"] == "Resolved"


# A census that fails


@pytest.mark.parametrize("status", [500, 400])
def test_a_census_that_fails_is_said_in_the_heartbeat_and_tried_again_with_pauses_that_grow(bench, status):
    key, counterpart = bench.pair()
    bench.cycle()
    bench.pass_time(A_DAY_LATER)
    tries = 0
    for number in range(12):
        bench.dev.edit(counterpart, summary=f"edit {number}")
        tries += fail_census(bench, status)
        bench.pass_time(60)
    assert 3 <= tries < 10
    beat = bench.worker.heartbeats._heartbeat()
    assert beat.census_trouble is not None
    assert beat.census_trouble.attempts == tries
    assert str(status) in beat.census_trouble.error
    assert (beat.sent - beat.last_census).total_seconds() > 23 * HOUR
    assert 600 < (beat.sent - beat.census_trouble.since).total_seconds() < 1000
    bench.dev.move(counterpart, "Closed")
    bench.pass_time_and_cycle(HOUR)
    bench.cycle()
    beat = bench.worker.heartbeats._heartbeat()
    assert (beat.census_trouble, bench.status(key)) == (None, "Resolved")
    assert (beat.sent - beat.last_census).total_seconds() < HOUR


def fail_census(bench, status: int) -> bool:
    """Run a cycle whose census, if there is one, is answered by errors; tell whether there was one."""
    bench.control.forget_calls("one")

    def fail() -> None:
        """Once detection has searched."""
        if bench.calls("one", "/search"):
            bench.before_request = lambda: None
            bench.control.fault("one", "status", status=status, path="/search")

    before = len(bench.logged("census put off"))
    bench.before_request = fail
    bench.cycle_at_once()
    bench.control.heal("one")
    return len(bench.logged("census put off")) > before


@pytest.mark.parametrize("bench", ["cloud-dc"], indirect=True)
def test_a_project_with_more_issues_than_data_center_shows_of_one_query_is_counted(bench, monkeypatch):
    monkeypatch.setattr(data_center, "PAGE", 10)
    bench.start(onDelete="comment")
    key, counterpart = bench.pair()
    bench.control.create_many("two", "DEV", 60)
    bench.control.settings("two", resultWindow=30)
    bench.cycle()
    bench.control.delete("two", counterpart)
    bench.census()
    bench.census()
    bench.cycle()
    assert bench.worker.heartbeats._heartbeat().census_trouble is None
    assert len(bench.comments(key)) == 2
