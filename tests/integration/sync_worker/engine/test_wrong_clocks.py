"""Clocks only tell, they never decide alone: neither a node's, nor a proxy's, nor one that was wrong for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulated_sites import COMMENT, CREATE, HOUR, LONG_ENOUGH
from sync_worker.core.errors import Unavailable
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR, TAKE_ON

DAY = 24 * HOUR
SERVER_INFO = "/serverInfo$"
YEAR_9999 = "Fri, 31 Dec 9999 23:59:59 GMT"
NOTES = [
    {
        "id": f"note-{status}",
        "sourceStatus": status,
        "syncDirection": "user_to_dev",
        "actions": {"addComment": True, "commentOn": "dev", "commentTemplate": status},
    }
    for status in ("Resolved", "Reopened")
]
"""Rules that say on the counterpart what a customer has done."""


class TestNodes:
    """The nodes of one Jira have clocks of their own, and date what they do by them."""

    @EITHER_FLAVOR
    @pytest.mark.parametrize("behind", [5, 50])
    def test_a_change_on_a_node_whose_clock_is_behind_is_found_at_once(self, bench, behind):
        bench.start(rules=[TAKE_ON, *NOTES])
        key, counterpart = bench.pair()
        bench.user.edit(key, summary="edited on the other node")
        bench.cycle()
        with_node(bench, -behind, lambda: bench.user.move(key, "Resolved"))
        bench.cycle()
        assert bench.comments(counterpart) == ["Resolved"]

    @EITHER_FLAVOR
    def test_a_change_on_a_node_whose_clock_is_hours_behind_is_found_by_the_next_deep_scan(self, bench):
        bench.start(rules=[TAKE_ON, *NOTES])
        key, counterpart = bench.pair()
        bench.cycle()
        with_node(bench, -5 * HOUR, lambda: bench.user.move(key, "Resolved"))
        bench.cycle()
        bench.pass_time_and_cycle(1.1 * HOUR)
        bench.cycle()
        assert bench.comments(counterpart) == ["Resolved"]

    @EITHER_FLAVOR
    @pytest.mark.parametrize("ahead", [30, HOUR, DAY])
    def test_a_change_on_a_node_whose_clock_is_ahead_hides_no_later_one(self, bench, ahead):
        bench.start(rules=[TAKE_ON, *NOTES])
        key, counterpart = bench.pair()
        with_node(bench, ahead, lambda: bench.user.move(key, "Resolved"))
        bench.cycle()
        bench.user.move(key, "Reopened")
        bench.cycle()
        assert bench.comments(counterpart) == ["Resolved", "Reopened"]

    @EITHER_FLAVOR
    def test_the_status_that_an_issue_has_is_the_last_one_whatever_the_nodes_say(self, bench):
        bench.start(rules=[TAKE_ON, *NOTES])
        key, counterpart = bench.pair()
        bench.user.move(key, "Resolved")
        with_node(bench, -30, lambda: bench.user.move(key, "Reopened"))
        bench.cycle()
        assert bench.comments(counterpart) == ["Reopened"]

    @EITHER_FLAVOR
    def test_nodes_whose_clocks_differ_repeat_and_miss_nothing(self, bench):
        """Every other request is served by a node that is half a minute behind."""
        for site in ("one", "two"):
            bench.control.fault(site, "node_clock", offset=-30, probability=0.5)
        keys = [bench.taken_on(f"issue {number}") for number in range(5)]
        for _ in range(3):
            bench.cycle()
        assert sorted(dev["summary"] for dev in bench.devs()) == [f"issue {number}" for number in range(5)]
        assert [len(bench.comments(key)) for key in keys] == [1] * 5
        for dev in bench.devs():
            bench.dev.move(dev["key"], "Closed")
        for _ in range(3):
            bench.cycle()
        assert [bench.status(key) for key in keys] == ["Resolved"] * 5
        assert [len(bench.comments(key)) for key in keys] == [2] * 5


class TestDates:
    """Whatever stands before Jira may date an answer."""

    @EITHER_FLAVOR
    @pytest.mark.parametrize("date", [{"offset": DAY}, {"offset": -DAY}, {"date": YEAR_9999}])
    def test_an_error_page_with_a_wrong_date_makes_no_difference(self, bench, date):
        bench.pair()
        for site in ("one", "two"):
            bench.control.fault(site, "status", status=502)
            bench.control.fault(site, "wrong_date", **date)
        assert isinstance(bench.try_cycle(), Unavailable)
        heal(bench)
        bench.cycle()
        assert_found_at_once(bench)

    @EITHER_FLAVOR
    @pytest.mark.parametrize("date", [{"offset": DAY}, {"offset": -DAY}, {"offset": 600}, {"date": YEAR_9999}])
    @pytest.mark.parametrize("times", [1, None])
    def test_a_wrong_date_on_answers_of_jira_makes_no_difference(self, bench, date, times):
        """A node wrote it, once, or a proxy does, always."""
        bench.pair()
        for site in ("one", "two"):
            bench.control.fault(site, "wrong_date", times=times, **date)
        for _ in range(3):
            bench.cycle()
        assert_found_at_once(bench)
        assert bench.logged("a clock was wrong") == []

    def test_a_site_behind_a_proxy_that_dates_answers_is_asked_for_its_time_once(self, bench):
        bench.on_one_site()
        bench.control.fault("one", "wrong_date", offset=600)
        bench.pair()
        bench.cycle()
        bench.control.forget_calls("one")
        for _ in range(3):
            bench.cycle()
        assert bench.calls("one", SERVER_INFO, "GET") == []

    def test_each_deep_scan_asks_each_site_for_its_time(self, bench):
        bench.pair()
        bench.pass_time_and_cycle(2 * HOUR)
        for site in ("one", "two"):
            bench.control.forget_calls(site)
        bench.cycle()
        assert [len(bench.calls(site, SERVER_INFO, "GET")) for site in ("one", "two")] == [1, 1]


class TestCursors:
    """A site's clock was wrong for a while, whomever one asked there. What was remembered then lies."""

    @EITHER_FLAVOR
    @pytest.mark.parametrize("cycles", [1, 3])
    @pytest.mark.parametrize("ahead", [90, 600, DAY])
    def test_what_changes_while_a_clock_is_ahead_is_not_missed(self, bench, ahead, cycles):
        """Only the requests of our account are served by a node whose clock is wrong."""
        bench.pair()
        for site in ("one", "two"):
            bench.control.fault(site, "node_clock", offset=ahead, user="sync")
        for _ in range(cycles + 1):  # the first one notices
            bench.cycle()
        key = bench.taken_on("while the clock was ahead")
        heal(bench)
        for _ in range(3):
            bench.cycle()
        assert len(bench.comments(key)) == 1
        assert bench.devs()[-1]["summary"] == "while the clock was ahead"
        assert_found_at_once(bench)

    def test_a_cursor_in_the_future_is_said_to_be_wrong_and_the_next_one_is_right(self, bench):
        bench.pair()
        set_progress(bench, **{"cursors.user": in_days(300)})
        bench.cycle()
        (said,) = bench.logged("a clock was wrong")
        assert said["side"] == "user"
        assert bench.database["progress"].find_one()["cursors"]["user"] < in_days(1)
        bench.cycle()
        assert len(bench.logged("a clock was wrong")) == 1

    def test_the_last_cursor_that_was_over_is_looked_back_to_however_long_ago_it_was(self, bench):
        bench.pair()
        bench.cycle()
        bench.stop()
        key = bench.taken_on("long before")
        bench.pass_time(40 * DAY)
        set_progress(bench, **{"cursors.user": in_days(400)})
        bench.start()
        bench.cycle()
        assert len(bench.comments(key)) == 1

    @pytest.mark.parametrize("date", [{"year": 9998}, {"year": 3000}])
    def test_times_at_the_end_of_all_times_stop_nothing(self, bench, date):
        bench.pair()
        bench.cycle()
        never = datetime(month=12, day=31, tzinfo=UTC, **date)
        both = {"user": never, "dev": never}
        set_progress(bench, cursors=both, trusted=both, swept=never, counted=never)
        bench.start()
        bench.cycle()
        assert_found_at_once(bench)
        progress = bench.database["progress"].find_one()
        assert max(progress["swept"], progress["counted"], *progress["trusted"].values()) < in_days(1)

    def test_a_start_under_a_wrong_clock_does_not_keep_later_changes_from_counting(self, bench):
        (old,) = bench.control.create_many("one", "SUP", 1, summary="old", user="ann", ago=30 * DAY)
        bench.start(initialSyncEnabled=False)
        for site in ("one", "two"):
            bench.control.fault(site, "node_clock", offset=DAY, user="sync")
        bench.cycle()
        heal(bench)
        for _ in range(2):
            bench.cycle()
        bench.user.move(old, "Will Do")
        new = bench.taken_on("new")
        bench.cycle()
        assert [len(bench.comments(key)) for key in (old, new)] == [1, 1]

    def test_a_deep_scan_and_a_census_that_were_noted_in_the_future_are_made_again(self, bench):
        bench.pair()
        bench.cycle()
        set_progress(bench, swept=in_days(300), counted=in_days(300))
        bench.cycle()
        assert len(bench.logged("census")) == 2
        progress = bench.database["progress"].find_one()
        assert max(progress["swept"], progress["counted"]) < in_days(1)


class TestWaits:
    """No wait is longer than waits are, whatever a wrong clock has made of its end."""

    def test_a_next_try_that_lies_too_far_ahead_has_come(self, bench):
        key, counterpart = bench.pair()
        bench.fail_moves(times=1)
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        bench.database["issues"].update_one(
            {"waiting": {"$exists": True}},
            {"$set": {"waiting.next_try": in_days(300), "pending.0.failure.next_try": in_days(300)}},
        )
        bench.cycle_at_once()
        assert bench.status(key) == "Resolved"

    def test_a_failure_that_is_dated_in_the_future_does_not_count_from_there(self, bench):
        _, counterpart = bench.pair()
        bench.fail_moves()
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        failed = {"waiting": {"$exists": True}}
        bench.database["issues"].update_one(failed, {"$set": {"pending.0.failure.first_at": in_days(300)}})
        bench.cycle()
        assert bench.database["issues"].find_one(failed)["pending"][0]["failure"]["first_at"] < in_days(1)

    def test_a_restore_under_a_wrong_clock_holds_the_sync_up_for_no_longer_than_another(self, bench):
        bench.pair()
        until = {side: in_days(300) for side in ("user", "dev")}
        set_progress(bench, restored={"since": {}, "until": until})
        bench.start()
        assert isinstance(bench.try_cycle(), Unavailable)
        bench.pass_time(LONG_ENOUGH)
        bench.start()
        bench.cycle()
        assert bench.database["progress"].find_one()["restored"]["is_reunited"]

    @EITHER_FLAVOR
    @pytest.mark.parametrize(
        # seconds   first look
        ("ahead", "after"),
        [(600, 0), (600, 700), (DAY, 0), (300 * DAY, 0)],
    )
    @pytest.mark.parametrize("request_", [CREATE, COMMENT], ids=["creation", "comment"])
    def test_what_was_attempted_under_a_wrong_clock_is_found_and_not_done_twice(self, bench, ahead, after, request_):
        """The node that served us then dated nothing: another one carried it out."""
        bench.start()
        bench.cycle()
        key = bench.taken_on()
        site = "two" if request_ is CREATE else "one"
        bench.control.fault(site, "drop_after", times=1, **request_)
        bench.cycle()
        attempt = {"$set": {}}
        document = bench.database["issues"].find_one({"waiting": {"$exists": True}})
        for kind, mark in document["pending"][0]["marks"].items():
            if not mark["done"]:
                attempt["$set"] |= {f"pending.0.marks.{kind}.{name}": in_seconds(ahead) for name in ("at", "ended")}
        assert attempt["$set"]
        bench.database["issues"].update_one({"_id": document["_id"]}, attempt)
        bench.pass_time(after)
        bench.start()
        for _ in range(4):
            bench.pass_time(LONG_ENOUGH)
            bench.cycle()
        assert (len(bench.devs()), bench.failures()) == (1, [])
        assert bench.comments(key) == [f"followed as {bench.devs()[0]['key']}"]


class TestImportedIssues:
    """What is imported has the dates that it had elsewhere. But its id is new."""

    @EVERY_FLAVOR
    def test_an_issue_that_was_imported_with_its_old_dates_is_taken_on(self, bench):
        bench.pair()
        key = imported(bench, "imported")
        bench.cycle()
        assert bench.comments(key) == []
        bench.census()
        bench.cycle()
        assert len(bench.comments(key)) == 1

    def test_it_is_taken_on_where_the_start_only_took_note_of_what_was_there(self, bench):
        old = imported(bench, "was there before")
        bench.start(initialSyncEnabled=False)
        bench.cycle()
        key = imported(bench, "came later")
        bench.census()
        bench.cycle()
        assert [dev["summary"] for dev in bench.devs()] == ["came later"]
        assert (len(bench.comments(key)), bench.comments(old)) == (1, [])

    def test_a_database_of_an_earlier_version_notes_what_is_there_at_its_next_census(self, bench):
        old = imported(bench, "was there before")
        bench.start(initialSyncEnabled=False)
        bench.cycle()
        bench.database["progress"].update_one({}, {"$unset": {"highest": "", "trusted": ""}})
        bench.census()
        bench.cycle()
        assert bench.database["progress"].find_one()["highest"]["user"] == int(bench.issue(old)["id"])
        key = imported(bench, "came later")
        bench.census()
        bench.cycle()
        assert [dev["summary"] for dev in bench.devs()] == ["came later"]
        assert (len(bench.comments(key)), bench.comments(old)) == (1, [])

    def test_what_was_never_seen_is_counted_in_the_log(self, bench):
        imported(bench, "was there before")
        bench.start(initialSyncEnabled=False)
        bench.cycle()
        imported(bench, "came later")
        bench.census()
        bench.cycle()
        said = {line["side"]: line for line in bench.logged("census")}
        assert (said["user"]["never_seen"], said["user"]["new"]) == (2, 1)

    def test_a_counterpart_is_no_stranger_to_the_census(self, bench):
        """Its creation was not noted any more: the worker was killed right after it."""
        bench.pair()
        bench.taken_on("lost")
        bench.control.fault("two", "drop_after", times=1, **CREATE)
        bench.cycle()
        both_ways = {
            "id": "back",
            "sourceStatus": "*",
            "syncDirection": "dev_to_user",
            "actions": {"createIssue": True},
        }
        bench.start(rules=[*bench.definition["rules"], both_ways])
        bench.census()
        for _ in range(3):
            bench.pass_time(LONG_ENOUGH)
            bench.cycle()
        assert (len(bench.users()), len(bench.devs())) == (2, 2)

    def test_the_census_takes_nothing_for_new_that_an_expired_token_showed_nobody(self, bench):
        bench.start(initialSyncEnabled=False)
        old = imported(bench, "was there before")
        fault = bench.control.fault("one", "anonymous", silent=True, user="sync", path="/search")
        identity = bench.control.fault("one", "unauthorized", user="sync", path="/myself$")
        assert bench.try_cycle() is not None
        bench.control.heal("one", fault)
        bench.control.heal("one", identity)
        bench.start()
        bench.cycle()
        bench.census()
        bench.cycle()
        assert bench.comments(old) == []


def with_node(bench, offset: float, act) -> None:
    """Do something by a node whose clock is so many seconds off."""
    fault = bench.control.fault("one", "node_clock", offset=offset)
    act()
    bench.control.heal("one", fault)


def imported(bench, summary: str) -> str:
    """Import an issue that was made a month ago, and last changed then."""
    (key,) = bench.control.create_many("one", "SUP", 1, summary=summary, status="Will Do", user="ann", ago=30 * DAY)
    return key


def heal(bench) -> None:
    for site in ("one", "two"):
        bench.control.heal(site)


def assert_found_at_once(bench) -> None:
    key = bench.taken_on("afterwards")
    bench.cycle()
    assert len(bench.comments(key)) == 1


def set_progress(bench, **fields: Any) -> None:
    bench.database["progress"].update_one({}, {"$set": fields})


def in_days(days: float) -> datetime:
    return in_seconds(days * DAY)


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
