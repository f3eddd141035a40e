"""What the worker does when the outside goes wrong: nothing twice, nothing lost, nothing held up."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sync_worker.core.errors import NeedsOperator, Unavailable

REPO = Path(__file__).parents[4]
EVERY_FLAVOR = pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
CREATE = {"method": "POST", "path": "/issue(/bulk)?$"}
COMMENT = {"method": "POST", "path": "/comment$"}
TRANSITION = {"method": "POST", "path": "/transitions$"}
ATTACH = {"method": "POST", "path": "/attachments$"}
LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""


def prepared(bench) -> str:
    """Have an issue with a file wait to be taken on, and return its key."""
    key = bench.user.create("SUP", "It is broken")
    bench.user.attach(key, "log.txt", b"log" * 1000)
    bench.user.move(key, "Will Do")
    return key


def assert_done_once(bench, key: str) -> None:
    (dev,) = bench.devs()
    assert bench.comments(key) == [f"followed as {dev['key']}"]
    assert [each["filename"] for each in dev["attachments"]] == ["log.txt"]
    assert [len(issue["links"]) for issue in (dev, bench.issue(key))] == [1, 1]
    assert bench.failures() == []


class TestLostAnswers:
    """The request was carried out, or not; we cannot tell. There must be exactly one."""

    @pytest.mark.defect(9)
    @EVERY_FLAVOR
    @pytest.mark.parametrize("kind", ["drop_after", "status_after"])
    @pytest.mark.parametrize(("site", "call"), [("two", CREATE), ("two", ATTACH), ("one", COMMENT)])
    def test_what_was_carried_out_is_found_again(self, bench, kind, site, call):
        key = prepared(bench)
        bench.control.fault(site, kind, times=1, **call)
        bench.cycle()
        for _ in range(3):
            bench.cycle()
        assert_done_once(bench, key)

    @EVERY_FLAVOR
    @pytest.mark.parametrize(("site", "call"), [("two", CREATE), ("two", ATTACH), ("one", COMMENT)])
    def test_what_was_not_carried_out_is_done_later_and_not_before_it_is_certain(self, bench, site, call):
        key = prepared(bench)
        bench.control.fault(site, "drop_before", times=1, **call)
        bench.cycle()
        sent = len(calls(bench, site, call))
        bench.cycle()
        assert len(calls(bench, site, call)) == sent
        assert "not certain yet" in bench.failures()[0]
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert_done_once(bench, key)

    @pytest.mark.parametrize("kind", ["drop_after", "status_after", "drop_before"])
    def test_a_move_is_made_once(self, bench, kind):
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        bench.control.fault("one", kind, times=1, **TRANSITION)
        for _ in range(3):
            bench.cycle()
        moves = [each for each in bench.issue(key)["history"] if each["to"] == "In Progress"]
        assert (bench.status(key), len(moves)) == ("In Progress", 1)

    def test_a_move_that_was_carried_out_is_not_repeated_after_somebody_moved_on(self, bench):
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        bench.control.fault("one", "drop_after", times=1, **TRANSITION)
        bench.cycle()
        bench.user.move(key, "Resolved")
        for _ in range(3):
            bench.cycle()
        assert (bench.status(key), bench.failures()) == ("Resolved", [])

    def test_as_long_as_search_may_lag_behind_nothing_is_created_again(self, bench):
        key = prepared(bench)
        bench.start(searchLagMinutes=5)
        bench.control.index("two", hold=True)
        bench.control.fault("two", "drop_after", times=1, **CREATE)
        for seconds in (0, 50, 50, 50):
            bench.pass_time(seconds)
            bench.cycle()
        assert len(bench.devs()) == 1
        bench.control.index("two", hold=False)
        bench.cycle()
        assert_done_once(bench, key)

    @EVERY_FLAVOR
    @pytest.mark.parametrize("seen_first", [True, False])
    def test_what_people_did_to_a_counterpart_before_we_knew_of_it_counts(self, bench, seen_first):
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

    def test_a_counterpart_that_is_not_adopted_yet_is_nobody_s_new_issue(self, bench):
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


class TestKilledWorkers:
    """A real process, killed while a request of its is carried out: the next one finishes the work, once."""

    @pytest.mark.defect(6)
    @pytest.mark.parametrize(
        ("site", "call"), [("two", CREATE), ("two", ATTACH), ("one", COMMENT), ("one", {"path": "/remotelink$"})]
    )
    @pytest.mark.parametrize("kind", ["hang", "hang_after"])
    def test_the_next_worker_finishes_the_work_once(self, bench, wait_until, site, call, kind):
        key = prepared(bench)
        bench.start()
        fault = bench.control.fault(site, kind, **call)
        process = worker_process(bench)
        wait_until(lambda: is_hanging(bench, site, call, key, kind), "the request to hang")
        process.kill()
        process.wait()
        bench.control.heal(site, fault)
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
        for _ in range(2):
            bench.cycle()
        assert_done_once(bench, key)

    @pytest.mark.defect(25)
    def test_a_worker_that_is_told_to_stop_ends_after_its_present_request_and_leaves_nothing_open(
        self, bench, wait_until
    ):
        key = prepared(bench)
        bench.start()
        fault = bench.control.fault("two", "hang_after", **CREATE)
        process = worker_process(bench)
        wait_until(lambda: is_hanging(bench, "two", CREATE, key, "hang_after"), "the request to hang")
        process.send_signal(signal.SIGTERM)
        bench.control.heal("two", fault)
        assert process.wait(20) == 0
        bench.cycle()
        assert_done_once(bench, key)


class TestCredentials:
    @EVERY_FLAVOR
    @pytest.mark.parametrize(
        "fault", [{"kind": "anonymous"}, {"kind": "anonymous", "silent": True}, {"kind": "unauthorized"}]
    )
    def test_an_expired_token_loses_nothing(self, bench, fault):
        """The site answers 200, with empty projects, as to anybody."""
        bench.pair()
        key = bench.taken_on("while the token was expired")
        options = dict(fault)
        for site in ("one", "two"):
            bench.control.fault(site, options["kind"], user="sync", **{k: v for k, v in options.items() if k != "kind"})
        for _ in range(2):
            assert isinstance(bench.try_cycle(), NeedsOperator)
        for site in ("one", "two"):
            bench.control.heal(site)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert len(bench.devs()) == 2
        assert len(bench.comments(key)) == 1

    def test_a_token_that_expires_between_the_searches_and_the_reading_loses_nothing(self, bench):
        bench.pair()
        bench.taken_on("while the token expired")
        bench.control.forget_calls("one")

        def expire() -> None:
            """Just before the first bulk read: from now on we are nobody, and are not told."""
            if any(each["endpoint"].endswith("/myself") for each in bench.control.calls("one")):
                bench.before_request = lambda: None
                bench.control.fault("one", "anonymous", silent=True, user="sync")

        bench.before_request = expire
        assert isinstance(bench.try_cycle(), NeedsOperator)
        bench.control.heal("one")
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert len(bench.devs()) == 2

    def test_a_login_page_is_no_answer(self, bench):
        bench.start()
        bench.control.fault("one", "html_login")
        assert isinstance(bench.try_cycle(), NeedsOperator)

    def test_a_rotated_secret_file_is_picked_up_without_a_restart(self, bench, tmp_path):
        secret = tmp_path / "token"
        secret.write_text("s3cr3t-sync-token\n")
        bench.start(jira={**bench.definition["jira"], "apiToken": f"${{file:{secret}}}"})
        bench.pair()
        bench.control.rotate_token("one", "sync", "s3cr3t-new-token")
        assert isinstance(bench.try_cycle(), NeedsOperator)
        secret.write_text("s3cr3t-new-token\n")
        bench.taken_on("with the new token")
        bench.cycle()
        assert len(bench.devs()) == 2

    def test_a_secret_that_cannot_be_looked_up_is_waited_for(self, bench, tmp_path):
        secret = tmp_path / "token"
        bench.start(jira={**bench.definition["jira"], "apiToken": f"${{file:{secret}}}"})
        error = bench.try_cycle()
        assert isinstance(error, NeedsOperator)
        assert f"jira.apiToken: {secret} cannot be read" in str(error)
        secret.write_text("s3cr3t-sync-token")
        bench.pair()

    def test_a_project_that_is_not_there_is_said(self, bench):
        bench.start(devProjectKey="NOPE")
        error = bench.try_cycle()
        assert isinstance(error, NeedsOperator)
        assert "project NOPE is not there, or our account may not see it" in str(error)

    @pytest.mark.defect(21)
    def test_no_token_is_ever_logged(self, bench, tmp_path):
        bench.pair()
        bench.control.fault("one", "unauthorized", times=1)
        bench.try_cycle()
        bench.control.fault("one", "drop_before", times=9)
        bench.try_cycle()
        written = bench.log.getvalue() + (tmp_path / "heartbeats/sync-ab.json").read_text()
        assert "cycle failed" in written
        assert "s3cr3t" not in written


class TestLimits:
    @pytest.mark.defect(12)
    def test_too_many_calls_are_waited_for(self, bench):
        bench.start()
        for call in (CREATE, {"path": "/search"}):
            bench.control.fault("two", "status", status=429, retryAfter="1", reason="jira-burst-based", times=2, **call)
        bench.pair()
        assert [call["status"] for call in calls(bench, "two", CREATE)] == [429, 429, 201]
        assert 0.5 < max(bench.pauses) <= 1.0

    @pytest.mark.parametrize("asked", ["9223372036854775807", "-1", "soon", "nan", "inf"])
    def test_an_absurd_wait_is_not_believed(self, bench, asked):
        bench.start()
        bench.control.fault("two", "status", status=429, retryAfter=asked, times=1, path="/search")
        error = bench.try_cycle()
        assert error is None or (isinstance(error, Unavailable) and error.retry_after <= 900)

    @pytest.mark.defect(12)
    @pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
    def test_reading_is_tried_again(self, bench, kind):
        bench.start()
        bench.control.fault("one", kind, times=2, path="/search|/bulkfetch")
        bench.pair()


class TestOneBadIssue:
    @pytest.mark.defect(10, 11)
    def test_one_issue_that_cannot_be_moved_holds_up_no_other_and_nothing_claims_it_was(self, bench):
        stuck, stuck_dev = bench.pair()
        fine, fine_dev = bench.pair()
        bench.user.move(stuck, "Cancelled")
        for counterpart in (stuck_dev, fine_dev):
            bench.dev.move(counterpart, "Closed")
        assert bench.cycle().failed == 1
        assert (bench.status(stuck), bench.status(fine)) == ("Cancelled", "Resolved")
        assert bench.comments(stuck) == [f"followed as {stuck_dev}"]
        (error,) = bench.failures()
        assert error.startswith(f"{stuck} cannot get from Cancelled to Resolved: its workflow offers our account ")
        assert bench.logged("issue failed")[-1]["issue"] == stuck_dev
        bench.user.move(stuck, "Reopened")
        bench.cycle()
        assert bench.comments(stuck)[-1] == f"finished {stuck_dev}"

    def test_a_rule_that_was_wrong_is_mended_by_its_edit(self, bench):
        key, counterpart = bench.pair()
        finish = bench.definition["rules"][3]
        wrong = {**finish, "actions": {**finish["actions"], "targetStatus": "Resovled"}}
        bench.start(rules=[wrong])
        bench.dev.move(counterpart, "Closed")
        assert bench.cycle().failed == 1
        bench.start(rules=[finish])
        assert bench.cycle().failed == 0
        assert bench.status(key) == "Resolved"

    @pytest.mark.defect(10)
    def test_an_issue_for_which_jira_answers_only_errors_holds_up_no_other(self, bench):
        keys = [bench.pair() for _ in range(3)]
        poisoned, _ = keys[0]
        identity = bench.issue(poisoned)["id"]
        bench.control.fault("one", "status", status=500, path=f"/issue/{identity}$")
        for _, counterpart in keys:
            bench.dev.move(counterpart, "Closed")
        assert bench.cycle().failed == 1
        assert [bench.status(key) for key, _ in keys] == ["Will Do", "Resolved", "Resolved"]
        bench.control.heal("one")
        bench.cycle()
        assert bench.status(poisoned) == "Resolved"

    def test_when_nothing_works_the_cycle_ends_and_the_next_one_goes_on(self, bench):
        keys = [bench.taken_on(f"issue {number}") for number in range(8)]
        bench.control.fault("two", "status", status=503, **CREATE)
        assert bench.cycle().failed == 8
        assert len(calls(bench, "two", CREATE)) == 1
        bench.control.heal("two")
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert (len(bench.devs()), [len(bench.comments(key)) for key in keys]) == (8, [1] * 8)

    def test_a_conflict_on_a_move_is_tried_again(self, bench):
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "Closed")
        bench.control.fault("one", "status", status=409, times=1, **TRANSITION)
        assert bench.cycle().failed == 1
        assert bench.cycle().failed == 0
        assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")

    @pytest.mark.defect(20)
    def test_an_issue_that_is_gone_before_its_turn_holds_up_no_other(self, bench):
        gone, moved, fine = (bench.taken_on(each) for each in ("gone", "moved", "fine"))
        bench.control.index("one", hide=[fine])
        bench.control.fault("two", "status", status=500, **CREATE)
        bench.try_cycle()
        bench.control.delete("one", gone)
        elsewhere = bench.control.move("one", moved, "OTHER")
        bench.control.index("one", show=[fine])
        bench.control.heal("two")
        bench.pass_time(LONG_ENOUGH)
        assert bench.cycle().failed == 1
        assert [each["summary"] for each in bench.devs()] == ["fine"]
        # The one that left was forgotten; when it comes back it is as good as new.
        bench.control.move("one", elsewhere, "SUP")
        bench.cycle()
        assert [each["summary"] for each in bench.devs()] == ["fine", "moved"]

    def test_a_required_field_is_said(self, bench):
        bench.control.add_site(
            name="strict",
            users=[{"name": "sync", "email": "sync@example.com", "token": "s3cr3t-sync-token"}],
            projects=[
                {"key": "DEV", "workflow": "development", "screen": ["description"], "required": ["description"]}
            ],
        )
        bench.start(devJira={**bench.definition["devJira"], "baseUrl": f"{bench.url}/strict"})
        bench.taken_on()
        assert bench.cycle().failed == 1
        assert "description: description is required." in bench.dead_letters()[0]


class TestAttachments:
    @pytest.mark.defect(21)
    def test_our_token_goes_to_no_host_that_the_configuration_does_not_name(self, bench):
        key = prepared(bench)
        bench.control.fault("one", "redirect_attachment", location=f"{bench.url}/two/rest/api/2/myself")
        bench.control.forget_calls("two")
        assert bench.cycle().failed == 1
        assert not [
            each for each in bench.control.calls("two") if each["endpoint"].endswith("/myself") and each["n"] > 99
        ]
        assert "which is not followed" in bench.failures()[0]
        assert len(bench.comments(key)) == 1

    @pytest.mark.defect(18)
    def test_a_file_that_is_too_large_is_said_before_it_is_sent_and_the_others_go(self, bench):
        bench.control.settings("two", uploadLimit=1000)
        key = bench.user.create("SUP", "x")
        bench.user.attach(key, "large.bin", b"x" * 1001)
        bench.user.attach(key, "small.bin", b"x" * 1000)
        bench.user.move(key, "Will Do")
        assert bench.cycle().failed == 1
        assert bench.dead_letters() == ["large.bin has 1001 bytes; the target takes at most 1000"]
        assert [each["filename"] for each in bench.devs()[0]["attachments"]] == ["small.bin"]
        assert len(calls(bench, "two", ATTACH)) == 1
        assert len(bench.comments(key)) == 1

    def test_a_file_that_cannot_be_read_keeps_no_customer_from_being_told(self, bench):
        key = prepared(bench)
        bench.control.fault("one", "status", status=500, path="/attachment/content")
        for _ in range(2):
            assert bench.cycle().failed == 1
        assert len(bench.comments(key)) == 1
        bench.control.heal("one")
        bench.cycle()
        assert_done_once(bench, key)

    def test_half_a_file_is_not_uploaded(self, bench):
        key = prepared(bench)
        bench.control.fault("one", "truncate_attachment", times=1, path="/attachment/content")
        bench.cycle()
        assert bench.devs()[0]["attachments"] == []
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert_done_once(bench, key)


class TestClocks:
    @pytest.mark.defect(2)
    @pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
    def test_the_time_zone_of_our_profile_does_not_matter(self, bench, zone):
        for site in ("one", "two"):
            bench.control.time_zone(site, "sync", zone)
        for _ in range(2):
            key, counterpart = bench.pair()
            bench.dev.move(counterpart, "Closed")
            bench.cycle()
            assert bench.status(key) == "Resolved"

    @pytest.mark.defect(2)
    @pytest.mark.parametrize("hours", [-5, 5])
    def test_our_own_clock_does_not_matter(self, bench, hours):
        """Seen from the site, the worker's clock is hours off."""
        bench.pass_time(hours * 3600)
        for _ in range(2):
            bench.pair()
        assert bench.cycle().created == 0

    @pytest.mark.defect(4)
    def test_a_change_that_search_shows_late_is_not_missed(self, bench):
        bench.start(searchLagMinutes=5)
        bench.pair()
        bench.control.index("one", hold=True)
        key = bench.taken_on("late")
        for _ in range(3):
            bench.pass_time(60)
            bench.cycle()
        assert bench.comments(key) == []
        bench.control.index("one", hold=False)
        bench.cycle()
        assert len(bench.comments(key)) == 1

    @pytest.mark.defect(4)
    def test_an_issue_that_search_loses_sight_of_for_a_while_is_not_missed(self, bench):
        bench.start(searchLagMinutes=5)
        key, counterpart = bench.pair()
        bench.control.index("two", hide=[counterpart])
        bench.dev.move(counterpart, "Closed")
        bench.pass_time(60)
        bench.cycle()
        bench.control.index("two", show=[counterpart])
        bench.cycle()
        assert bench.status(key) == "Resolved"

    @pytest.mark.defect(1)
    def test_a_change_during_a_cycle_is_found_by_the_next(self, bench):
        """The cursor is the start of the cycle, not its end."""
        bench.start(searchLagMinutes=0.001)
        bench.cycle()
        bench.control.forget_calls("one")
        keys = []

        def report() -> None:
            """Once this cycle has searched the customers' project, and before its end."""
            if any(each["endpoint"].endswith("/search/jql") for each in bench.control.calls("one")):
                bench.before_request = lambda: None
                keys.append(bench.taken_on("meanwhile"))
                bench.pass_time(60)

        bench.before_request = report
        bench.cycle()
        assert [len(bench.comments(key)) for key in keys] == [0]
        bench.cycle()
        assert [len(bench.comments(key)) for key in keys] == [1]


class TestDatabase:
    def test_a_dead_mongodb_is_waited_for_and_nothing_is_lost(self, bench, own_mongo_server):
        bench.mongo_url = own_mongo_server.url
        bench.start()
        key = prepared(bench)
        own_mongo_server.stop()
        error = bench.try_cycle()
        assert isinstance(error, Unavailable)
        assert str(error).startswith("MongoDB: ")
        own_mongo_server.start()
        bench.cycle()
        (dev,) = bench.devs()
        assert bench.comments(key) == [f"followed as {dev['key']}"]


def calls(bench, site: str, call: dict[str, str]) -> list[dict]:
    """Return the calls of the sync account that `call` matches."""
    return [
        each
        for each in bench.control.calls(site)
        if each["user"] == "sync"
        and each["method"] == call.get("method", "POST")
        and re.search(call["path"], each["path"])
    ]


def worker_process(bench) -> subprocess.Popen:
    """Run one cycle in a process of its own."""
    command = [sys.executable, "-m", "sync_worker", "--config", str(bench.folder / "sync-ab.json"), "--once"]
    environ = {**os.environ, "DATABASE_URL": bench.mongo_url}
    return subprocess.Popen(
        [*command, "--run-dir", str(bench.folder)], env=environ, cwd=REPO, stdout=subprocess.DEVNULL
    )


def is_hanging(bench, site: str, call: dict[str, str], key: str, kind: str) -> bool:
    """Tell whether the request in question has arrived, and has been carried out if that comes before it hangs."""
    begun = json.dumps(list(bench.database["issues"].find({"_id": f"user:{bench.issue(key)['id']}"})), default=str)
    ending = call["path"].removesuffix("$").removesuffix("(/bulk)?")
    if kind == "hang":
        mark = {
            "/issue": '"create"',
            "/attachments": '"uploads": {"1',
            "/comment": '"comment"',
            "/remotelink": '"create"',
        }
        return mark[ending] in begun
    issue = bench.issue(key)
    carried_out = {
        "/issue": lambda: bool(bench.devs()),
        "/attachments": lambda: bool(bench.devs() and bench.devs()[0]["attachments"]),
        "/comment": lambda: bool(issue["comments"]),
        "/remotelink": lambda: bool(issue["links"]),
    }
    return carried_out[ending]()
