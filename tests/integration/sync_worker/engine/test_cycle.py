"""What the worker does to two real (if simulated) Jira projects."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_model.definition import Side
from sync_worker.core.errors import OutcomeUnknown

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERY_FLAVOR = pytest.mark.parametrize("bench", ["cloud-cloud", "cloud-dc", "dc-cloud", "dc-dc"], indirect=True)


@EVERY_FLAVOR
def test_an_issue_that_will_be_done_gets_a_counterpart_with_everything_on_it(bench):
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
    assert [(each["filename"], each["sha256"]) for each in dev["attachments"]] == [
        (each["filename"], each["sha256"]) for each in user["attachments"]
    ]
    assert bench.comments(key) == [f"followed as {dev['key']}"]
    assert [each["object"]["url"] for each in user["links"]] == [f"{bench.url}/two/browse/{dev['key']}"]
    assert [each["object"]["url"] for each in dev["links"]] == [f"{bench.url}/one/browse/{key}"]
    assert (summary.created, summary.attached, summary.commented, summary.linked, summary.failed) == (1, 1, 1, 1, 0)


@pytest.mark.defect(23)
@EVERY_FLAVOR
def test_statuses_follow_in_both_directions(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    assert bench.status(key) == "In Progress"
    bench.dev.move(counterpart, "Done")
    bench.cycle()
    assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")
    bench.user.move(key, "Reopened")
    bench.cycle()
    assert (bench.status(counterpart), bench.comments(counterpart)) == ("Reopened", [f"reopened {key}"])


@EVERY_FLAVOR
def test_cycles_without_news_change_nothing(bench):
    bench.pair()
    before = bench.users(), bench.devs()
    for _ in range(3):
        summary = bench.cycle()
    assert (bench.users(), bench.devs()) == before
    assert (summary.created, summary.moved, summary.commented, summary.failed) == (0, 0, 0, 0)


def test_an_idle_cycle_takes_two_searches_and_one_look_at_who_we_are(bench):
    bench.on_one_site()
    bench.pair()
    bench.cycle()
    bench.control.forget_calls("one")
    bench.cycle()
    calls = [(each["method"], each["endpoint"].removeprefix("/rest/api/2")) for each in bench.control.calls("one")]
    assert sorted(calls) == [("GET", "/myself"), ("POST", "/search/jql"), ("POST", "/search/jql")]


def test_both_projects_may_be_on_one_site(bench):
    bench.on_one_site()
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(key) == "Resolved"


@pytest.mark.defect(7, 9)
def test_an_edit_of_an_issue_with_a_counterpart_repeats_nothing(bench):
    key, counterpart = bench.pair()
    bench.user.edit(key, summary="It is still broken")
    bench.user.comment(key, "any news?")
    bench.cycle()
    assert len(bench.devs()) == 1
    assert bench.comments(key) == [f"followed as {counterpart}", "any news?"]


@pytest.mark.defect(3)
def test_descriptions_are_never_written(bench):
    key = bench.user.create("SUP", "x", description="as the customer wrote it")
    bench.user.move(key, "Will Do")
    bench.cycle()
    (dev,) = bench.devs()
    bench.dev.move(dev["key"], "Closed")
    bench.cycle()
    assert (bench.issue(key)["description"], bench.devs()[0]["description"]) == ("as the customer wrote it",) * 2
    assert not [each for each in bench.issue(key)["history"] if each["field"] == "description"]


@pytest.mark.defect(18)
def test_files_that_customers_add_later_follow_once(bench):
    bench.start(defaultBehavior={"syncAttachments": True})
    key, _ = bench.pair()
    bench.user.attach(key, "later.txt", b"later")
    bench.user.attach(key, "later.txt", b"LATER")
    bench.cycle()
    bench.cycle()
    (dev,) = bench.devs()
    assert sorted(each["filename"] for each in dev["attachments"]) == ["later.txt", "later.txt"]
    assert len({each["sha256"] for each in dev["attachments"]}) == 2


def test_what_developers_attach_stays_with_them(bench):
    bench.start(defaultBehavior={"syncAttachments": True})
    key, counterpart = bench.pair()
    bench.dev.attach(counterpart, "internal.txt", b"internal")
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.issue(key)["attachments"] == []


def test_a_rule_may_send_files_back_and_copies_do_not_return(bench):
    take_on, _, _, finish = bench.definition["rules"]
    back = {**finish, "actions": {**finish["actions"], "syncAttachments": True}}
    bench.start(rules=[take_on, back], defaultBehavior={"syncAttachments": True})
    key = bench.user.create("SUP", "x")
    bench.user.attach(key, "theirs.txt", b"theirs")
    bench.user.move(key, "Will Do")
    bench.cycle()
    (dev,) = bench.devs()
    bench.dev.attach(dev["key"], "ours.txt", b"ours")
    bench.dev.move(dev["key"], "Closed")
    for _ in range(3):
        bench.cycle()
    for issues in (bench.users(), bench.devs()):
        assert sorted(each["filename"] for each in issues[0]["attachments"]) == ["ours.txt", "theirs.txt"]


def test_the_later_of_two_opposite_changes_wins_on_both_sides(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.dev.move(counterpart, "Done")
    bench.cycle()
    assert bench.status(key) == "Resolved"
    bench.user.move(key, "Reopened")
    bench.dev.move(counterpart, "Closed")
    for _ in range(3):
        bench.cycle()
    assert (bench.status(key), bench.status(counterpart)) == ("Resolved", "Closed")


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_the_later_change_wins_also_where_one_site_s_clock_is_an_hour_ahead(bench, ahead):
    bench.control.clock("one", ahead)
    key, counterpart = bench.pair()
    bench.user.move(key, "Resolved")
    bench.user.move(key, "Reopened")
    bench.control.clock("one", ahead + 10)
    bench.control.clock("two", 10)
    bench.dev.move(counterpart, "Closed")
    for _ in range(3):
        assert bench.try_cycle() is None
    assert (bench.status(key), bench.status(counterpart)) == ("Resolved", "Closed")


def test_no_rules_can_make_two_issues_chase_each_other(bench):
    def chase(direction: str, target: str) -> dict:
        actions = {"syncStatus": True, "targetStatus": target}
        return {"sourceStatus": "*", "syncDirection": direction, "actions": actions}

    take_on = {**bench.definition["rules"][0], "priority": 1}
    bench.start(rules=[take_on, chase("user_to_dev", "Reopened"), chase("dev_to_user", "Resolved")])
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    assert [bench.cycle().moved for _ in range(5)] == [1, 0, 0, 0, 0]


def test_every_intermediate_status_is_answered_when_asked_for(bench):
    actions = {"addComment": True, "commentTemplate": "now ${sourceStatus}"}
    rule = {"sourceStatus": "*", "syncDirection": "dev_to_user", "actions": actions}
    bench.start(rules=[bench.definition["rules"][0], rule], defaultBehavior={"skipIntermediateStatuses": False})
    key, counterpart = bench.pair()
    for status in ("In Progress", "In Review", "Done"):
        bench.dev.move(counterpart, status)
    bench.cycle()
    bench.cycle()
    assert bench.comments(key)[1:] == ["now In Progress", "now In Review", "now Done"]


def test_a_rule_that_asserts_its_state_brings_a_strayed_counterpart_back_at_the_next_update(bench):
    rule = {
        "sourceStatus": "In Progress",
        "syncDirection": "dev_to_user",
        "conditions": {"onStatusChange": False},
        "actions": {"syncStatus": True, "addComment": True, "commentTemplate": "started"},
    }
    bench.start(rules=[bench.definition["rules"][0], rule])
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.user.move(key, "Reopened")
    bench.cycle()
    assert bench.status(key) == "Reopened"
    bench.dev.edit(counterpart, summary="updated")
    bench.cycle()
    assert bench.status(key) == "In Progress"
    assert bench.comments(key).count("started") == 1


@pytest.mark.defect(16)
def test_the_first_cycle_only_takes_note_when_told_so(bench):
    bench.control.clock("one", -60)
    old = bench.taken_on("old")
    bench.control.clock("one", 0)
    bench.start(initialSyncEnabled=False)
    bench.cycle()
    assert bench.devs() == []
    bench.user.edit(old, summary="edited")
    bench.taken_on("new")
    bench.cycle()
    assert [each["summary"] for each in bench.devs()] == ["new"]


@EVERY_FLAVOR
def test_issues_that_the_replaced_service_had_paired_get_no_second_counterpart(bench):
    old = bench.taken_on("paired before")
    counterpart = bench.dev.create("DEV", "paired before", issue_type="Bug")
    gone = {"user_issue_key": "SUP-999", "dev_issue_key": "DEV-999"}
    bench.legacy_database["jira_mapping"].insert_many([{"user_issue_key": old, "dev_issue_key": counterpart}, gone])
    bench.start(name=bench.legacy_database.name)
    new = bench.taken_on("new")
    assert isinstance(bench.try_cycle(), OutcomeUnknown)  # search may not show yet what that service created last
    bench.pass_time(60)
    bench.cycle()
    assert sorted(each["summary"] for each in bench.devs()) == ["new", "paired before"]
    assert (bench.comments(old), len(bench.comments(new))) == ([], 1)
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(old) == "Resolved"
    (line,) = bench.logged("pairs of the replaced service taken over")
    assert (line["taken"], line["left_out"]) == (1, 1)


def test_the_first_cycle_carries_over_what_is_there_however_old(bench):
    bench.control.clock("one", -40 * 24 * 3600)
    bench.taken_on("from last month")
    bench.control.clock("one", 0)
    bench.cycle()
    assert [each["summary"] for each in bench.devs()] == ["from last month"]


def test_an_issue_type_may_be_named_for_the_sync_and_for_a_rule(bench):
    bench.start(issueType="bug")
    bench.pair()
    take_on = bench.definition["rules"][0]
    bench.start(rules=[{**take_on, "actions": {**take_on["actions"], "issueType": "Story"}}])
    bench.pair()
    assert [each["type"] for each in bench.devs()] == ["Bug", "Story"]


@pytest.mark.defect(20)
def test_issue_ids_that_are_the_same_on_both_sites_are_not_mixed_up(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(6)]
    bench.cycle()
    by_summary = {each["summary"]: each["key"] for each in bench.devs()}
    assert {each["id"] for each in bench.users()} & {each["id"] for each in bench.devs()}
    for number, key in enumerate(keys):
        assert bench.comments(key) == [f"followed as {by_summary[f'issue {number}']}"]


def test_more_issues_than_one_batch_holds_are_all_carried_over(bench):
    for number in range(120):
        bench.taken_on(f"issue {number}")
    summary = bench.cycle()
    assert (summary.created, summary.failed) == (120, 0)
    assert len({each["summary"] for each in bench.devs()}) == 120


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.due(Side.USER, NOW, 100),
        lambda store: store.count_due(Side.USER, NOW),
        lambda store: store.next_try(Side.USER, NOW),
        lambda store: store.backlog(),
        lambda store: store.failing(),
        lambda store: store.pair_of(Side.USER, "-1"),
        lambda store: store.pair_of(Side.DEV, "-1"),
        lambda store: store.paired(Side.USER, ["1"]),
        lambda store: store.away(),
        lambda store: store.missing(),
    ],
)
def test_no_question_of_a_cycle_makes_mongodb_look_at_every_document(bench, ask):
    """A database of many thousand issues and pairs is asked as quickly as an empty one."""
    bench.cycle()
    bench.database["issues"].insert_many([{"_id": f"user:{n}", "side": "user", "id": str(n)} for n in range(1000)])
    bench.database["pairs"].insert_many([{"_id": str(n), "dev_id": str(n + 5000)} for n in range(1000)])
    bench.database.command("profile", 2)
    ask(bench.store)
    bench.database.command("profile", 0)
    asked = list(bench.database["system.profile"].find({"docsExamined": {"$exists": True}}))
    assert asked
    assert [each["command"] for each in asked if each["docsExamined"] > 10] == []
