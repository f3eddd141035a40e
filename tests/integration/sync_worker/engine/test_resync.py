"""Carrying an issue over again from scratch: safely, whatever became of its pair or of the worker meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from decisions import resync, with_empty_database
from simulated_sites import ATTACH, COMMENT, CREATE, LINK, LONG_ENOUGH, TRANSITION
from sync_worker.database.journal import Journal
from worker_bench import EITHER_FLAVOR


def noted(bench, key: str) -> list[tuple[str, str]]:
    journal = Journal(bench._client, bench.database_name)
    return [(entry.result, entry.text) for entry in journal.of_issue([key]) if entry.what == "resync"]


def forget(bench, *keys: str) -> None:
    """Lose a pair, and what is remembered of its issues, as a database that was mended by hand may have."""
    for key in keys:
        identity = bench.issue(key)["id"]
        bench.database["pairs"].delete_many({"$or": [{"_id": identity}, {"dev_id": identity}]})
        bench.database["issues"].delete_one({"_id": f"{'user' if key.startswith('SUP') else 'dev'}:{identity}"})


def only_noted(bench) -> str:
    """Have an issue that was there before a start that only takes note, and return its key."""
    key = bench.taken_on()
    bench.pass_time(10)
    bench.start(initialSyncEnabled=False)
    bench.cycle()
    assert bench.devs() == []
    return key


def test_a_resync_restores_all_of_a_pair_but_comments(bench):
    key = bench.user.create("SUP", "It is broken")
    bench.user.attach(key, "log.txt", b"log" * 1000)
    bench.user.attach(key, "kept.txt", b"kept")
    bench.user.move(key, "Will Do")
    bench.cycle()
    (dev,) = bench.devs()
    bench.user.move(key, "Cancelled")
    bench.user.move(key, "Reopened")
    bench.dev.move(dev["key"], "In Progress")
    bench.dev.move(dev["key"], "Reopened")
    bench.cycle()
    said = (bench.comments(key), bench.comments(dev["key"]))
    bench.dev.move(dev["key"], "In Progress")
    bench.cycle()
    bench.user.move(key, "Reopened")
    bench.control.fault("two", "status", status=400, times=1, **TRANSITION)
    bench.cycle()
    assert len(bench.dead_letters()) == 1
    gone = next(file["id"] for file in dev["attachments"] if file["filename"] == "log.txt")
    bench.dev.remove_file(gone)
    bench.dev.remove_link(dev["key"], dev["links"][0]["globalId"])
    resync(bench, key)
    (dev,) = bench.devs()
    assert (dev["status"], bench.dead_letters(), bench.failures()) == ("Reopened", [], [])
    assert sorted(file["filename"] for file in dev["attachments"]) == ["kept.txt", "log.txt"]
    assert [len(issue["links"]) for issue in (dev, bench.issue(key))] == [1, 1]
    assert (bench.comments(key), bench.comments(dev["key"])) == said
    assert noted(bench, key) == [("done", "")]


def test_a_resync_carries_over_the_status_of_the_issue_that_is_named(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.user.move(key, "Cancelled")
    bench.cycle()
    bench.user.move(key, "Reopened")
    bench.control.fault("two", "status", status=400, times=1, **TRANSITION)
    bench.cycle()
    assert (bench.status(key), bench.status(counterpart)) == ("Reopened", "In Progress")
    resync(bench, counterpart)
    assert (bench.status(key), bench.status(counterpart)) == ("In Progress", "In Progress")


def test_a_resync_carries_over_a_change_since_the_last_look_with_its_comment(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.dev.move(counterpart, "Closed")
    resync(bench, counterpart)
    assert bench.status(key) == "Resolved"
    assert bench.comments(key)[-1] == f"finished {counterpart}"
    for _ in range(2):
        bench.cycle()
    assert len(bench.comments(key)) == 2


def test_a_resync_replaces_a_document_that_does_not_fit(bench):
    key, counterpart = bench.pair()
    bench.database["issues"].update_one({"key": key}, {"$set": {"updated": "yesterday"}})
    assert bench.cycle().failed == 1
    resync(bench, key)
    assert bench.cycle().failed == 0
    bench.user.move(key, "Cancelled")
    bench.user.move(key, "Reopened")
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(key) == "Resolved"


@EITHER_FLAVOR
def test_a_resync_finds_a_forgotten_counterpart_by_its_mark(bench):
    key, counterpart = bench.pair()
    bench.pass_time(30 * 24 * 3600)
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    forget(bench, key, counterpart)
    resync(bench, key)
    assert [issue["key"] for issue in bench.devs()] == [counterpart]
    assert bench.comments(key) == [f"followed as {counterpart}"]
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(key) == "Resolved"


def test_a_resync_of_a_forgotten_counterpart_finds_its_issue_and_creates_nothing(bench):
    back = {"sourceStatus": "To Do", "syncDirection": "dev_to_user", "actions": {"createIssue": True}}
    bench.start(rules=[bench.definition["rules"][0], back])
    key, counterpart = bench.pair()
    forget(bench, key, counterpart)
    resync(bench, counterpart)
    assert (len(bench.users()), len(bench.devs())) == (1, 1)
    assert bench.database["pairs"].count_documents({"user_key": key, "dev_key": counterpart}) == 1
    forget(bench, key, counterpart)
    bench.control.delete("one", key)
    resync(bench, counterpart)
    assert (len(bench.users()), len(bench.devs())) == (0, 1)
    assert noted(bench, counterpart)[-1] == ("skipped", "it was created for an issue that is not there any more")


def test_a_resync_creates_the_counterpart_of_an_issue_that_was_only_noted_and_comments_on_it(bench):
    key = only_noted(bench)
    resync(bench, key)
    (dev,) = bench.devs()
    assert bench.comments(key) == [f"followed as {dev['key']}"]


def test_a_resync_skips_an_issue_for_which_no_rule_creates_and_says_so(bench):
    key = bench.user.create("SUP", "Not yet")
    bench.cycle()
    resync(bench, key)
    assert bench.devs() == []
    assert noted(bench, key) == [("skipped", "it has no counterpart, and no rule creates one for status Open")]


def test_a_resync_does_not_repeat_a_creation_whose_outcome_is_unknown(bench):
    bench.start(searchLagMinutes=5)
    key = bench.taken_on()
    bench.control.index("two", hold=True)
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.cycle()
    resync(bench, key)
    assert len(bench.devs()) == 1  # found by its key: search does not show it yet
    bench.control.index("two", hold=False)
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert (len(bench.devs()), bench.failures()) == (1, [])
    assert bench.comments(key) == [f"followed as {bench.devs()[0]['key']}"]


def test_a_resync_that_is_half_done_goes_on_when_its_request_is_obeyed_again(bench):
    """The links are put again, the file is not copied yet, and the request is obeyed once more."""
    key, counterpart = bench.pair()
    bench.user.attach(key, "log.txt", b"log")
    bench.control.fault("two", "status", status=500, **ATTACH)
    bench.store.ask("resync", [f"user:{bench.issue(key)['id']}"], "ann")
    answer, bench.store.answer = bench.store.answer, lambda _request: None
    for _ in range(2):
        assert bench.cycle().failed == 1
    bench.control.heal("two")
    bench.store.answer = answer
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    (pair,) = bench.database["pairs"].find()
    assert pair["linked"] == {"user": counterpart, "dev": key}
    assert [file["filename"] for file in bench.issue(counterpart)["attachments"]] == ["log.txt"]


@pytest.mark.parametrize(("site", "call"), [("two", CREATE), ("one", COMMENT), ("one", LINK)])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_resync_whose_request_is_obeyed_again_repeats_nothing(bench, site, call, kind):
    """The site stays silent for a while: cycles end before the request is answered."""
    key = only_noted(bench)
    bench.control.fault(site, kind, times=1, **call)
    name = f"user:{bench.issue(key)['id']}"
    request = bench.store.ask("resync", [name], "ann")
    answer, bench.store.answer = bench.store.answer, lambda _request: None
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert not bench.store.is_answered(request)
    bench.store.answer = answer
    for _ in range(2):
        bench.cycle()
    assert bench.store.is_answered(request)
    (dev,) = bench.devs()
    assert bench.comments(key) == [f"followed as {dev['key']}"]
    assert [len(issue["links"]) for issue in (dev, bench.issue(key))] == [1, 1]
    assert bench.failures() == []


def test_the_command_resync_waits_for_the_worker_and_says_what_became_of_each_issue(bench, command, front, wait_until):
    key, counterpart = bench.pair()
    bench.user.attach(key, "log.txt", b"log")
    untouched = bench.user.create("SUP", "Not yet")
    bench.cycle()
    bench.stop()
    ran = front("resync", "sync-ab", key)  # nobody runs it: it is done here
    assert (ran.code, ran.out) == (0, f"{key}: {counterpart}: linked, copied log.txt\n")
    command.start()
    wait_until(lambda: bench.database["lease"].find_one({"owner": {"$ne": None}}), "a worker")
    old = bench.issue(key)["key"]
    moved = bench.control.move("one", key, "OTHER")
    ran = front("resync", "sync-ab", old, counterpart.lower(), f"user:{bench.issue(untouched)['id']}")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.splitlines() == [
        f"{old}: {counterpart}: linked, log.txt was there already",
        f"{counterpart}: {moved}: all was as it should be",
        f"{untouched}: nothing done: it has no counterpart, and no rule creates one for status Open",
    ]
    for name, code, said in (
        ("SUP-999", 1, "SUP-999 is not there, or the account of sync-ab may not see it"),
        ("4711", 2, "4711 is no issue that sync-ab knows; say its key, or user:ID or dev:ID"),
    ):
        ran = front("resync", "sync-ab", key, name)
        assert (ran.code, ran.out, ran.err) == (code, "", f"error: {said}\n")
    bench.database["control"].insert_one({"_id": "pause", "by": "ann", "at": datetime.now(UTC), "reason": ""})
    ran = front("resync", "sync-ab", counterpart)
    assert (ran.code, ran.out) == (1, "")
    assert "noted, but not done: sync-ab is paused by ann at" in ran.err


@EITHER_FLAVOR
def test_what_a_resync_has_announced_is_not_announced_again_after_the_database_was_lost(bench):
    key = only_noted(bench)
    bench.start(initialSyncEnabled=True)
    resync(bench, key)
    bench.pass_time(LONG_ENOUGH)
    with_empty_database(bench)
    bench.settle()
    (dev,) = bench.devs()
    assert bench.comments(key) == [f"followed as {dev['key']}"]


@EITHER_FLAVOR
@pytest.mark.parametrize("side", ["user", "dev"])
def test_a_resync_finds_a_pair_of_which_both_were_moved_away_before_the_database_was_lost(bench, side):
    bench.on_one_site()
    key, counterpart = bench.pair()
    bench.cycle()
    moved = {"user": bench.control.move("one", key, "OTHER"), "dev": bench.control.move("one", counterpart, "OTHER")}
    with_empty_database(bench)
    bench.cycle()
    assert bench.database["pairs"].count_documents({}) == 0
    resync(bench, moved[side], side=side)
    bench.dev.move(moved["dev"], "In Progress")
    bench.cycle()
    assert bench.status(moved["user"]) == "In Progress"
    assert bench.comments(moved["user"]) == [f"followed as {counterpart}"]
    assert len(bench.control.issues("one", "OTHER")) == 2


@pytest.mark.parametrize("named", ["user", "dev"])
def test_a_resync_that_names_the_wrong_side_of_two_projects_on_one_site_makes_no_pair(bench, named):
    bench.on_one_site()
    key, counterpart = bench.pair()
    moved = {"dev": bench.control.move("one", key, "OTHER"), "user": bench.control.move("one", counterpart, "OTHER")}
    bench._client.drop_database(bench.database_name)  # its id stays, as the worker runs on
    bench.try_cycle()
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    resync(bench, moved[named], side=named)
    assert bench.database["pairs"].count_documents({}) == 0
    assert noted(bench, moved[named])[-1][0] == "skipped"


def test_a_resync_that_cannot_read_the_links_of_an_issue_says_so_and_goes_on(bench, front):
    bench.on_one_site()
    (key, counterpart), (other, _) = bench.pair(), bench.pair()
    moved = bench.control.move("one", key, "OTHER")
    bench.control.move("one", counterpart, "OTHER")
    with_empty_database(bench)
    bench.cycle()
    bench.stop()
    identity = bench.issue(moved)["id"]
    bench.control.fault("one", "status", status=500, method="GET", path=f"/issue/{identity}/remotelink")
    ran = front("resync", "sync-ab", key, other)
    why, said = "nothing done: whether it has a counterpart cannot be told: ", ran.out.splitlines()
    assert (ran.code, len(said)) == (1, 2)
    assert said[0].startswith(f"{moved}: {why}")
    assert said[1].startswith(f"{other}: DEV-2: ")


def test_a_resync_skips_an_issue_that_was_moved_away_and_has_no_counterpart(bench):
    moved = bench.control.move("one", bench.user.create("SUP", "Not yet"), "OTHER")
    bench.on_one_site()
    resync(bench, moved, side="user")
    assert noted(bench, moved) == [("skipped", "it has no counterpart, and is not in project SUP")]


def test_an_issue_in_neither_project_that_may_be_of_either_side_is_asked_about(bench, front):
    moved = bench.control.move("one", bench.user.create("SUP", "Not yet"), "OTHER")
    bench.on_one_site()
    bench.start()
    identity = bench.issue(moved)["id"]
    ran = front("resync", "sync-ab", moved)
    said = f"error: {moved} is an issue on either side: say user:{identity} or dev:{identity}\n"
    assert (ran.code, ran.out, ran.err) == (2, "", said)
