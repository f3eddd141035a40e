"""A deletion is confirmed, and told once on the issue that is left."""

from __future__ import annotations

import pytest

from simulated_sites import A_DAY_LATER, COMMENT, HOUR, LONG_ENOUGH
from sync_worker.core.errors import LeaseLost
from sync_worker.database import store

EITHER_SIDE = pytest.mark.parametrize("side", ["user", "dev"])


@EITHER_SIDE
def test_a_deletion_is_only_logged_unless_the_sync_says_more(bench, side):
    gone, survivor = pair_on(bench, side)
    before = bench.issue(survivor)
    delete(bench, gone)
    assert bench.issue(survivor) == before
    (line,) = bench.logged("issue is gone, or not visible to us")
    assert (line["issue"], line["counterpart"], line["on_delete"]) == (gone, survivor, "keep")
    assert bench.failures() + bench.dead_letters() == []


@pytest.mark.defect(20)
@EITHER_SIDE
@pytest.mark.parametrize(
    # template                                what is said
    ("template", "said"),
    [
        ({}, "{gone}, the counterpart of this issue, is gone, or not visible to us."),
        ({"onDeleteComment": "${targetKey} has lost ${sourceKey}"}, "{survivor} has lost {gone}"),
    ],
)
def test_a_deletion_is_commented_once_on_the_issue_that_is_left(bench, side, template, said):
    bench.start(onDelete="comment", **template)
    gone, survivor = pair_on(bench, side)
    delete(bench, gone)
    assert bench.comments(survivor)[-1] == said.format(gone=gone, survivor=survivor)
    nothing_more_happens(bench, survivor)


@EITHER_SIDE
def test_a_deletion_moves_the_issue_that_is_left_once(bench, side):
    bench.start(onDelete="transition", onDeleteStatus="Cancelled")
    gone, survivor = pair_on(bench, side)
    delete(bench, gone)
    assert bench.status(survivor) == "Cancelled"
    nothing_more_happens(bench, survivor)
    (bench.dev if side == "user" else bench.user).move(survivor, "Reopened")
    bench.census()
    assert bench.status(survivor) == "Reopened"


@pytest.mark.defect(20)
def test_nothing_is_done_about_a_missing_issue_before_a_second_direct_read_at_the_next_census(bench):
    bench.start(onDelete="comment")
    key, counterpart = bench.pair()
    path = f"/issue/{bench.issue(key)['id']}$"
    bench.control.delete("one", key)
    for passed in (0, A_DAY_LATER, 0, 61, HOUR, 12 * HOUR):
        bench.control.forget_calls("one")
        bench.pass_time_and_cycle(passed)
        assert bool(bench.calls("one", path, "GET")) is (passed == A_DAY_LATER)
        assert bench.comments(counterpart) == []
    bench.control.forget_calls("one")
    bench.pass_time_and_cycle(11 * HOUR)
    assert bench.calls("one", path, "GET")
    assert len(bench.comments(counterpart)) == 1


@pytest.mark.parametrize(("minutes", "censuses"), [(15, 5), (70, 2)])
def test_a_missing_issue_counts_as_gone_an_hour_later_at_the_earliest(bench, minutes, censuses):
    bench.start(onDelete="comment", censusIntervalHours=minutes / 60)
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.delete("one", key)
    told = []
    for _ in range(censuses):
        bench.pass_time_and_cycle(minutes * 60 + 1)
        told.append(len(bench.comments(counterpart)))
    assert told == [0] * (censuses - 1) + [1]


def test_a_missing_issue_that_the_version_before_has_noted_counts_as_gone_at_the_next_census(bench):
    bench.start(onDelete="comment")
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.delete("one", key)
    bench.census()
    bench.database["pairs"].update_one({}, {"$unset": {"waves": True}})
    bench.database["progress"].update_one({}, {"$unset": {"brakes": True}})
    bench.start()
    bench.pass_time_and_cycle(2 * HOUR)
    assert bench.comments(counterpart) == []
    bench.census()
    assert len(bench.comments(counterpart)) == 1


def test_changes_of_an_issue_whose_counterpart_was_deleted_do_nothing_and_are_no_failures(bench):
    gone, survivor = pair_on(bench, "user")
    delete(bench, gone)
    bench.dev.move(survivor, "Closed")
    bench.dev.attach(survivor, "late.txt", b"late")
    assert (bench.cycle().failed, bench.failures(), bench.dead_letters()) == (0, [], [])
    assert bench.logged("nothing done: the counterpart is gone, or not visible to us")[-1]["counterpart"] == gone
    assert len(bench.devs()) == 1


def test_a_change_that_failed_because_its_counterpart_was_gone_is_settled_by_the_census(bench):
    gone, survivor = pair_on(bench, "user")
    bench.control.delete("one", gone)
    bench.dev.move(survivor, "Closed")
    assert bench.cycle().failed == 1
    assert bench.failures()[0].startswith(f"{gone}, the counterpart, is gone")
    bench.pass_time(12 * HOUR)
    bench.cycle()
    bench.census()
    bench.census()
    bench.pass_time(2 * HOUR)
    assert (bench.cycle().failed, bench.failures()) == (0, [])


def test_a_deleted_issue_is_read_no_more(bench):
    gone, survivor = pair_on(bench, "user")
    path = f"/issue/{bench.issue(gone)['id']}$"
    delete(bench, gone)
    bench.control.forget_calls("one")
    bench.census()
    assert bench.calls("one", path, "GET") == []
    assert len(bench.logged("issue is gone, or not visible to us")) == 1
    assert survivor == bench.pair_document()["dev_key"]


def test_an_issue_that_was_deleted_in_another_project_is_read_no_more(bench):
    key, _ = pair_on(bench, "user")
    elsewhere = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.cycle()
    bench.control.delete("one", elsewhere)
    bench.census()
    bench.census()
    assert list(bench.pair_document()["gone"]) == ["user"]
    bench.control.forget_calls("one")
    bench.cycle()
    assert bench.calls("one", "/issue/bulkfetch$") == []


def test_a_crash_between_the_two_writes_of_a_deletion_makes_no_second_comment(bench, monkeypatch):
    counterpart = deletion_to_be_confirmed(bench)
    save_pair = store.MongoStore.save_pair

    def crash(mongo: store.MongoStore, pair) -> None:
        if pair.gone:
            raise LeaseLost("a crash")
        save_pair(mongo, pair)

    monkeypatch.setattr(store.MongoStore, "save_pair", crash)
    assert str(bench.try_cycle()) == "a crash"
    assert bench.comments(counterpart) == []
    monkeypatch.undo()
    assert_told_once(bench, counterpart)


def test_a_lost_second_write_of_a_deletion_makes_no_second_comment(bench):
    counterpart = deletion_to_be_confirmed(bench)
    bench.cycle()
    assert len(bench.comments(counterpart)) == 1
    bench.database["pairs"].update_one({}, {"$set": {"gone": {}, "is_missing": True}})
    assert_told_once(bench, counterpart)


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_comment_on_a_deletion_without_an_answer_is_posted_once(bench, kind):
    counterpart = deletion_to_be_confirmed(bench)
    bench.control.fault("two", kind, **COMMENT, times=1)
    bench.cycle()
    bench.pass_time(LONG_ENOUGH)
    assert_told_once(bench, counterpart)


@pytest.mark.parametrize(
    "settings", [{"onDelete": "comment"}, {"onDelete": "transition", "onDeleteStatus": "Cancelled"}]
)
def test_two_counterparts_that_were_both_deleted_are_no_failures(bench, settings):
    bench.start(**settings)
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.delete("one", key)
    bench.control.delete("two", counterpart)
    bench.census()
    bench.census()
    assert sorted(bench.pair_document()["gone"]) == ["dev", "user"]
    assert bench.failures() + bench.dead_letters() == []


def test_a_site_whose_clock_is_behind_holds_up_no_comment_on_a_deletion(bench):
    bench.start(onDelete="comment")
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.delete("one", key)
    bench._ahead = A_DAY_LATER
    for seconds in (0, A_DAY_LATER):
        bench._ahead += seconds
        bench.control.clock("one", bench._ahead)
        bench.control.clock("two", bench._ahead - 3600)
        bench.cycle()
    assert bench.failures() == []
    assert len(bench.comments(counterpart)) == 1


def pair_on(bench, side: str) -> tuple[str, str]:
    """Return the keys of two counterparts, first that of `side`, with nothing left to do."""
    key, counterpart = bench.pair()
    bench.cycle()
    return (key, counterpart) if side == "user" else (counterpart, key)


def delete(bench, key: str) -> None:
    bench.control.delete("one" if key.startswith("SUP") else "two", key)
    bench.census()
    bench.census()


def nothing_more_happens(bench, survivor: str) -> None:
    before = bench.issue(survivor)
    bench.start()
    bench.cycle()
    for _ in range(2):
        bench.census()
        bench.census()
    assert bench.issue(survivor) == before
    assert bench.failures() + bench.dead_letters() == []


def deletion_to_be_confirmed(bench) -> str:
    """Have a deletion be confirmed by the next cycle; return the key of the issue that is left."""
    bench.start(onDelete="comment")
    key, counterpart = bench.pair()
    bench.control.delete("one", key)
    bench.census()
    bench.pass_time(A_DAY_LATER)
    return counterpart


def assert_told_once(bench, counterpart: str) -> None:
    bench.start()
    for _ in range(2):
        bench.cycle()
    for _ in range(2):
        bench.census()
    assert len(bench.comments(counterpart)) == 1
    assert list(bench.pair_document()["gone"]) == ["user"]
    assert bench.failures() + bench.dead_letters() == []
