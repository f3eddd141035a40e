"""What failed waits in a queue, issue by issue: in its order, for its time, and under an operator's hand."""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta

import pytest

from sync_model.heartbeat import Phase, read_heartbeat
from sync_worker.core import retry
from sync_worker.core.errors import NeedsOperator

TRANSITION = {"method": "POST", "path": "/transitions$"}
COMMENT = {"method": "POST", "path": "/comment$"}
CREATE = {"method": "POST", "path": "/issue(/bulk)?$"}
LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""


def refuse(bench, times: int | None = 1, site: str = "one", call: dict[str, str] = TRANSITION) -> int:
    """Let Jira answer that what we ask for is wrong, which no waiting mends."""
    return bench.control.fault(site, "status", status=400, message="It is wrong.", times=times, **call)


def fail(bench, times: int | None = None, **options) -> int:
    """Let Jira answer moves of customers' issues with an error that may pass."""
    return bench.control.fault("one", "status", status=500, times=times, **{**TRANSITION, **options})


def cycle_at_once(bench):
    """Run a cycle without letting time pass until the next try is due."""
    assert bench.worker.run_once(bench._one_pass) is None
    return bench.worker.heartbeats.last_cycle


def queue(bench) -> list[dict]:
    return list(bench.database["issues"].find({"waiting": {"$exists": True}}))


def statuses(bench, key: str) -> list[str]:
    """Return the statuses that an issue went into, after it was taken on."""
    changes = [each["to"] for each in bench.issue(key)["history"] if each["field"] == "status"]
    return changes[changes.index("Will Do") + 1 :]


class TestDeadLetters:
    @pytest.mark.defect(10)
    def test_what_no_waiting_mends_is_given_up_at_once_and_later_changes_of_the_same_issue_go_on(self, bench):
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        refuse(bench)
        assert bench.cycle().failed == 1
        assert (len(bench.dead_letters()), bench.failures()) == (1, [])
        assert "It is wrong." in bench.dead_letters()[0]
        (line,) = bench.logged("change given up")
        assert (line["issue"], line["cause"], line["attempts"]) == (counterpart, "status: In Progress", 1)
        bench.dev.move(counterpart, "Closed")
        assert bench.cycle().failed == 0
        assert statuses(bench, key) == ["Resolved"]
        assert bench.comments(key)[-1] == f"finished {counterpart}"

    def test_what_fails_for_the_configured_time_is_given_up_and_not_before(self, bench):
        bench.start(retryForHours=2)
        _, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        fault = fail(bench)
        for seconds in (0, 3600, 3500):
            bench.pass_time(seconds)
            cycle_at_once(bench)
            assert bench.dead_letters() == []
        bench.pass_time(200)
        assert bench.cycle().failed == 1
        (dead,) = bench.database["issues"].find_one({"dead": {"$ne": []}})["dead"]
        assert dead["failure"]["attempts"] == 4
        assert dead["failure"]["last_at"] - dead["failure"]["first_at"] >= timedelta(hours=2)
        assert queue(bench) == []
        bench.control.heal("one", fault)
        assert bench.cycle().moved == 0

    def test_one_that_is_tried_again_after_a_later_change_does_not_move_the_counterpart_back(self, bench):
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        refuse(bench)
        bench.cycle()
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        bench.store.ask("retry", [])
        assert bench.cycle().failed == 0
        assert (statuses(bench, key), bench.status(counterpart)) == (["Resolved"], "Closed")
        assert (bench.dead_letters(), bench.failures()) == ([], [])

    def test_nor_after_the_other_side_has_moved_on(self, bench):
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "Closed")
        refuse(bench)
        bench.cycle()
        for status in ("Resolved", "Reopened"):
            bench.user.move(key, status)
        bench.cycle()
        assert bench.status(counterpart) == "Reopened"
        bench.store.ask("retry", [])
        bench.cycle()
        assert (bench.status(key), bench.status(counterpart)) == ("Reopened", "Reopened")


class TestWaiting:
    @pytest.mark.defect(10)
    def test_a_later_change_waits_behind_one_that_failed_while_other_issues_go_on(self, bench):
        key, counterpart = bench.pair()
        other, other_counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        fault = fail(bench, path=f"/issue/{bench.issue(key)['id']}/transitions$")
        assert bench.cycle().failed == 1
        bench.control.heal("one", fault)
        bench.dev.move(counterpart, "Closed")
        bench.dev.move(other_counterpart, "Closed")
        cycle_at_once(bench)
        assert (bench.status(key), bench.status(other)) == ("Will Do", "Resolved")
        assert [each["to_status"] for each in queue(bench)[0]["pending"]] == ["In Progress", "Closed"]
        bench.pass_time(LONG_ENOUGH)
        cycle_at_once(bench)
        assert statuses(bench, key) == ["In Progress", "Resolved"]
        assert queue(bench) == []

    def test_the_queue_says_what_failed_why_how_often_since_when_and_when_it_is_tried_again(self, bench):
        _, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        fail(bench)
        for _ in range(3):
            bench.cycle()
        (document,) = queue(bench)
        assert (document["key"], document["waiting"]["attempts"]) == (counterpart, 3)
        (cause,) = document["pending"]
        assert (cause["kind"], cause["from_status"], cause["to_status"]) == ("status", "To Do", "In Progress")
        failure = cause["failure"]
        assert (failure["attempts"], "This is a simulated fault." in failure["error"]) == (3, True)
        assert failure["first_at"] < failure["last_at"] < failure["next_try"] == document["waiting"]["next_try"]

    @pytest.mark.parametrize("status", [429, 503])
    def test_what_jira_asks_for_is_the_least_time_until_the_next_try(self, bench, status):
        _, counterpart = bench.pair()
        bench.dev.move(counterpart, "Closed")
        bench.control.fault("one", "status", status=status, retryAfter="500", times=1, **TRANSITION)
        bench.try_cycle()
        (failure,) = (each["failure"] for each in queue(bench)[0]["pending"])
        assert failure["next_try"] - failure["last_at"] >= timedelta(seconds=500)

    def test_after_an_edit_of_the_sync_s_file_what_waits_is_tried_at_once(self, bench):
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        fault = fail(bench)
        for _ in range(6):
            bench.cycle()
        bench.control.heal("one", fault)
        bench.pass_time(30)  # whatever was under way has come to its end
        bench.start()
        cycle_at_once(bench)
        assert bench.status(key) == "Will Do"
        bench.start(description="edited")
        cycle_at_once(bench)
        assert bench.status(key) == "In Progress"

    def test_a_worker_whose_next_try_is_due_before_its_next_cycle_wakes_up_for_it(self, bench, wait_until, monkeypatch):
        monkeypatch.setattr(retry, "FIRST_RETRY", 3.0)  # just enough not to be due in the same cycle
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        fail(bench, times=1)
        bench.worker.interval = 3600.0
        bench.worker.wakeup.wake()
        thread = threading.Thread(target=bench.worker.run, args=(bench._one_pass,))
        thread.start()
        try:
            wait_until(lambda: bench.logged("issue failed"), "the first try to fail")
            wait_until(lambda: bench.status(key) == "In Progress", "the second try")
        finally:
            bench.worker.wakeup.request_stop()
            thread.join(20)


PERMISSIONS = [
    # site   project  permission            what we cannot do     issues
    ("two", "DEV", "CREATE_ISSUES", "create issues", 1),
    ("two", "DEV", "CREATE_ISSUES", "create issues", 3),
    ("two", "DEV", "CREATE_ATTACHMENTS", "attach files", 1),
    ("two", "DEV", "LINK_ISSUES", "link issues", 1),
    ("one", "SUP", "LINK_ISSUES", "link issues", 1),
    ("one", "SUP", "ADD_COMMENTS", "comment", 3),
]


class TestPermissions:
    @pytest.mark.parametrize(("site", "project", "permission", "what", "issues"), PERMISSIONS)
    def test_one_that_is_missing_pauses_the_sync_and_when_it_is_granted_nothing_was_lost(
        self, bench, site, project, permission, what, issues
    ):
        keys = [bench.user.create("SUP", f"issue {number}") for number in range(issues)]
        for key in keys:
            bench.user.attach(key, "log.txt", b"log")
            bench.user.move(key, "Will Do")
        bench.control.permissions(site, "sync", project, revoke=[permission])
        for _ in range(2):
            error = bench.try_cycle()
            assert isinstance(error, NeedsOperator)
            assert str(error) == f"our account may not {what} in project {project}: grant it {permission}"
        assert (bench.failures(), bench.dead_letters()) == ([], [])
        bench.control.permissions(site, "sync", project, grant=[permission])
        assert bench.cycle().failed == 0
        devs = bench.devs()
        assert sorted(each["summary"] for each in devs) == [f"issue {number}" for number in range(issues)]
        assert [(len(each["attachments"]), len(each["links"])) for each in devs] == [(1, 1)] * issues
        assert [len(bench.comments(key)) for key in keys] == [1] * issues


@pytest.fixture
def given_up(bench) -> tuple[str, str]:
    """A pair whose counterpart was closed, which was given up; Jira would take it now. No worker is running."""
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    refuse(bench)
    bench.cycle()
    bench.stop()
    return key, counterpart


class TestOperators:
    """`jira-sync retry` and `dismiss`, as people type them."""

    def test_without_issues_it_lists_what_failed_and_what_was_given_up(self, bench, command, given_up):
        bench.start()
        _, waiting = bench.pair()
        bench.dev.move(waiting, "In Progress")
        fail(bench)
        bench.cycle()
        bench.stop()
        ran = command.ask("retry")
        lines = sorted(ran.stdout.splitlines())
        assert ran.returncode == 0
        assert re.fullmatch(rf"{given_up[1]}: given up: .*It is wrong\. \(1 attempts since .* UTC\)", lines[0])
        assert re.fullmatch(rf"{waiting}: tried again at .* UTC: .* \(1 attempts since .* UTC\)", lines[1])
        assert lines[2] == "name issues, or say --all, to retry them"
        assert bench.database["requests"].count_documents({}) == 0

    def test_with_no_worker_running_it_does_it_itself(self, bench, command, given_up):
        key, counterpart = given_up
        ran = command.ask("retry", counterpart)
        assert (ran.returncode, ran.stdout) == (0, f"{counterpart}: done\n")
        assert bench.status(key) == "Resolved"
        assert bench.database["requests"].count_documents({}) == 0
        bench.start()
        assert bench.cycle().failed == 0

    def test_what_fails_again_is_said(self, bench, command, given_up):
        refuse(bench)
        ran = command.ask("retry", given_up[1])
        assert ran.returncode == 1
        assert ran.stdout.startswith(f"{given_up[1]}: failed again: ")
        assert "It is wrong." in ran.stdout

    def test_what_has_not_failed_cannot_be_tried_again(self, bench, command, given_up):
        ran = command.ask("retry", "DEV-99")
        assert ran.returncode == 1
        assert ran.stderr == "error: nothing of DEV-99 has failed\n"
        assert given_up[1] in ran.stdout

    def test_what_is_dismissed_is_forgotten(self, bench, command, given_up):
        key, counterpart = given_up
        ran = command.ask("dismiss", counterpart)
        assert (ran.returncode, ran.stdout) == (0, f"{counterpart}: dismissed\n")
        assert bench.dead_letters() == []
        assert command.ask("retry").stdout == "nothing has failed\n"
        bench.start()
        bench.cycle()
        assert bench.status(key) == "Will Do"

    def test_a_jira_that_does_not_answer_is_said_and_the_request_is_kept(self, bench, command, given_up):
        key, counterpart = given_up
        fault = bench.control.fault("one", "unauthorized", user="sync")
        ran = command.ask("retry", counterpart)
        assert ran.returncode == 1
        assert "it is noted and will be done, but not now: " in ran.stderr
        bench.control.heal("one", fault)
        bench.cycle()
        assert bench.status(key) == "Resolved"

    def test_a_paused_sync_is_said_and_does_it_once_it_is_resumed(self, bench, command, given_up):
        key, counterpart = given_up
        assert command.ask("pause", "--reason", "a release").returncode == 0
        ran = command.ask("retry", counterpart)
        assert ran.returncode == 1
        assert re.fullmatch(
            r"error: it is noted, but sync-ab is paused by .+@.+ at .+ UTC: a release; resume it first\n", ran.stderr
        )
        assert command.ask("resume").stdout == "sync-ab goes on\n"
        bench.start()
        bench.cycle()
        assert bench.status(key) == "Resolved"

    def test_one_cycle_can_be_run_without_a_worker_and_says_what_it_did(self, bench, command, given_up):
        bench.taken_on()
        ran = command.ask("sync-now")
        assert (ran.returncode, ran.stdout) == (1, "")
        assert "no worker runs sync-ab now; start it: jira-sync start; or run one cycle here: " in ran.stderr
        ran = command.ask("sync-now", "--here")
        assert ran.returncode == 0
        assert re.fullmatch(r"sync-ab: \d+ fetched, 1 created, .*1 dead \(\d+\.\d s\)\n", ran.stdout)
        assert json.loads(ran.stderr.splitlines()[-1])["event"] == "cycle completed"

    def test_one_cycle_that_fails_is_said(self, bench, command, given_up):
        bench.control.fault("one", "unauthorized", user="sync")
        ran = command.ask("sync-now", "--here")
        assert ran.returncode == 1
        assert ran.stderr.splitlines()[-1].startswith("error: sync-ab: ")
        assert "does not accept our credentials" in ran.stderr.splitlines()[-1]

    @pytest.mark.defect(13)
    def test_a_running_worker_does_it_and_its_heartbeat_counts_what_is_left(
        self, bench, command, given_up, wait_until, tmp_path
    ):
        """It would not look again for an hour by itself."""
        key, counterpart = given_up
        bench.definition.update(syncIntervalMinutes=60)
        (bench.folder / "sync-ab.json").write_text(json.dumps(bench.definition))
        worker = command.start(run_dir=tmp_path / "worker")

        def says() -> tuple[int, int] | None:
            beat = read_heartbeat(tmp_path / "worker", "sync-ab")
            return beat and beat.last_success and beat.phase is Phase.WAITING and (beat.queued, beat.dead_letters)

        wait_until(lambda: says() == (0, 1), "the heartbeat to count the dead letter")
        ran = command.ask("retry", "--all")
        assert (ran.returncode, ran.stdout) == (0, f"{counterpart}: done\n")
        assert bench.status(key) == "Resolved"
        assert bench.database["lease"].find_one()["process"]["pid"] == worker.pid
        wait_until(lambda: says() == (0, 0), "the heartbeat to count nothing any more")


def test_moves_wait_for_the_permission_to_make_them(bench):
    keys = [bench.pair() for _ in range(2)]
    bench.control.permissions("one", "sync", "SUP", revoke=["TRANSITION_ISSUES"])
    for _, counterpart in keys:
        bench.dev.move(counterpart, "Closed")
    error = bench.try_cycle()
    assert str(error) == "our account may not move issues in project SUP: grant it TRANSITION_ISSUES"
    bench.control.permissions("one", "sync", "SUP", grant=["TRANSITION_ISSUES"])
    bench.cycle()
    assert [bench.status(key) for key, _ in keys] == ["Resolved"] * 2


def test_an_issue_is_named_by_its_key_alone_although_the_other_site_has_one_of_the_same_id(bench, command):
    """Both issues have a dead letter; only the one that is named is dismissed."""
    pairs = [bench.pair() for _ in range(30)]
    ids = {bench.issue(dev)["id"]: (user, dev) for user, dev in pairs}
    twin = next(user for user, dev in pairs if bench.issue(user)["id"] in ids)
    _, other = ids[bench.issue(twin)["id"]]
    bench.dev.move(other, "Closed")
    bench.control.fault("one", "status", status=400, times=1, method="POST", path="/transitions$")
    bench.cycle()
    for status in ("Resolved", "Reopened"):
        bench.user.move(twin, status)
    bench.control.fault("two", "status", status=400, times=1, method="POST", path="/transitions$")
    bench.cycle()
    assert len(bench.dead_letters()) == 2
    bench.stop()
    ran = command.ask("dismiss", twin)
    assert ran.stdout == f"{twin}: dismissed\n"
    assert len(bench.dead_letters()) == 1
