"""What search does not show: changes it hid for too long, issues that were moved out of their project or deleted."""

from __future__ import annotations

from typing import Any

import pytest

from sync_worker.core.errors import NeedsOperator
from sync_worker.database import store

EVERY_FLAVOR = pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
EITHER_SIDE = pytest.mark.parametrize("side", ["user", "dev"])
HOUR = 3600.0
A_DAY_LATER = 24 * HOUR + 1
LONG_ENOUGH = 61.0
"""Seconds on Jira's clock after which a second direct read may confirm that an issue is gone."""


def census(bench) -> None:
    bench.pass_time(A_DAY_LATER)
    bench.cycle()


def time_passes(bench, seconds: float) -> None:
    """Let a cycle find out about it: the worker reads the time off Jira's answers."""
    bench.pass_time(seconds)
    bench.cycle()


def the_pair(bench) -> dict[str, Any]:
    (document,) = bench.database["pairs"].find()
    return document


def link(bench, site: str, key: str) -> tuple[str, str]:
    """Return title and address of the one cross-link on an issue."""
    (found,) = bench.control.issue(site, key)["links"]
    return found["object"]["title"], found["object"]["url"]


def calls(bench, site: str, method: str, ending: str) -> list[dict[str, Any]]:
    """Return the calls of the sync account to the paths that end so."""
    found = bench.control.calls(site)
    return [
        each for each in found if (each["user"], each["method"]) == ("sync", method) and each["path"].endswith(ending)
    ]


class TestSweeps:
    def test_a_change_that_search_hid_for_longer_than_its_lag_is_found_by_the_next_sweep(self, bench):
        key, counterpart = bench.pair()
        bench.control.index("two", hide=[counterpart])
        bench.dev.move(counterpart, "Closed")
        for hours in (0.4, 0.4):
            time_passes(bench, hours * HOUR)
            bench.cycle()
        bench.control.index("two", show=[counterpart])
        bench.cycle()
        assert bench.status(key) == "Will Do"
        time_passes(bench, 0.3 * HOUR)
        bench.cycle()
        assert bench.status(key) == "Resolved"

    @pytest.mark.parametrize(
        # the sync says                                         hours later   found
        ("settings", "hours", "status"),
        [
            ({}, 24.1, "Will Do"),
            ({"sweepLookBackHours": 30}, 24.1, "Resolved"),
            ({"sweepIntervalMinutes": 6}, 0.11, "Resolved"),
            ({"sweepIntervalMinutes": 12}, 0.11, "Will Do"),
        ],
    )
    def test_how_often_and_how_far_a_sweep_looks_back_can_be_said(self, bench, settings, hours, status):
        bench.start(**settings)
        key, counterpart = bench.pair()
        bench.control.index("two", hide=[counterpart])
        bench.dev.move(counterpart, "Closed")
        time_passes(bench, 10)
        bench.cycle()
        bench.control.index("two", show=[counterpart])
        time_passes(bench, hours * HOUR)
        bench.cycle()
        assert bench.status(key) == status

    def test_what_a_sweep_finds_again_is_not_read_again(self, bench):
        bench.pair()
        bench.cycle()
        for site in ("one", "two"):
            bench.control.forget_calls(site)
        time_passes(bench, 1.1 * HOUR)
        assert bench.cycle().fetched == 0
        for site in ("one", "two"):
            assert calls(bench, site, "POST", "/bulkfetch") == []


class TestMoves:
    @pytest.mark.defect(20)
    @EVERY_FLAVOR
    def test_an_issue_in_another_project_keeps_its_counterpart_which_names_its_new_key(self, bench):
        key, counterpart = bench.pair()
        moved = bench.control.move("one", key, "OTHER")
        census(bench)
        bench.cycle()
        assert (the_pair(bench)["user_key"], the_pair(bench)["dev_key"]) == (moved, counterpart)
        assert link(bench, "two", counterpart) == (moved, f"{bench.url}/one/browse/{moved}")
        assert link(bench, "one", moved) == (counterpart, f"{bench.url}/two/browse/{counterpart}")

    @EVERY_FLAVOR
    def test_changes_on_either_side_are_carried_over_while_an_issue_is_in_another_project(self, bench):
        key, counterpart = bench.pair()
        moved = bench.control.move("one", key, "OTHER")
        census(bench)
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        assert bench.control.issue("one", moved)["status"] == "Resolved"
        bench.user.move(moved, "Reopened")
        bench.cycle()
        assert (bench.status(counterpart), bench.comments(counterpart)) == ("Reopened", [f"reopened {moved}"])
        assert len(bench.devs()) == 1

    def test_a_change_of_its_counterpart_finds_a_moved_issue_at_once(self, bench):
        key, counterpart = bench.pair()
        moved = bench.control.move("one", key, "OTHER")
        bench.dev.move(counterpart, "In Progress")
        bench.cycle()
        assert bench.control.issue("one", moved)["status"] == "In Progress"
        assert (the_pair(bench)["user_key"], the_pair(bench)["away"]) == (moved, ["user"])
        assert link(bench, "two", counterpart)[0] == moved
        bench.user.move(moved, "Reopened")
        bench.cycle()
        assert bench.status(counterpart) == "Reopened"

    @EVERY_FLAVOR
    def test_an_issue_that_comes_back_is_what_it_was(self, bench):
        key, counterpart = bench.pair()
        moved = bench.control.move("one", key, "OTHER")
        census(bench)
        bench.cycle()
        back = bench.control.move("one", moved, "SUP")
        bench.cycle()
        assert (the_pair(bench)["user_key"], the_pair(bench)["away"]) == (back, [])
        assert link(bench, "two", counterpart)[0] == back
        bench.user.move(back, "In Progress")
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        assert (bench.status(back), len(bench.devs())) == ("Resolved", 1)

    def test_an_issue_gets_no_second_counterpart_by_being_moved_about(self, bench):
        key, _ = bench.pair()
        moved = bench.control.move("one", key, "OTHER")
        census(bench)
        bench.user.move(moved, "Cancelled")
        bench.cycle()
        back = bench.control.move("one", moved, "SUP")
        for status in ("Reopened", "Will Do"):
            bench.user.move(back, status)
        for _ in range(2):
            bench.cycle()
        assert len(bench.devs()) == 1
        assert bench.failures() + bench.dead_letters() == []

    def test_a_counterpart_that_was_moved_is_followed_too(self, bench):
        bench.on_one_site()
        key, counterpart = bench.pair()
        moved = bench.control.move("one", counterpart, "OTHER")
        census(bench)
        bench.cycle()
        assert (the_pair(bench)["dev_key"], the_pair(bench)["away"]) == (moved, ["dev"])
        assert link(bench, "one", key)[0] == moved
        # The other project has another workflow, in which nothing is "Done".
        bench.dev.move(moved, "In Progress")
        bench.cycle()
        assert bench.status(key) == "In Progress"

    def test_a_move_makes_no_cross_link_where_there_was_none(self, bench):
        take_on = bench.definition["rules"][0]
        bench.start(rules=[{**take_on, "actions": {"createIssue": True}}])
        key = bench.taken_on()
        bench.cycle()
        moved = bench.control.move("one", key, "OTHER")
        census(bench)
        bench.cycle()
        assert the_pair(bench)["user_key"] == moved
        assert bench.devs()[0]["links"] == []


class TestDeletions:
    @EITHER_SIDE
    def test_a_deletion_is_only_reported_unless_the_sync_says_more(self, bench, side):
        gone, survivor = self.pair_on(bench, side)
        before = bench.issue(survivor)
        self.delete(bench, gone)
        assert bench.issue(survivor) == before
        (line,) = bench.logged("issue was deleted")
        assert (line["issue"], line["counterpart"], line["on_delete"]) == (gone, survivor, "keep")
        assert bench.failures() + bench.dead_letters() == []

    @pytest.mark.defect(20)
    @EITHER_SIDE
    @pytest.mark.parametrize(
        # template                                what is said
        ("template", "said"),
        [
            ({}, "{gone}, the counterpart of this issue, was deleted."),
            ({"onDeleteComment": "${targetKey} has lost ${sourceKey}"}, "{survivor} has lost {gone}"),
        ],
    )
    def test_a_deletion_is_told_once_on_the_issue_that_is_left(self, bench, side, template, said):
        bench.start(onDelete="comment", **template)
        gone, survivor = self.pair_on(bench, side)
        self.delete(bench, gone)
        assert bench.comments(survivor)[-1] == said.format(gone=gone, survivor=survivor)
        self.nothing_more_happens(bench, survivor)

    @EITHER_SIDE
    def test_a_deletion_moves_the_issue_that_is_left_once(self, bench, side):
        bench.start(onDelete="transition", onDeleteStatus="Cancelled")
        gone, survivor = self.pair_on(bench, side)
        self.delete(bench, gone)
        assert bench.status(survivor) == "Cancelled"
        self.nothing_more_happens(bench, survivor)
        (bench.dev if side == "user" else bench.user).move(survivor, "Reopened")
        census(bench)
        assert bench.status(survivor) == "Reopened"

    @pytest.mark.defect(20)
    def test_nothing_is_done_before_a_second_direct_read_a_minute_later(self, bench):
        bench.start(onDelete="comment")
        key, counterpart = bench.pair()
        path = f"/issue/{bench.issue(key)['id']}"
        bench.control.delete("one", key)
        for passed in (0, A_DAY_LATER, 0, 50):
            bench.control.forget_calls("one")
            time_passes(bench, passed)
            assert bool(calls(bench, "one", "GET", path)) is (passed == A_DAY_LATER)
            assert bench.comments(counterpart) == []
        bench.control.forget_calls("one")
        time_passes(bench, LONG_ENOUGH - 50)
        assert calls(bench, "one", "GET", path)
        assert len(bench.comments(counterpart)) == 1

    def test_changes_of_the_issue_that_is_left_do_nothing_and_are_no_failures(self, bench):
        gone, survivor = self.pair_on(bench, "user")
        self.delete(bench, gone)
        bench.dev.move(survivor, "Closed")
        bench.dev.attach(survivor, "late.txt", b"late")
        assert (bench.cycle().failed, bench.failures(), bench.dead_letters()) == (0, [], [])
        assert bench.logged("nothing done: the counterpart was deleted")[-1]["counterpart"] == gone
        assert len(bench.devs()) == 1

    def test_a_change_that_failed_because_its_counterpart_was_gone_ends_with_the_census(self, bench):
        gone, survivor = self.pair_on(bench, "user")
        bench.control.delete("one", gone)
        bench.dev.move(survivor, "Closed")
        assert bench.cycle().failed == 1
        assert bench.failures()[0].startswith(f"{gone}, the counterpart, is gone")
        bench.pass_time(12 * HOUR)
        bench.cycle()
        census(bench)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        bench.pass_time(2 * HOUR)
        assert (bench.cycle().failed, bench.failures()) == (0, [])

    def test_an_issue_that_is_gone_is_asked_for_no_more(self, bench):
        gone, survivor = self.pair_on(bench, "user")
        path = f"/issue/{bench.issue(gone)['id']}"
        self.delete(bench, gone)
        bench.control.forget_calls("one")
        census(bench)
        assert calls(bench, "one", "GET", path) == []
        assert len(bench.logged("issue was deleted")) == 1
        assert survivor == the_pair(bench)["dev_key"]

    def test_one_that_was_deleted_in_another_project_is_asked_for_no_more(self, bench):
        key, _ = self.pair_on(bench, "user")
        elsewhere = bench.control.move("one", key, "OTHER")
        census(bench)
        bench.cycle()
        bench.control.delete("one", elsewhere)
        census(bench)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert list(the_pair(bench)["gone"]) == ["user"]
        bench.control.forget_calls("one")
        bench.cycle()
        assert calls(bench, "one", "POST", "/issue/bulkfetch") == []

    @staticmethod
    def pair_on(bench, side: str) -> tuple[str, str]:
        """Return the keys of two counterparts, first that of `side`, with nothing left to do."""
        key, counterpart = bench.pair()
        bench.cycle()
        return (key, counterpart) if side == "user" else (counterpart, key)

    @staticmethod
    def delete(bench, key: str) -> None:
        bench.control.delete("one" if key.startswith("SUP") else "two", key)
        census(bench)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()

    @staticmethod
    def nothing_more_happens(bench, survivor: str) -> None:
        before = bench.issue(survivor)
        bench.start()
        bench.cycle()
        for _ in range(2):
            census(bench)
            bench.pass_time(LONG_ENOUGH)
            bench.cycle()
        assert bench.issue(survivor) == before
        assert bench.failures() + bench.dead_letters() == []


class TestInterruptedBurials:
    """Two writes say that an issue is gone, and its comment comes after them: there is one comment all the same."""

    def test_a_crash_between_the_two_writes_makes_no_second_comment(self, bench, monkeypatch):
        counterpart = self.about_to_be_buried(bench)
        save_pair = store.MongoStore.save_pair

        def crash(mongo: store.MongoStore, pair) -> None:
            if pair.gone:
                raise RuntimeError("a crash")
            save_pair(mongo, pair)

        monkeypatch.setattr(store.MongoStore, "save_pair", crash)
        assert str(bench.try_cycle()) == "a crash"
        assert bench.comments(counterpart) == []
        monkeypatch.undo()
        self.assert_told_once(bench, counterpart)

    def test_a_second_write_that_was_lost_after_the_comment_makes_no_second_one(self, bench):
        counterpart = self.about_to_be_buried(bench)
        bench.cycle()
        assert len(bench.comments(counterpart)) == 1
        bench.database["pairs"].update_one({}, {"$set": {"gone": {}, "is_missing": True}})
        self.assert_told_once(bench, counterpart)

    @pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
    def test_a_comment_whose_answer_was_lost_is_posted_once(self, bench, kind):
        counterpart = self.about_to_be_buried(bench)
        bench.control.fault("two", kind, method="POST", path="/comment$", times=1)
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
        self.assert_told_once(bench, counterpart)

    @staticmethod
    def about_to_be_buried(bench) -> str:
        """Have a deletion be confirmed by the next cycle; return the key of the issue that is left."""
        bench.start(onDelete="comment")
        key, counterpart = bench.pair()
        bench.control.delete("one", key)
        census(bench)
        bench.pass_time(LONG_ENOUGH)
        return counterpart

    @staticmethod
    def assert_told_once(bench, counterpart: str) -> None:
        bench.start()
        for _ in range(2):
            bench.cycle()
        census(bench)
        assert len(bench.comments(counterpart)) == 1
        assert list(the_pair(bench)["gone"]) == ["user"]
        assert bench.failures() + bench.dead_letters() == []


class TestNotDeleted:
    """Absence has other reasons than deletion."""

    @pytest.mark.parametrize(
        # flavours      silent  asked before who we are
        ("bench", "silent", "asked_before"),
        [("cloud-cloud", True, 1), ("cloud-cloud", True, 2), ("cloud-cloud", False, 1), ("dc-dc", True, 1)],
        indirect=["bench"],
    )
    def test_nothing_is_believed_of_a_census_as_nobody(self, bench, silent, asked_before):
        """The token expires right before the census, or once that has asked who we are."""
        key, counterpart = self.watched_pair(bench)
        before = bench.users(), bench.devs()
        bench.control.index("one", hide=[key])
        bench.pass_time(A_DAY_LATER)
        self.at_the_census(
            bench, asked_before, lambda: bench.control.fault("one", "anonymous", silent=silent, user="sync")
        )
        assert isinstance(bench.try_cycle(), NeedsOperator)
        assert (bench.users(), bench.devs(), the_pair(bench)["missing"]) == (*before, {})
        bench.control.heal("one")
        bench.control.index("one", show=[key])
        self.assert_alive(bench, counterpart)

    @pytest.mark.parametrize("fault", [{"kind": "anonymous", "silent": True}, {"kind": "unauthorized"}])
    def test_a_deletion_is_not_confirmed_as_nobody(self, bench, fault):
        key, counterpart = self.watched_pair(bench)
        self.hide(bench, key)
        census(bench)
        assert "user" in the_pair(bench)["missing"]
        bench.pass_time(LONG_ENOUGH)
        self.at_the_census(bench, 1, lambda: bench.control.fault("one", user="sync", **fault))
        assert isinstance(bench.try_cycle(), NeedsOperator)
        bench.control.heal("one")
        self.show(bench, key)
        self.assert_alive(bench, counterpart)

    def test_a_deletion_is_not_confirmed_while_the_project_is_not_shown_to_us(self, bench):
        key, counterpart = self.watched_pair(bench)
        self.hide(bench, key)
        census(bench)
        bench.pass_time(LONG_ENOUGH)
        browse = ["BROWSE_PROJECTS"]
        self.at_the_census(bench, 1, lambda: bench.control.permissions("one", "sync", "SUP", revoke=browse))
        assert isinstance(bench.try_cycle(), NeedsOperator)
        assert the_pair(bench)["gone"] == {}
        bench.control.permissions("one", "sync", "SUP", grant=browse)
        self.show(bench, key)
        self.assert_alive(bench, counterpart)

    @EVERY_FLAVOR
    def test_a_project_that_is_not_shown_to_us_was_not_deleted(self, bench):
        _, counterpart = self.watched_pair(bench)
        bench.pass_time(A_DAY_LATER)
        self.at_the_census(
            bench, 1, lambda: bench.control.permissions("one", "sync", "SUP", revoke=["BROWSE_PROJECTS"])
        )
        bench.try_cycle()
        for _ in range(2):
            bench.pass_time(LONG_ENOUGH)
            assert isinstance(bench.try_cycle(), NeedsOperator)
        assert the_pair(bench)["gone"] == {}
        bench.control.permissions("one", "sync", "SUP", grant=["BROWSE_PROJECTS"])
        self.assert_alive(bench, counterpart)

    @EVERY_FLAVOR
    def test_an_issue_that_search_has_lost_is_found_by_a_direct_read(self, bench):
        key, counterpart = self.watched_pair(bench)
        bench.control.index("one", hide=[key])
        census(bench)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert (the_pair(bench)["missing"], the_pair(bench)["away"]) == ({}, [])
        assert bench.logged("census")[-2]["absent"] == 1
        bench.control.index("one", show=[key])
        self.assert_alive(bench, counterpart)

    def test_an_issue_that_a_bulk_read_leaves_out_is_asked_for_alone(self, bench):
        key, _ = self.watched_pair(bench)
        bench.control.index("one", hide=[key])
        bench.control.fault("one", "anonymous", silent=True, user="sync", path="/bulkfetch$")
        census(bench)
        assert bench.logged("census")[-2]["absent"] == 1
        assert the_pair(bench)["missing"] == {}

    def test_an_issue_that_is_back_before_the_second_look_was_not_deleted(self, bench):
        key, counterpart = self.watched_pair(bench)
        self.hide(bench, key)
        census(bench)
        assert "user" in the_pair(bench)["missing"]
        back = self.show(bench, key)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        bench.cycle()
        assert (the_pair(bench)["missing"], the_pair(bench)["away"]) == ({}, [])
        assert link(bench, "two", counterpart)[0] == back
        self.assert_alive(bench, counterpart)

    @pytest.mark.parametrize("path", ["/search/jql", "/issue/bulkfetch"])
    def test_a_census_that_the_site_does_not_answer_is_put_off_and_holds_up_nothing(self, bench, path):
        key, counterpart = self.watched_pair(bench)
        bench.control.index("one", hide=[key])
        bench.dev.move(counterpart, "In Progress")
        bench.pass_time(A_DAY_LATER)
        self.at_the_census(bench, 1, lambda: self.fail_until_put_off(bench, path))
        bench.cycle()
        assert bench.status(key) == "In Progress"
        bench.cycle()
        assert len(bench.logged("census put off")) == 1
        assert bench.logged("census")[-2]["absent"] == 1
        bench.control.index("one", show=[key])
        self.assert_alive(bench, counterpart)

    @staticmethod
    def watched_pair(bench) -> tuple[str, str]:
        bench.start(onDelete="comment")
        key, counterpart = bench.pair()
        bench.cycle()
        return key, counterpart

    @staticmethod
    def hide(bench, key: str) -> None:
        """Let the issue be nowhere, as far as our account can see."""
        bench.control.permissions("one", "sync", "OTHER", revoke=["BROWSE_PROJECTS"])
        bench.control.move("one", key, "OTHER")

    @staticmethod
    def show(bench, key: str) -> str:
        bench.control.permissions("one", "sync", "OTHER", grant=["BROWSE_PROJECTS"])
        (hidden,) = bench.control.issues("one", "OTHER")
        assert hidden["key"] != key
        return bench.control.move("one", hidden["key"], "SUP")

    @staticmethod
    def at_the_census(bench, asked: int, act) -> None:
        """Have `act` done once this cycle has asked so often who we are, which a census does after detection."""
        bench.control.forget_calls("one")

        def look() -> None:
            if len(calls(bench, "one", "GET", "/myself")) >= asked:
                bench.before_request = lambda: None
                act()

        bench.before_request = look

    @staticmethod
    def fail_until_put_off(bench, path: str) -> None:
        """Answer errors until the census has given up, so that what comes after it is answered."""
        fault = bench.control.fault("one", "status", status=500, path=path)

        def heal() -> None:
            if bench.logged("census put off"):
                bench.before_request = lambda: None
                bench.control.heal("one", fault)

        bench.before_request = heal

    @staticmethod
    def assert_alive(bench, counterpart: str) -> None:
        """Nothing was done about a deletion, and changes are carried over as before."""
        bench.cycle()
        census(bench)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert bench.logged("issue was deleted") == []
        assert bench.comments(counterpart) == []
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        assert [each["status"] for each in bench.users()] == ["Resolved"]


@pytest.mark.parametrize(
    "settings", [{"onDelete": "comment"}, {"onDelete": "transition", "onDeleteStatus": "Cancelled"}]
)
def test_two_counterparts_that_were_both_deleted_are_no_failures(bench, settings):
    bench.start(**settings)
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.delete("one", key)
    bench.control.delete("two", counterpart)
    census(bench)
    bench.pass_time(61.0)
    bench.cycle()
    assert sorted(the_pair(bench)["gone"]) == ["dev", "user"]
    assert bench.failures() + bench.dead_letters() == []


def test_that_the_site_of_the_issue_that_is_left_is_behind_holds_up_no_comment(bench):
    bench.start(onDelete="comment")
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.delete("one", key)
    bench._ahead = A_DAY_LATER
    for seconds in (0, 61.0):
        bench._ahead += seconds
        bench.control.clock("one", bench._ahead)
        bench.control.clock("two", bench._ahead - 3600)
        bench.cycle()
    assert bench.failures() == []
    assert len(bench.comments(counterpart)) == 1


def test_one_issue_that_jira_refuses_to_show_holds_up_no_census_and_no_change(bench):
    """Data Center answers 403, not 404, for an issue that is there but not for us."""
    bench.start(onDelete="comment")
    key, _ = bench.pair()
    other, other_counterpart = bench.pair()
    bench.cycle()
    identity = bench.issue(key)["id"]
    bench.control.delete("one", key)
    bench.control.fault("one", "status", status=403, method="GET", path=f"/issue/{identity}$")
    bench.pass_time(A_DAY_LATER)
    bench.dev.move(other_counterpart, "Closed")
    bench.try_cycle()
    assert bench.status(other) == "Resolved"
    bench.cycle()


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
@pytest.mark.parametrize("status", [403, 500])
def test_one_moved_issue_that_jira_does_not_show_holds_up_no_other_on_data_center(bench, status):
    key, _ = bench.pair()
    other, other_counterpart = bench.pair()
    identity = bench.issue(key)["id"]
    moved = bench.control.move("one", key, "OTHER")
    census(bench)
    bench.cycle()
    bench.control.index("one", hide=[moved])
    bench.control.fault("one", "status", status=status, method="GET", path=f"/issue/{identity}$")
    bench.dev.move(other_counterpart, "Closed")
    bench.try_cycle()
    assert bench.status(other) == "Resolved"


def test_an_issue_that_turns_up_after_all_is_a_counterpart_again(bench):
    """It was in a project that our account could not see for a while."""
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.permissions("one", "sync", "OTHER", revoke=["BROWSE_PROJECTS"])
    moved = bench.control.move("one", key, "OTHER")
    census(bench)
    bench.pass_time(61.0)
    bench.cycle()
    assert list(the_pair(bench)["gone"]) == ["user"]
    bench.control.permissions("one", "sync", "OTHER", grant=["BROWSE_PROJECTS"])
    back = bench.control.move("one", moved, "SUP")
    bench.cycle()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(back) == "Resolved"


def test_a_comment_on_a_deletion_can_say_in_which_status_the_issue_was(bench):
    bench.start(onDelete="comment", onDeleteComment="was ${sourceStatus}")
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.delete("one", key)
    census(bench)
    bench.pass_time(61.0)
    bench.cycle()
    assert bench.comments(counterpart) == ["was Will Do"]
