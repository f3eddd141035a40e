"""An issue gets exactly one counterpart."""

from __future__ import annotations

from collections import Counter

import pytest

from simulated_sites import CREATE, CREATE_ONE, LONG_ENOUGH
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR, LOG


@EVERY_FLAVOR
def test_an_issue_that_a_rule_takes_on_gets_a_counterpart_with_its_fields_files_links_and_comment(bench):
    key = bench.user.create("SUP", "It is broken", description="h2. How\n{code}x{code}", labels=["a", "b"])
    bench.user.edit(key, priority={"name": "High"})
    bench.user.attach(key, 'log ü "1".txt', b"one" * 100_000, "text/plain")
    bench.user.move(key, "Will Do")
    summary = bench.cycle()
    (dev,) = bench.devs()
    (user,) = bench.users()
    assert (dev["summary"], dev["description"], dev["labels"], dev["priority"], dev["type"]) == (
        "It is broken",
        "h2. How\n{code}x{code}",
        ["a", "b"],
        "High",
        "Task",
    )
    assert [(file["filename"], file["sha256"]) for file in dev["attachments"]] == [
        (file["filename"], file["sha256"]) for file in user["attachments"]
    ]
    assert bench.comments(key) == [f"followed as {dev['key']}"]
    assert [link["object"]["url"] for link in user["links"]] == [f"{bench.url}/two/browse/{dev['key']}"]
    assert [link["object"]["url"] for link in dev["links"]] == [f"{bench.url}/one/browse/{key}"]
    assert +Counter(summary.actions) == {"created": 1, "linked": 1, "attached": 1, "commented": 1}
    assert summary.failed == 0


@pytest.mark.defect(3)
def test_the_description_of_an_issue_is_never_written_after_its_creation(bench):
    key = bench.user.create("SUP", "x", description="as the customer wrote it")
    bench.user.move(key, "Will Do")
    bench.cycle()
    (dev,) = bench.devs()
    bench.dev.move(dev["key"], "Closed")
    bench.cycle()
    assert (bench.issue(key)["description"], bench.devs()[0]["description"]) == ("as the customer wrote it",) * 2
    assert not [entry for entry in bench.issue(key)["history"] if entry["field"] == "description"]


def test_the_issue_type_of_a_counterpart_can_be_set_for_a_sync_and_for_a_rule(bench):
    bench.start(issueType="bug")
    bench.pair()
    take_on = bench.definition["rules"][0]
    bench.start(rules=[{**take_on, "actions": {**take_on["actions"], "issueType": "Story"}}])
    bench.pair()
    assert [issue["type"] for issue in bench.devs()] == ["Bug", "Story"]


def test_a_creation_that_lacks_a_required_field_is_given_up_with_the_name_of_the_field(bench):
    bench.control.add_site(
        name="strict",
        users=[{"name": "sync", "email": "sync@example.com", "token": "s3cr3t-sync-token"}],
        projects=[{"key": "DEV", "workflow": "development", "screen": ["description"], "required": ["description"]}],
    )
    bench.start(devJira={**bench.definition["devJira"], "baseUrl": f"{bench.url}/strict"})
    bench.taken_on()
    assert bench.cycle().failed == 1
    assert "description: description is required." in bench.dead_letters()[0]


def test_a_counterpart_is_not_created_again_as_long_as_search_may_lag_behind(bench):
    key = bench.taken_on_with({"log.txt": LOG})
    bench.start(searchLagMinutes=5)
    bench.control.index("two", hold=True)
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    for seconds in (0, 50, 50, 50):
        bench.pass_time(seconds)
        bench.cycle()
    assert len(bench.devs()) == 1
    bench.control.index("two", hold=False)
    bench.cycle()
    bench.assert_taken_on_once(key)


@EITHER_FLAVOR
@pytest.mark.parametrize("seen_first", [True, False])
def test_changes_of_a_counterpart_from_before_we_knew_of_it_are_carried_over(bench, seen_first):
    key = bench.taken_on()
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.cycle()
    (dev,) = bench.devs()
    if seen_first:
        bench.control.fault("two", "status", status=500, times=20, path="/properties/")
        bench.dev.edit(dev["key"], summary="read by a developer")
        bench.try_cycle()
        bench.control.heal("two")
    bench.dev.move(dev["key"], "Closed")
    for _ in range(3):
        bench.cycle()
    assert bench.status(key) == "Resolved"
    assert bench.comments(key) == [f"followed as {dev['key']}", f"finished {dev['key']}"]


def test_a_counterpart_that_is_not_adopted_yet_gets_no_counterpart_of_its_own(bench):
    """With rules that create in both directions, a lost answer must not start a chain of creations."""
    back = {"sourceStatus": "To Do", "syncDirection": "dev_to_user", "actions": {"createIssue": True}}
    bench.start(rules=[bench.definition["rules"][0], back], searchLagMinutes=5)
    key = bench.taken_on()
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    for _ in range(3):
        bench.cycle()
    bench.pass_time(LONG_ENOUGH)
    for _ in range(3):
        bench.cycle()
    assert (len(bench.users()), len(bench.devs())) == (1, 1)
    assert bench.comments(key) == [f"followed as {bench.devs()[0]['key']}"]


def test_a_counterpart_that_was_created_unseen_and_moved_away_is_no_reason_for_a_second_one(bench):
    """The answer was lost, and somebody moved the issue to another project before it was looked for."""
    bench.on_one_site()
    bench.taken_on()
    bench.control.fault("one", "drop_after", **CREATE_ONE, times=1)
    bench.try_cycle()
    (made,) = bench.devs()
    bench.control.move("one", made["key"], "OTHER")
    for _ in range(3):
        bench.pass_time(60)
        bench.try_cycle()
    assert bench.devs() == []
    assert len(bench.control.issues("one", "OTHER")) == 1
    assert bench.failures() == []
    assert bench.database["pairs"].count_documents({}) == 1


@EITHER_FLAVOR
def test_a_copy_names_people_instead_of_mentioning_them_on_another_site(bench):
    ann = bench.user.myself()
    mention = f"[~accountid:{ann['accountId']}]" if "accountId" in ann else f"[~{ann['name']}]"
    bench.taken_on(description=f"as {mention} and [~nobody] said")
    bench.cycle()
    assert bench.devs()[0]["description"] == "as @Ann and @nobody said"


def test_a_copy_on_the_same_site_mentions_whom_its_source_mentions(bench):
    bench.on_one_site()
    bench.taken_on(description="as [~accountid:5] said")
    bench.cycle()
    assert bench.devs()[0]["description"] == "as [~accountid:5] said"
