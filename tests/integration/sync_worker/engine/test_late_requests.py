"""A request goes on after a gateway has given up on it, and is carried out late: nothing is done twice."""

from __future__ import annotations

import threading

import pytest

from simulated_sites import A_DAY_LATER, ATTACH, COMMENT, CREATE, LONG_ENOUGH
from sync_worker.database.documents.second_format import lower_issue
from sync_worker.jira import paging
from worker_bench import EITHER_FLAVOR, LOG

REQUESTS = {"create": ("two", CREATE), "attach": ("two", ATTACH), "comment": ("one", COMMENT)}
"""Where an action is done, and by which request."""
SHORTLY = 15.0
"""Seconds between two cycles, while a request may still be at work."""


def done(bench, action: str, key: str) -> int:
    """Return how often the action was carried out."""
    counterparts = bench.devs()
    if action == "create":
        return len(counterparts)
    if action == "comment":
        return len(bench.comments(key))
    return len(counterparts[0]["attachments"]) if counterparts else 0


@EITHER_FLAVOR
@pytest.mark.parametrize("cycles", [2, 7])
@pytest.mark.parametrize("action", REQUESTS)
def test_what_is_carried_out_late_is_done_once(bench, wait_until, action, cycles):
    site, request = REQUESTS[action]
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.index("two", hold=True)  # for search it takes longer still
    late = bench.control.fault(site, "late", status=504, times=1, **request)
    bench.cycle()
    for _ in range(cycles):
        bench.pass_time(SHORTLY)
        bench.cycle_at_once()
        assert len(bench.calls(site, **request)) == 1
    bench.control.heal(site, late)
    wait_until(lambda: done(bench, action, key), "the late request to be carried out")
    bench.control.index("two", hold=False)
    bench.settle(2)
    bench.assert_taken_on_once(key)


def test_how_long_an_upload_may_still_be_at_work_counts_from_its_end(bench, wait_until):
    """It took 200 seconds until the gateway gave up on it."""
    bench.start()
    key = bench.taken_on_with({"log.txt": LOG})
    held = bench.control.fault("two", "hang", times=1, **ATTACH)
    late = bench.control.fault("two", "late", status=504, times=1, **ATTACH)
    uploading = threading.Thread(target=bench.cycle_at_once)
    uploading.start()
    begun = {"handled.attachments": {"$exists": True}}
    wait_until(lambda: bench.database["issues"].count_documents(begun) == 1, "the upload to begin")
    bench.pass_time(200)
    bench.control.heal("two", held)
    uploading.join()
    for _ in range(6):
        bench.pass_time(SHORTLY)
        bench.cycle_at_once()
    assert len(bench.calls("two", **ATTACH)) == 1
    bench.control.heal("two", late)
    wait_until(lambda: done(bench, "attach", key), "the late file")
    bench.settle(2)
    bench.assert_taken_on_once(key)


def test_a_large_file_may_be_at_work_for_longer_than_a_small_one(bench):
    """Both uploads are lost. When the small file may be sent again, the large one may not."""
    bench.start(defaultBehavior={"syncAttachments": True})
    key, _ = bench.pair()
    bench.user.attach(key, "small.txt", b"x")
    bench.user.attach(key, "large.bin", b"x" * 9 * 1024 * 1024)
    bench.control.fault("two", "status", status=504, times=2, **ATTACH)
    bench.cycle()
    bench.cycle()
    bench.pass_time(130)
    bench.cycle_at_once()
    assert [name for name, _ in bench.files("dev")] == ["small.txt"]
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert [name for name, _ in bench.files("dev")] == ["large.bin", "small.txt"]


@EITHER_FLAVOR
def test_a_lost_counterpart_is_found_without_the_index(bench):
    """Search does not show it. It is read by one of the next keys of the project, among those of others."""
    bench.dev.create("DEV", "there before")
    bench.start()
    bench.control.index("two", hold=True)
    key = bench.taken_on("lost")
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.cycle()
    bench.dev.create("DEV", "made by a developer afterwards")
    bench.cycle()
    assert [len(bench.issue(issue["key"])["links"]) for issue in bench.devs()] == [0, 1, 0]
    assert bench.comments(key) == ["followed as DEV-2"]
    assert bench.failures() == []


@EITHER_FLAVOR
def test_many_lost_counterparts_are_found_without_the_index(bench):
    bench.start()
    bench.cycle()
    keys = bench.take_on_many(30)
    bench.control.index("two", hold=True)
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.cycle()
    for _ in range(2):
        bench.pass_time(20)
        bench.cycle()
    assert len(bench.devs()) == 30
    assert sum(len(bench.comments(key)) for key in keys) == 30


def test_an_issue_that_cannot_be_read_among_the_next_keys_does_not_hide_the_counterpart(bench):
    bench.start()
    bench.control.index("two", hold=True)
    bench.taken_on("lost")
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.cycle()
    bench.control.fault("two", "status", status=500, path="/search", times=1)
    bench.cycle()
    bench.pass_time(40)
    bench.cycle()
    assert len(bench.devs()) == 1
    assert bench.failures() == []


@EITHER_FLAVOR
@pytest.mark.parametrize("old_comments", [1, 5])
@pytest.mark.parametrize("is_ordered", [True, False])
def test_a_comment_is_found_in_whatever_order_a_site_lists_comments(bench, monkeypatch, old_comments, is_ordered):
    """An old Data Center does not know the order that is asked for: it lists the oldest first."""
    monkeypatch.setattr(paging, "PAGE", 2)
    key = bench.user.create("SUP", "with old comments")
    old = [f"an old comment {number}" for number in range(old_comments)]
    for text in old:
        bench.user.comment(key, text)
    bench.cycle()
    bench.know_that_marks_arrive()
    bench.pass_time(100_000)
    bench.user.move(key, "Will Do")
    if not is_ordered:
        bench.control.fault("one", "ignore_order")
    bench.control.fault("one", "drop_after", times=1, **COMMENT)
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert bench.comments(key) == [*old, f"followed as {bench.devs()[0]['key']}"]
    pages = bench.calls("one", "/comment$", "GET")
    assert len(pages) == (1 if is_ordered else old_comments // 2 + 1)


@EITHER_FLAVOR
def test_a_file_is_found_under_the_name_that_the_target_gave_it(bench):
    key = bench.taken_on_with({"käse & wein.txt": LOG, "other.txt": b"other"})
    bench.control.fault("two", "rename_attachment")
    bench.control.fault("two", "drop_after", times=2, **ATTACH)
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert [name for name, _ in bench.files("dev")] == ["k_se___wein.txt", "other.txt"]
    assert bench.failures() == []
    assert len(bench.comments(key)) == 1


def test_two_files_that_the_target_gave_other_names_are_told_apart_by_their_content(bench):
    bench.taken_on_with({"ä.txt": b"first", "ö.txt": b"again"})
    bench.control.fault("two", "rename_attachment")
    bench.control.fault("two", "drop_after", times=2, **ATTACH)
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert sorted(digest for _, digest in bench.files("dev")) == sorted(digest for _, digest in bench.files("user"))


def test_a_file_of_ours_with_another_name_is_taken_for_a_copy_only_while_an_upload_is_uncertain(bench):
    """Two files with the same content are two files."""
    bench.start(defaultBehavior={"syncAttachments": True})
    key, _ = bench.pair()
    for name in ("a.txt", "b.txt"):
        bench.user.attach(key, name, b"the same")
        bench.cycle()
    bench.cycle()
    assert [name for name, _ in bench.files("dev")] == ["a.txt", "b.txt"]


def test_a_comment_on_a_deletion_that_is_posted_late_is_posted_once_if_the_deletion_is_noted_again(bench, wait_until):
    """The worker died after it had noted the deletion of the issue, and before it noted that of the pair."""
    bench.start(onDelete="comment", onDeleteComment="gone")
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.delete("one", key)
    bench.census()
    bench.pass_time(A_DAY_LATER)
    late = bench.control.fault("two", "late", status=504, times=1, **COMMENT)
    bench.cycle()
    bench.database["pairs"].update_one({}, {"$set": {"gone": {}, "is_missing": True}})
    bench.database["progress"].update_one({}, {"$set": {"counted": 0}})
    for _ in range(3):
        bench.pass_time(SHORTLY)
        bench.cycle_at_once()
    bench.control.heal("two", late)
    wait_until(lambda: bench.comments(counterpart), "the late comment")
    bench.settle(2)
    assert bench.comments(counterpart) == ["gone"]


@pytest.mark.parametrize("action", REQUESTS)
def test_what_an_earlier_version_left_uncertain_is_looked_for_before_it_is_tried_again(bench, action):
    """It noted only when the attempt was begun."""
    site, request = REQUESTS[action]
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.fault(site, "drop_after", times=1, **request)
    bench.cycle()
    issues = bench.database["issues"]
    for document in issues.find({"side": "user"}):
        marks = document["pending"][0]["marks"]
        before = {name: {"at": mark["at"], "done": mark["done"]} for name, mark in marks.items()}
        old = lower_issue(document)
        uploads = {file: attempt["at"] for file, attempt in old["uploads"].items()}
        change = {"pending.0.marks": before, "uploads": uploads, "copied": old["copied"]}
        issues.update_one({"_id": document["_id"]}, {"$set": change, "$unset": {"handled": ""}})
    bench.settle(2)
    bench.assert_taken_on_once(key)
