"""Files are copied to the counterpart, each exactly once."""

from __future__ import annotations

import pytest

from simulated_sites import ATTACH, LONG_ENOUGH
from worker_bench import EITHER_FLAVOR, LOG


@pytest.mark.defect(18)
def test_files_that_a_customer_adds_later_are_copied_once(bench):
    bench.start(defaultBehavior={"syncAttachments": True})
    key, _ = bench.pair()
    bench.user.attach(key, "later.txt", b"later")
    bench.user.attach(key, "later.txt", b"LATER")
    bench.cycle()
    bench.cycle()
    (dev,) = bench.devs()
    assert sorted(file["filename"] for file in dev["attachments"]) == ["later.txt", "later.txt"]
    assert len({file["sha256"] for file in dev["attachments"]}) == 2


def test_a_file_that_a_developer_attaches_is_not_copied_to_the_customer(bench):
    bench.start(defaultBehavior={"syncAttachments": True})
    key, counterpart = bench.pair()
    bench.dev.attach(counterpart, "internal.txt", b"internal")
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.issue(key)["attachments"] == []


def test_a_rule_can_copy_files_to_the_customer_and_no_copy_is_copied_back(bench):
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
        assert sorted(file["filename"] for file in issues[0]["attachments"]) == ["ours.txt", "theirs.txt"]


@EITHER_FLAVOR
def test_files_and_links_arrive_before_a_move_that_makes_the_counterpart_read_only(bench):
    finish = bench.definition["rules"][3]
    actions = {**finish["actions"], "syncAttachments": True, "addCrossLink": True}
    key, counterpart = bench.pair()
    bench.start(rules=[*bench.definition["rules"][:3], {**finish, "actions": actions}])
    bench.control.settings("one", readOnlyStatuses=["Resolved"])
    bench.dev.attach(counterpart, "result.txt", b"result")
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(key) == "Resolved"
    assert [file["filename"] for file in bench.issue(key)["attachments"]] == ["result.txt"]
    assert bench.failures() == []


def test_several_files_are_copied_side_by_side_and_each_arrives_once(bench):
    bench.start(sideBySide=4)
    key = bench.taken_on_with({f"file {number}.txt": f"content {number}".encode() * 999 for number in range(9)})
    bench.cycle()
    bench.cycle()
    assert bench.files("dev") == bench.files("user")
    assert len(bench.files("dev")) == 9
    assert len(bench.comments(key)) == 1


def test_files_that_are_too_large_or_cannot_be_read_hold_up_no_other_file(bench):
    bench.start(sideBySide=4)
    bench.control.settings("two", uploadLimit=1000)
    sizes = {"large.bin": 1001, "1.bin": 10, "2.bin": 20, "3.bin": 30, "broken.bin": 40, "4.bin": 50}
    key = bench.taken_on_with({name: b"x" * size for name, size in sizes.items()})
    broken = next(file for file in bench.issue(key)["attachments"] if file["filename"] == "broken.bin")
    bench.control.fault("one", "status", status=500, path=f"/attachment/content/{broken['id']}$")
    assert bench.cycle().failed == 1
    assert [name for name, _ in bench.files("dev")] == ["1.bin", "2.bin", "3.bin", "4.bin"]
    bench.control.heal("one")
    bench.cycle()
    assert [name for name, _ in bench.files("dev")] == ["1.bin", "2.bin", "3.bin", "4.bin", "broken.bin"]
    assert bench.dead_letters() == ["large.bin has 1001 bytes; the target takes at most 1000"]


@pytest.mark.parametrize(
    # what a developer has put there   so many files are there in the end
    ("theirs", "count"),
    [(b"log", 1), (b"LOG", 2)],
)
def test_a_developer_s_file_counts_as_the_copy_only_if_it_has_the_same_content(bench, theirs, count):
    bench.start(defaultBehavior={"syncAttachments": True})
    key, counterpart = bench.pair()
    bench.dev.attach(counterpart, "log.txt", theirs)
    bench.user.attach(key, "log.txt", b"log")
    bench.cycle()
    bench.cycle()
    assert len(bench.files("dev")) == count
    assert set(bench.files("user")) <= set(bench.files("dev"))


@EITHER_FLAVOR
def test_files_of_the_same_name_and_size_are_all_copied(bench):
    bench.start(sideBySide=4, defaultBehavior={"syncAttachments": True})
    key = bench.taken_on_with({"log.txt": b"first"})
    for contents in ((b"again",), (b"third", b"first")):
        for content in contents:
            bench.user.attach(key, "log.txt", content)
        bench.cycle()
    bench.cycle()
    assert bench.files("dev") == bench.files("user")
    assert len(bench.files("dev")) == 4


def test_two_files_of_the_same_name_and_size_are_both_copied_after_a_lost_upload_and_a_lost_answer(bench):
    """The first upload was not carried out, the second one was, but nobody said so."""
    key = bench.user.create("SUP", "x")
    for content in (b"first", b"again"):
        bench.user.attach(key, "log.txt", content)
    bench.user.move(key, "Will Do")
    attach = {"method": "POST", "path": "/attachments$"}
    bench.control.fault("two", "drop_before", times=1, **attach)

    def watch() -> None:
        if [call for call in bench.control.calls("two") if call["path"].endswith("/attachments")]:
            bench.before_request = lambda: None
            bench.control.fault("two", "drop_after", times=1, **attach)

    bench.before_request = watch
    bench.cycle()
    bench.pass_time(400)
    for _ in range(2):  # two looks
        bench.cycle()
    assert {file["sha256"] for file in bench.devs()[0]["attachments"]} == {
        file["sha256"] for file in bench.users()[0]["attachments"]
    }


@EITHER_FLAVOR
def test_a_crash_between_the_two_notes_of_a_copy_copies_no_file_twice(bench):
    """The counterpart's memory says that it has received a copy; the issue's does not say that it has one."""
    back = {**bench.definition["rules"][3], "actions": {"syncStatus": False, "syncAttachments": True}}
    bench.start(defaultBehavior={"syncAttachments": True}, rules=[bench.definition["rules"][0], back])
    key = bench.taken_on_with({"1.txt": b"1", "2.txt": b"2"})
    bench.cycle()
    bench.stop()
    source = f"user:{bench.issue(key)['id']}"
    assert len(bench.database["issues"].find_one({"_id": source})["handled"]["attachments"]) == 2
    bench.database["issues"].update_one({"_id": source}, {"$set": {"handled": {}}})
    bench.user.attach(key, "3.txt", b"3")
    bench.dev.move(bench.devs()[0]["key"], "Closed")
    for _ in range(2):
        bench.cycle()
    assert [name for name, _ in bench.files("dev")] == ["1.txt", "2.txt", "3.txt"]
    assert bench.files("user") == bench.files("dev")


@pytest.mark.parametrize("who", ["a customer", "we"])
def test_a_file_that_is_added_together_with_a_move_that_no_rule_answers_is_copied(bench, who):
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
    assert [name for name, _ in bench.files("dev")] == ["log.txt"]


@pytest.mark.defect(21)
def test_our_token_is_sent_to_no_host_that_the_configuration_does_not_name(bench):
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.fault("one", "redirect_attachment", location=f"{bench.url}/two/rest/api/2/myself")
    bench.control.forget_calls("two")
    assert bench.cycle().failed == 1
    assert not [call for call in bench.control.calls("two") if call["endpoint"].endswith("/myself") and call["n"] > 99]
    assert "which is not followed" in bench.failures()[0]
    assert len(bench.comments(key)) == 1


@pytest.mark.defect(18)
def test_a_file_that_is_too_large_is_given_up_before_it_is_sent_and_the_others_are_copied(bench):
    bench.control.settings("two", uploadLimit=1000)
    key = bench.user.create("SUP", "x")
    bench.user.attach(key, "large.bin", b"x" * 1001)
    bench.user.attach(key, "small.bin", b"x" * 1000)
    bench.user.move(key, "Will Do")
    assert bench.cycle().failed == 1
    assert bench.dead_letters() == ["large.bin has 1001 bytes; the target takes at most 1000"]
    assert [file["filename"] for file in bench.devs()[0]["attachments"]] == ["small.bin"]
    assert len(bench.calls("two", **ATTACH)) == 1
    assert len(bench.comments(key)) == 1


def test_a_file_that_cannot_be_read_does_not_hold_up_the_comment(bench):
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.fault("one", "status", status=500, path="/attachment/content")
    for _ in range(2):
        assert bench.cycle().failed == 1
    assert len(bench.comments(key)) == 1
    bench.control.heal("one")
    bench.cycle()
    bench.assert_taken_on_once(key)


def test_a_truncated_download_is_not_uploaded(bench):
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.fault("one", "truncate_attachment", times=1, path="/attachment/content")
    bench.cycle()
    assert bench.devs()[0]["attachments"] == []
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    bench.assert_taken_on_once(key)


# Files that cannot be copied


@pytest.fixture
def topped_up(bench) -> str:
    """An issue with a counterpart, to which files that customers add are copied."""
    bench.start(defaultBehavior={"syncAttachments": True})
    return bench.pair()[0]


@pytest.mark.parametrize(
    # what is wrong with it
    "fault",
    [
        {"site": "two", "kind": "status", "status": 400, "message": "Cannot attach an empty file.", **ATTACH},
        {"site": "two", "kind": "status", "status": 413, **ATTACH},
        {"site": "two", "kind": "status", "status": 403, **ATTACH},
        {"site": "one", "kind": "status", "status": 404, "path": "/attachment/content"},
    ],
)
def test_a_file_that_can_never_be_copied_is_said_once_however_often_the_issue_is_edited(bench, topped_up, fault):
    bench.control.fault(fault.pop("site"), fault.pop("kind"), **fault)
    bench.user.attach(topped_up, "empty.txt", b"")
    assert bench.cycle().failed == 1
    for number in range(5):
        bench.user.edit(topped_up, summary=f"edit {number}")
        assert bench.cycle().failed == 0
    assert len(bench.dead_letters()) == 1
    assert len(bench.logged("change given up")) == 1


def test_a_file_that_is_too_large_is_said_once_and_copied_when_a_person_asks_after_the_limit_was_raised(
    bench, topped_up, front
):
    bench.control.settings("two", uploadLimit=10)
    bench.start()
    bench.user.attach(topped_up, "large.bin", b"x" * 100)
    for number in range(4):
        bench.cycle()
        bench.user.edit(topped_up, summary=f"edit {number}")
    bench.user.attach(topped_up, "small.bin", b"x")
    bench.cycle()
    assert bench.dead_letters() == ["large.bin has 100 bytes; the target takes at most 10"]
    assert [name for name, _ in bench.files("dev")] == ["small.bin"]
    bench.control.settings("two", uploadLimit=1000)
    bench.stop()
    assert front("retry", "sync-ab", topped_up).code == 0
    assert [name for name, _ in bench.files("dev")] == ["large.bin", "small.bin"]


def test_all_files_that_cannot_be_copied_are_named(bench, topped_up):
    bench.control.settings("two", uploadLimit=10)
    bench.start()
    for name in ("a.bin", "b.bin"):
        bench.user.attach(topped_up, name, b"x" * 100)
    bench.cycle()
    (said,) = bench.dead_letters()
    assert ("a.bin" in said, "b.bin" in said) == (True, True)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_files_are_copied_where_the_site_does_not_say_how_large_they_may_be(bench, status):
    bench.control.fault("two", "status", status=status, path="/attachment/meta$")
    key = bench.taken_on_with({"log.txt": LOG})
    assert bench.cycle().failed == 0
    bench.assert_taken_on_once(key)
