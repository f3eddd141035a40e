"""Counterparts created in bulk, files side by side, and transitions that are remembered: each thing exactly once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from jira_simulator import server
from jira_simulator.site.model import SimulatedTransition
from sync_worker.core.errors import InvalidRequest
from sync_worker.jira import parsing

EVERY_FLAVOR = pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
BULK = {"method": "POST", "path": "/issue/bulk$"}
ONE = {"method": "POST", "path": "/issue$"}
ATTACH = {"method": "POST", "path": "/attachments$"}
LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""

A_FIRST_WAIT = 10.0
"""Seconds on Jira's clock after which everything that has failed once may be tried again."""


def calls(bench, site: str, method: str, path: str) -> list[dict[str, Any]]:
    found = [each for each in bench.control.calls(site) if (each["user"], each["method"]) == ("sync", method)]
    return [each for each in found if re.search(path, each["path"])]


def take_on_many(bench, count: int) -> dict[str, str]:
    """Have that many issues wait for a counterpart; return their summaries by their keys."""
    keys = bench.control.create_many("one", "SUP", count, status="Will Do", user="ann")
    return {key: f"issue {number}" for number, key in enumerate(keys, 1)}


def assert_each_has_one_counterpart(bench, keys: dict[str, str]) -> None:
    """Each by its marker, its summary, what is remembered, and what the customer is told."""
    sources = {each["key"]: each for each in bench.users()}
    counterparts = {each["properties"]["jira-sync"]["issue"]: each for each in bench.devs()}
    assert len(bench.devs()) == len(counterparts) == len(keys)
    pairs = {each["user_key"]: each["dev_key"] for each in bench.database["pairs"].find()}
    for key, summary in keys.items():
        counterpart = counterparts[sources[key]["id"]]
        assert counterpart["summary"] == summary
        assert pairs[key] == counterpart["key"]
        assert bench.comments(key) == [f"followed as {counterpart['key']}"]
    assert bench.failures() + bench.dead_letters() == []


@pytest.fixture
def plain(bench):
    """A bench whose rule creates, and says so: nothing else takes calls."""
    actions = {"createIssue": True, "addComment": True, "commentTemplate": "followed as ${targetKey}"}
    bench.start(rules=[{**bench.definition["rules"][0], "actions": actions}])
    bench.cycle()
    return bench


class TestManyAtOnce:
    @EVERY_FLAVOR
    def test_sixty_issues_are_created_in_two_requests_and_each_has_its_own_counterpart(self, plain):
        keys = take_on_many(plain, 60)
        plain.cycle()
        assert len(calls(plain, "two", **BULK)) == 2
        assert calls(plain, "two", **ONE) == []
        assert_each_has_one_counterpart(plain, keys)

    @EVERY_FLAVOR
    def test_those_that_jira_takes_are_mapped_to_their_issues_and_the_others_say_why_not(self, plain):
        strict(plain)
        keys = {}
        for number in range(12):
            described = {} if number % 3 == 0 else {"description": "described"}
            keys[plain.taken_on(f"issue {number}", **described)] = f"issue {number}", described
        assert plain.cycle().failed == 4
        good = {key: summary for key, (summary, described) in keys.items() if described}
        assert (len(calls(plain, "strict", **BULK)), len(plain.dead_letters())) == (1, 4)
        assert all("description: description is required." in error for error in plain.dead_letters())
        plain.database["issues"].update_many({}, {"$set": {"dead": []}})
        assert_each_has_one_counterpart(plain, good)
        plain.cycle()
        assert len(plain.devs()) == len(good)

    def test_where_jira_takes_none_of_them_each_says_why(self, plain):
        strict(plain)
        for number in range(3):
            plain.taken_on(f"issue {number}")
        assert plain.cycle().failed == 3
        assert (plain.devs(), len(plain.dead_letters())) == ([], 3)
        assert {each["status"] for each in calls(plain, "strict", "POST", "/issue")} == {400}

    @EVERY_FLAVOR
    @pytest.mark.parametrize("kind", ["drop_after", "status_after"])
    def test_what_was_created_without_an_answer_is_adopted(self, plain, kind):
        keys = take_on_many(plain, 8)
        plain.control.fault("two", kind, times=1, **BULK)
        assert plain.cycle().failed == 8
        assert len(plain.devs()) == 8
        plain.pass_time(A_FIRST_WAIT)
        plain.cycle()
        assert_each_has_one_counterpart(plain, keys)
        assert len(calls(plain, "two", "POST", "/issue(/bulk)?$")) == 1

    def test_what_was_not_created_is_created_later_and_not_before_it_is_certain(self, plain):
        keys = take_on_many(plain, 4)
        plain.control.fault("two", "drop_before", times=1, **BULK)
        plain.cycle()
        plain.pass_time(A_FIRST_WAIT)
        plain.cycle()
        assert plain.devs() == []
        assert all("not certain yet" in error for error in plain.failures())
        plain.pass_time(LONG_ENOUGH)
        plain.cycle()
        assert_each_has_one_counterpart(plain, keys)

    def test_of_two_requests_one_without_an_answer_holds_up_none_of_the_other(self, plain):
        keys = take_on_many(plain, 60)
        plain.control.fault("two", "drop_after", times=1, **BULK)
        assert plain.cycle().failed == 50
        assert len(plain.devs()) == 60
        assert sum(bool(each["comments"]) for each in plain.users()) == 10
        plain.pass_time(A_FIRST_WAIT)
        plain.cycle()
        assert_each_has_one_counterpart(plain, keys)

    def test_too_many_calls_are_waited_for(self, plain):
        keys = take_on_many(plain, 4)
        plain.control.fault("two", "status", status=429, retryAfter="1", reason="jira-burst-based", times=1, **BULK)
        assert plain.cycle().failed == 0
        assert [each["status"] for each in calls(plain, "two", **BULK)] == [429, 201]
        assert_each_has_one_counterpart(plain, keys)

    @EVERY_FLAVOR
    def test_what_is_refused_as_a_whole_is_created_one_by_one(self, plain):
        keys = take_on_many(plain, 4)
        plain.control.fault("two", "status", status=413, **BULK)
        assert plain.cycle().failed == 0
        assert len(calls(plain, "two", **ONE)) == 4
        assert_each_has_one_counterpart(plain, keys)

    def test_an_issue_that_is_deleted_meanwhile_holds_up_no_other(self, plain):
        keys = take_on_many(plain, 4)
        plain.control.fault("two", "drop_after", times=1, **BULK)
        plain.cycle()
        gone, *_ = keys
        counterpart = next(each for each in plain.devs() if each["summary"] == keys[gone])
        plain.control.delete("two", counterpart["key"])
        plain.pass_time(A_FIRST_WAIT)
        plain.cycle()
        plain.pass_time(LONG_ENOUGH)
        plain.cycle()
        assert_each_has_one_counterpart(plain, keys)


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


class TestFiles:
    def test_several_files_go_side_by_side_and_each_arrives_once(self, bench):
        bench.start(sideBySide=4)
        key = reported(bench, {f"file {number}.txt": f"content {number}".encode() * 999 for number in range(9)})
        bench.cycle()
        bench.cycle()
        assert files(bench, "dev") == files(bench, "user")
        assert len(files(bench, "dev")) == 9
        assert len(bench.comments(key)) == 1

    def test_files_that_do_not_fit_or_do_not_come_through_hold_up_no_other(self, bench):
        bench.start(sideBySide=4)
        bench.control.settings("two", uploadLimit=1000)
        sizes = {"large.bin": 1001, "1.bin": 10, "2.bin": 20, "3.bin": 30, "broken.bin": 40, "4.bin": 50}
        key = reported(bench, {name: b"x" * size for name, size in sizes.items()})
        broken = next(each for each in bench.issue(key)["attachments"] if each["filename"] == "broken.bin")
        bench.control.fault("one", "status", status=500, path=f"/attachment/content/{broken['id']}$")
        assert bench.cycle().failed == 1
        assert [name for name, _ in files(bench, "dev")] == ["1.bin", "2.bin", "3.bin", "4.bin"]
        bench.control.heal("one")
        bench.cycle()
        assert [name for name, _ in files(bench, "dev")] == ["1.bin", "2.bin", "3.bin", "4.bin", "broken.bin"]
        assert bench.dead_letters() == ["large.bin has 1001 bytes; the target takes at most 1000"]

    @pytest.mark.parametrize(
        # what a developer has put there   so many files are there in the end
        ("theirs", "count"),
        [(b"log", 1), (b"LOG", 2)],
    )
    def test_a_file_of_a_developer_s_is_taken_for_the_copy_if_it_has_the_same_content(self, bench, theirs, count):
        bench.start(defaultBehavior={"syncAttachments": True})
        key, counterpart = bench.pair()
        bench.dev.attach(counterpart, "log.txt", theirs)
        bench.user.attach(key, "log.txt", b"log")
        bench.cycle()
        bench.cycle()
        assert len(files(bench, "dev")) == count
        assert set(files(bench, "user")) <= set(files(bench, "dev"))

    @EVERY_FLAVOR
    def test_files_with_the_same_name_and_size_all_arrive(self, bench):
        bench.start(sideBySide=4, defaultBehavior={"syncAttachments": True})
        key = reported(bench, {"log.txt": b"first"})
        for contents in ((b"again",), (b"third", b"first")):
            for content in contents:
                bench.user.attach(key, "log.txt", content)
            bench.cycle()
        bench.cycle()
        assert files(bench, "dev") == files(bench, "user")
        assert len(files(bench, "dev")) == 4

    @EVERY_FLAVOR
    def test_a_crash_between_the_two_notes_of_a_copy_doubles_nothing(self, bench):
        """The counterpart's memory says that it has received a copy; the issue's does not say that it has one."""
        back = {**bench.definition["rules"][3], "actions": {"syncStatus": False, "syncAttachments": True}}
        bench.start(defaultBehavior={"syncAttachments": True}, rules=[bench.definition["rules"][0], back])
        key = reported(bench, {"1.txt": b"1", "2.txt": b"2"})
        bench.cycle()
        bench.stop()
        source = f"user:{bench.issue(key)['id']}"
        assert len(bench.database["issues"].find_one({"_id": source})["copied"]) == 2
        bench.database["issues"].update_one({"_id": source}, {"$set": {"copied": {}}})
        bench.user.attach(key, "3.txt", b"3")
        bench.dev.move(bench.devs()[0]["key"], "Closed")
        for _ in range(2):
            bench.cycle()
        assert [name for name, _ in files(bench, "dev")] == ["1.txt", "2.txt", "3.txt"]
        assert files(bench, "user") == files(bench, "dev")

    @pytest.mark.parametrize("who", ["a customer", "we"])
    def test_a_file_that_comes_together_with_a_move_that_no_rule_answers_is_copied(self, bench, who):
        bench.start(defaultBehavior={"syncAttachments": True})
        key, counterpart = bench.pair()
        bench.user.attach(key, "log.txt", b"log")
        if who == "we":
            bench.control.index("one", hide=[key])
            bench.dev.move(counterpart, "In Progress")
            bench.cycle()
            bench.control.index("one", show=[key])
        else:
            bench.user.move(key, "Cancelled")
        bench.cycle()
        assert [name for name, _ in files(bench, "dev")] == ["log.txt"]


def reported(bench, contents: dict[str, bytes]) -> str:
    """Have an issue with these files wait to be taken on; return its key."""
    key: str = bench.user.create("SUP", "It is broken")
    for name, content in contents.items():
        bench.user.attach(key, name, content)
    bench.user.move(key, "Will Do")
    return key


def files(bench, side: str) -> list[tuple[str, str]]:
    """Return name and content of the files on the one issue of a side."""
    (issue,) = bench.users() if side == "user" else bench.devs()
    return sorted((each["filename"], each["sha256"]) for each in issue["attachments"])


@pytest.fixture
def sites(monkeypatch) -> dict[str, Any]:
    """The simulated sites themselves, for what no control changes; to be asked for before the bench."""
    found: dict[str, Any] = {}

    def build(seed):
        found[seed.name] = server_build(seed)
        return found[seed.name]

    server_build = server.build
    monkeypatch.setattr(server, "build", build)
    return found


class TestTransitions:
    def test_many_issues_of_one_workflow_are_moved_and_its_transitions_asked_for_once(self, plain):
        keys = take_on_many(plain, 10)
        plain.start(rules=[*plain.definition["rules"], {**START}])
        plain.cycle()
        plain.control.forget_calls("one")
        for each in plain.devs():
            plain.dev.move(each["key"], "In Progress")
        plain.cycle()
        assert {plain.status(key) for key in keys} == {"In Progress"}
        assert len(calls(plain, "one", "GET", "/transitions$")) == 1
        assert len(calls(plain, "one", "POST", "/transitions$")) == 10

    def test_after_a_change_of_the_workflow_the_move_still_happens(self, sites, bench):
        (one, first), (two, second) = bench.pair(), bench.pair()
        bench.dev.move(first, "In Progress")
        bench.cycle()
        assert bench.status(one) == "In Progress"
        project = sites["one"].projects["SUP"]
        renumbered = tuple(replace(each, id=f"9{each.id}") for each in project.workflow.transitions)
        project.workflow = replace(project.workflow, transitions=renumbered)
        bench.dev.move(second, "In Progress")
        bench.cycle()
        bench.cycle()
        assert (bench.status(two), bench.failures(), bench.dead_letters()) == ("In Progress", [], [])

    def test_a_way_that_was_not_there_is_found_once_it_is(self, sites, bench):
        (one, first), (two, second) = bench.pair(), bench.pair()
        project = sites["one"].projects["SUP"]
        whole = project.workflow
        project.workflow = replace(whole, transitions=tuple(each for each in whole.transitions if ends(each, "Closed")))
        bench.dev.move(first, "In Progress")
        assert bench.cycle().failed == 1
        project.workflow = whole
        bench.dev.move(second, "In Progress")
        for _ in range(2):
            bench.cycle()
        assert (bench.status(one), bench.status(two)) == ("In Progress", "In Progress")

    def test_a_permission_that_was_missing_is_noticed_once_it_is_there(self, bench):
        key, counterpart = bench.pair()
        bench.control.permissions("one", "sync", "SUP", revoke=["TRANSITION_ISSUES"])
        bench.dev.move(counterpart, "In Progress")
        bench.try_cycle()
        assert bench.status(key) == "Will Do"
        bench.control.permissions("one", "sync", "SUP", grant=["TRANSITION_ISSUES"])
        bench.cycle()
        assert bench.status(key) == "In Progress"


START = {"sourceStatus": "In Progress", "syncDirection": "dev_to_user", "actions": {"syncStatus": True}}


def ends(transition: SimulatedTransition, status: str) -> bool:
    return transition.target.name == status


def waiting_to_be_taken_on(bench, count: int) -> None:
    bench.cycle()
    bench.control.create_many("one", "SUP", count, status="Will Do", user="ann")


def test_a_bulk_creation_that_is_refused_as_a_whole_by_400_is_done_one_by_one(bench):
    waiting_to_be_taken_on(bench, 3)
    bench.control.fault("two", "status", status=400, method="POST", path="/issue/bulk$", message="Invalid payload.")
    assert bench.cycle().failed == 0
    assert len(bench.devs()) == 3


def test_an_answer_about_a_whole_bulk_creation_can_be_understood():
    with pytest.raises(InvalidRequest, match="issueUpdates: is required"):
        parsing.creations({"errorMessages": [], "errors": {"issueUpdates": "is required"}}, 3)


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
def test_one_created_issue_that_cannot_be_read_holds_up_no_other(bench):
    """Data Center's search shows no properties, so that the marker is read from each issue."""
    key, counterpart = bench.pair()
    waiting_to_be_taken_on(bench, 3)
    bench.control.fault("two", "drop_after", times=1, method="POST", path="/issue/bulk$")
    bench.cycle()
    poisoned = next(each for each in bench.devs() if each["key"] != counterpart)
    bench.control.fault("two", "status", status=500, path=f"/issue/{poisoned['id']}/properties/")
    bench.dev.move(counterpart, "Closed")
    for _ in range(3):
        bench.pass_time(10)
        bench.try_cycle()
    assert bench.status(key) == "Resolved"
    assert sum(bool(each["comments"]) for each in bench.users()) == 3


def test_that_nothing_can_be_created_holds_up_no_move(bench):
    """Jira does not say what can be set on an issue that is to be created."""
    key, counterpart = bench.pair()
    bench.start()
    bench.taken_on("new")
    bench.dev.move(counterpart, "Closed")
    bench.control.fault("two", "status", status=500, path="/createmeta/")
    bench.try_cycle()
    assert bench.status(key) == "Resolved"


def test_two_files_with_the_same_name_and_size_both_arrive_whatever_happened_to_the_first_attempts(bench):
    """The first upload was not carried out, the second one was, but nobody said so."""
    key = bench.user.create("SUP", "x")
    for content in (b"first", b"again"):
        bench.user.attach(key, "log.txt", content)
    bench.user.move(key, "Will Do")
    attach = {"method": "POST", "path": "/attachments$"}
    bench.control.fault("two", "drop_before", times=1, **attach)

    def watch() -> None:
        if [each for each in bench.control.calls("two") if each["path"].endswith("/attachments")]:
            bench.before_request = lambda: None
            bench.control.fault("two", "drop_after", times=1, **attach)

    bench.before_request = watch
    bench.cycle()
    bench.pass_time(400)
    bench.cycle()
    assert {each["sha256"] for each in bench.devs()[0]["attachments"]} == {
        each["sha256"] for each in bench.users()[0]["attachments"]
    }


def test_a_counterpart_that_was_created_unseen_and_then_moved_away_is_no_reason_for_a_second_one(bench):
    """The answer was lost, and somebody moved the issue to another project before it was looked for."""
    bench.on_one_site()
    bench.taken_on()
    bench.control.fault("one", "drop_after", method="POST", path="/issue$", times=1)
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
