"""Counterparts are created many in one request, each exactly once."""

from __future__ import annotations

import pytest

from simulated_sites import CREATE_MANY, CREATE_ONE, FIRST_RETRY_WAIT, LONG_ENOUGH
from worker_bench import EITHER_FLAVOR


def assert_each_has_one_counterpart(bench, keys: dict[str, str]) -> None:
    """Each by its marker, its summary, what is remembered, and what the customer is told."""
    sources = {issue["key"]: issue for issue in bench.users()}
    counterparts = {issue["properties"]["jira-sync"]["issue"]: issue for issue in bench.devs()}
    assert len(bench.devs()) == len(counterparts) == len(keys)
    pairs = {pair["user_key"]: pair["dev_key"] for pair in bench.database["pairs"].find()}
    for key, summary in keys.items():
        counterpart = counterparts[sources[key]["id"]]
        assert counterpart["summary"] == summary
        assert pairs[key] == counterpart["key"]
        assert bench.comments(key) == [f"followed as {counterpart['key']}"]
    assert bench.failures() + bench.dead_letters() == []


@EITHER_FLAVOR
def test_sixty_issues_are_created_in_two_requests_and_each_has_its_own_counterpart(plain):
    keys = plain.take_on_many(60)
    plain.cycle()
    assert len(plain.calls("two", **CREATE_MANY)) == 2
    assert plain.calls("two", **CREATE_ONE) == []
    assert_each_has_one_counterpart(plain, keys)


@EITHER_FLAVOR
def test_issues_that_jira_accepts_in_bulk_are_paired_and_the_refused_ones_say_why(plain):
    strict(plain)
    keys = {}
    for number in range(12):
        described = {} if number % 3 == 0 else {"description": "described"}
        keys[plain.taken_on(f"issue {number}", **described)] = f"issue {number}", described
    assert plain.cycle().failed == 4
    good = {key: summary for key, (summary, described) in keys.items() if described}
    assert (len(plain.calls("strict", **CREATE_MANY)), len(plain.dead_letters())) == (1, 4)
    assert all("description: description is required." in error for error in plain.dead_letters())
    plain.database["issues"].update_many({}, {"$set": {"dead": []}})
    assert_each_has_one_counterpart(plain, good)
    plain.cycle()
    assert len(plain.devs()) == len(good)


def test_a_bulk_creation_that_jira_refuses_for_every_issue_says_why_for_each(plain):
    strict(plain)
    for number in range(3):
        plain.taken_on(f"issue {number}")
    assert plain.cycle().failed == 3
    assert (plain.devs(), len(plain.dead_letters())) == ([], 3)
    assert {call["status"] for call in plain.calls("strict", "/issue")} == {400}


@EITHER_FLAVOR
@pytest.mark.parametrize("kind", ["drop_after", "status_after"])
def test_counterparts_that_were_created_without_an_answer_are_adopted(plain, kind):
    keys = plain.take_on_many(8)
    plain.control.fault("two", kind, times=1, **CREATE_MANY)
    assert plain.cycle().failed == 8
    assert len(plain.devs()) == 8
    plain.pass_time(FIRST_RETRY_WAIT)
    plain.cycle()
    assert_each_has_one_counterpart(plain, keys)
    assert len(plain.calls("two", "/issue(/bulk)?$")) == 1


def test_counterparts_that_were_not_created_are_created_once_that_is_certain(plain):
    keys = plain.take_on_many(4)
    plain.control.fault("two", "drop_before", times=1, **CREATE_MANY)
    plain.cycle()
    plain.pass_time(FIRST_RETRY_WAIT)
    plain.cycle()
    assert plain.devs() == []
    assert all("not certain yet" in error for error in plain.failures())
    plain.pass_time(LONG_ENOUGH)
    plain.cycle()
    assert_each_has_one_counterpart(plain, keys)


def test_a_bulk_request_without_an_answer_holds_up_no_issue_of_another_request(plain):
    keys = plain.take_on_many(60)
    plain.control.fault("two", "drop_after", times=1, **CREATE_MANY)
    assert plain.cycle().failed == 50
    assert len(plain.devs()) == 60
    assert sum(bool(issue["comments"]) for issue in plain.users()) == 10
    plain.pass_time(FIRST_RETRY_WAIT)
    plain.cycle()
    assert_each_has_one_counterpart(plain, keys)


def test_a_bulk_creation_is_repeated_after_the_wait_that_jira_asks_for(plain):
    keys = plain.take_on_many(4)
    plain.control.fault("two", "status", status=429, retryAfter="1", reason="jira-burst-based", times=1, **CREATE_MANY)
    assert plain.cycle().failed == 0
    assert [call["status"] for call in plain.calls("two", **CREATE_MANY)] == [429, 201]
    assert_each_has_one_counterpart(plain, keys)


@EITHER_FLAVOR
def test_a_bulk_creation_that_is_too_large_is_repeated_issue_by_issue_once_it_is_certain_that_there_is_none(plain):
    """Only 400 says that none of them was created. After any other error, they are looked for first."""
    keys = plain.take_on_many(4)
    plain.control.fault("two", "status", status=413, **CREATE_MANY)
    assert plain.cycle().failed == 4
    plain.cycle()
    assert plain.calls("two", **CREATE_ONE) == []
    plain.pass_time(LONG_ENOUGH)
    for _ in range(2):  # two looks at each of them
        plain.cycle()
    assert len(plain.calls("two", **CREATE_ONE)) == 4
    assert_each_has_one_counterpart(plain, keys)


def test_a_bulk_creation_that_is_refused_as_a_whole_is_repeated_issue_by_issue(bench):
    waiting_to_be_taken_on(bench, 3)
    bench.control.fault("two", "status", status=400, **CREATE_MANY, message="Invalid payload.")
    assert bench.cycle().failed == 0
    assert len(bench.devs()) == 3


def test_a_counterpart_that_is_deleted_before_it_is_adopted_holds_up_no_other(plain):
    keys = plain.take_on_many(4)
    plain.control.fault("two", "drop_after", times=1, **CREATE_MANY)
    plain.cycle()
    gone, *_ = keys
    counterpart = next(issue for issue in plain.devs() if issue["summary"] == keys[gone])
    plain.control.delete("two", counterpart["key"])
    plain.pass_time(FIRST_RETRY_WAIT)
    plain.cycle()
    plain.pass_time(LONG_ENOUGH)
    plain.cycle()
    assert_each_has_one_counterpart(plain, keys)


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
def test_a_created_counterpart_that_cannot_be_read_holds_up_no_other_on_data_center(bench):
    """Data Center's search shows no properties, so that the marker is read from each issue."""
    key, counterpart = bench.pair()
    waiting_to_be_taken_on(bench, 3)
    bench.control.fault("two", "drop_after", times=1, **CREATE_MANY)
    bench.cycle()
    poisoned = next(issue for issue in bench.devs() if issue["key"] != counterpart)
    unreadable = f"/issue/({poisoned['id']}|{poisoned['key']})(/properties/|$)"
    bench.control.fault("two", "status", status=500, path=unreadable)
    bench.dev.move(counterpart, "Closed")
    for _ in range(3):
        bench.pass_time(10)
        bench.try_cycle()
    assert bench.status(key) == "Resolved"
    assert sum(bool(issue["comments"]) for issue in bench.users()) == 3


def strict(bench) -> None:
    """Have the developers work on a site that wants a description of every issue."""
    bench.control.add_site(
        name="strict",
        users=[{"name": "sync", "email": "sync@example.com", "token": "s3cr3t-sync-token"}],
        flavor="data_center" if "authType" in bench.definition["devJira"] else "cloud",
        projects=[{"key": "DEV", "workflow": "development", "screen": ["description"], "required": ["description"]}],
    )
    bench.start(devJira={**bench.definition["devJira"], "baseUrl": f"{bench.url}/strict"})
    bench.dev_site = "strict"
    bench.cycle()


def waiting_to_be_taken_on(bench, count: int) -> None:
    bench.cycle()
    bench.control.create_many("one", "SUP", count, status="Will Do", user="ann")
