"""An issue that search does not show was not deleted: absence has other reasons."""

from __future__ import annotations

import pytest

from simulated_sites import A_DAY_LATER
from sync_worker.core.errors import NeedsOperator
from worker_bench import EITHER_FLAVOR


@pytest.mark.parametrize(
    # flavours      silent  asked before who we are
    ("bench", "silent", "asked_before"),
    [("cloud-cloud", True, 1), ("cloud-cloud", True, 2), ("cloud-cloud", False, 1), ("dc-dc", True, 1)],
    indirect=["bench"],
)
def test_a_census_under_an_expired_token_finds_no_issue_missing(bench, silent, asked_before):
    """The token expires right before the census, or once that has asked who we are."""
    key, counterpart = watched_pair(bench)
    before = bench.users(), bench.devs()
    bench.control.index("one", hide=[key])
    bench.pass_time(A_DAY_LATER)
    at_the_census(bench, asked_before, lambda: bench.control.fault("one", "anonymous", silent=silent, user="sync"))
    assert isinstance(bench.try_cycle(), NeedsOperator)
    assert (bench.users(), bench.devs(), bench.pair_document()["missing"]) == (*before, {})
    bench.control.heal("one")
    bench.control.index("one", show=[key])
    assert_alive(bench, counterpart)


@pytest.mark.parametrize("fault", [{"kind": "anonymous", "silent": True}, {"kind": "unauthorized"}])
def test_a_deletion_is_not_confirmed_under_an_expired_token(bench, fault):
    key, counterpart = watched_pair(bench)
    hide(bench, key)
    bench.census()
    assert "user" in bench.pair_document()["missing"]
    bench.pass_time(A_DAY_LATER)
    at_the_census(bench, 1, lambda: bench.control.fault("one", user="sync", **fault))
    assert isinstance(bench.try_cycle(), NeedsOperator)
    bench.control.heal("one")
    show(bench, key)
    assert_alive(bench, counterpart)


def test_a_deletion_is_not_confirmed_while_the_project_is_hidden_from_us(bench):
    key, counterpart = watched_pair(bench)
    hide(bench, key)
    bench.census()
    bench.pass_time(A_DAY_LATER)
    browse = ["BROWSE_PROJECTS"]
    at_the_census(bench, 1, lambda: bench.control.permissions("one", "sync", "SUP", revoke=browse))
    assert isinstance(bench.try_cycle(), NeedsOperator)
    assert bench.pair_document()["gone"] == {}
    bench.control.permissions("one", "sync", "SUP", grant=browse)
    show(bench, key)
    assert_alive(bench, counterpart)


@EITHER_FLAVOR
def test_the_issues_of_a_project_that_is_hidden_from_us_do_not_count_as_deleted(bench):
    _, counterpart = watched_pair(bench)
    bench.pass_time(A_DAY_LATER)
    at_the_census(bench, 1, lambda: bench.control.permissions("one", "sync", "SUP", revoke=["BROWSE_PROJECTS"]))
    bench.try_cycle()
    for _ in range(2):
        bench.pass_time(A_DAY_LATER)
        assert isinstance(bench.try_cycle(), NeedsOperator)
    assert bench.pair_document()["gone"] == {}
    bench.control.permissions("one", "sync", "SUP", grant=["BROWSE_PROJECTS"])
    assert_alive(bench, counterpart)


@EITHER_FLAVOR
def test_an_issue_that_search_has_lost_is_found_by_a_direct_read(bench):
    key, counterpart = watched_pair(bench)
    bench.control.index("one", hide=[key])
    bench.census()
    bench.census()
    assert (bench.pair_document()["missing"], bench.pair_document()["away"]) == ({}, [])
    assert bench.logged("census")[-2]["absent"] == 1
    bench.control.index("one", show=[key])
    assert_alive(bench, counterpart)


def test_an_issue_that_a_bulk_read_leaves_out_is_read_alone(bench):
    key, _ = watched_pair(bench)
    bench.control.index("one", hide=[key])
    bench.control.fault("one", "anonymous", silent=True, user="sync", path="/bulkfetch$")
    bench.census()
    assert bench.logged("census")[-2]["absent"] == 1
    assert bench.pair_document()["missing"] == {}


def test_an_issue_that_is_back_before_the_second_read_does_not_count_as_deleted(bench):
    key, counterpart = watched_pair(bench)
    hide(bench, key)
    bench.census()
    assert "user" in bench.pair_document()["missing"]
    back = show(bench, key)
    bench.census()
    bench.cycle()
    assert (bench.pair_document()["missing"], bench.pair_document()["away"]) == ({}, [])
    assert bench.link_on("two", counterpart)[0] == back
    assert_alive(bench, counterpart)


def test_an_issue_that_turns_up_after_it_counted_as_deleted_is_a_counterpart_again(bench):
    """It was in a project that our account could not see for a while."""
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.permissions("one", "sync", "OTHER", revoke=["BROWSE_PROJECTS"])
    moved = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.census()
    assert list(bench.pair_document()["gone"]) == ["user"]
    bench.control.permissions("one", "sync", "OTHER", grant=["BROWSE_PROJECTS"])
    back = bench.control.move("one", moved, "SUP")
    bench.cycle()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(back) == "Resolved"


def test_a_census_that_the_site_does_not_answer_is_put_off_and_holds_up_nothing(bench):
    key, counterpart = watched_pair(bench)
    bench.control.index("one", hide=[key])
    bench.dev.move(counterpart, "In Progress")
    bench.pass_time(A_DAY_LATER)
    at_the_census(bench, 1, lambda: fail_until_put_off(bench, "/search/jql"))
    bench.cycle()
    assert bench.status(key) == "In Progress"
    bench.cycle()
    assert len(bench.logged("census put off")) == 1
    assert bench.logged("census")[-2]["absent"] == 1
    bench.control.index("one", show=[key])
    assert_alive(bench, counterpart)


def watched_pair(bench) -> tuple[str, str]:
    bench.start(onDelete="comment")
    key, counterpart = bench.pair()
    bench.cycle()
    return key, counterpart


def hide(bench, key: str) -> None:
    """Let the issue be nowhere, as far as our account can see."""
    bench.control.permissions("one", "sync", "OTHER", revoke=["BROWSE_PROJECTS"])
    bench.control.move("one", key, "OTHER")


def show(bench, key: str) -> str:
    bench.control.permissions("one", "sync", "OTHER", grant=["BROWSE_PROJECTS"])
    (hidden,) = bench.control.issues("one", "OTHER")
    assert hidden["key"] != key
    return bench.control.move("one", hidden["key"], "SUP")


def at_the_census(bench, asked: int, act) -> None:
    """Have `act` done once this cycle has asked so often who we are, which a census does after detection."""
    bench.control.forget_calls("one")

    def look() -> None:
        if len(bench.calls("one", "/myself$", "GET")) >= asked:
            bench.before_request = lambda: None
            act()

    bench.before_request = look


def fail_until_put_off(bench, path: str) -> None:
    """Answer errors until the census has given up, so that what comes after it is answered."""
    fault = bench.control.fault("one", "status", status=500, path=path)

    def heal() -> None:
        if bench.logged("census put off"):
            bench.before_request = lambda: None
            bench.control.heal("one", fault)

    bench.before_request = heal


def assert_alive(bench, counterpart: str) -> None:
    """Nothing was done about a deletion, and changes are carried over as before."""
    bench.cycle()
    bench.census()
    bench.census()
    assert bench.logged("issue is gone, or not visible to us") == []
    assert bench.comments(counterpart) == []
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert [issue["status"] for issue in bench.users()] == ["Resolved"]
