"""`jira-sync retry` and `dismiss`, as people type them: what failed is tried again, or forgotten."""

from __future__ import annotations

import json
import re

import pytest

from simulated_sites import TRANSITION
from sync_model.health.heartbeat import Phase, read_heartbeat


@pytest.fixture
def given_up(bench) -> tuple[str, str]:
    """A pair whose counterpart was closed, which was given up; Jira would take it now. No worker is running."""
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.refuse_moves()
    bench.cycle()
    bench.stop()
    return key, counterpart


@pytest.fixture
def retry(front):
    return lambda *arguments: front("retry", "sync-ab", *arguments)


@pytest.fixture
def dismiss(front):
    return lambda *arguments: front("dismiss", "sync-ab", *arguments)


def test_retry_without_issues_lists_failed_and_given_up_changes(bench, retry, given_up):
    bench.start()
    _, waiting = bench.pair()
    bench.dev.move(waiting, "In Progress")
    bench.fail_moves()
    bench.cycle()
    bench.stop()
    ran = retry()
    lines = sorted(ran.out.splitlines())
    assert ran.code == 0
    assert re.fullmatch(rf"{given_up[1]}: given up: .*It is wrong\. \(1 attempts since .* UTC\)", lines[0])
    assert re.fullmatch(rf"{waiting}: tried again at .* UTC: .* \(1 attempts since .* UTC\)", lines[1])
    assert lines[2] == "name issues, or say --all, to retry them"
    assert bench.database["requests"].count_documents({}) == 0


def test_retry_carries_the_change_out_itself_where_no_worker_runs(bench, retry, given_up):
    key, counterpart = given_up
    ran = retry(counterpart)
    assert (ran.code, ran.out) == (0, f"{counterpart}: done\n")
    assert bench.status(key) == "Resolved"
    assert bench.database["requests"].count_documents({}) == 0
    bench.start()
    assert bench.cycle().failed == 0


def test_retry_says_that_a_change_has_failed_again(bench, retry, given_up):
    bench.refuse_moves()
    ran = retry(given_up[1])
    assert ran.code == 1
    assert ran.out.startswith(f"{given_up[1]}: failed again: ")
    assert "It is wrong." in ran.out


def test_retry_refuses_an_issue_of_which_nothing_has_failed(bench, retry, given_up):
    ran = retry("DEV-99")
    assert ran.code == 1
    assert ran.err == "error: nothing of DEV-99 has failed\n"
    assert given_up[1] in ran.out


def test_retry_says_that_jira_does_not_answer_and_keeps_the_request(bench, retry, given_up):
    key, counterpart = given_up
    fault = bench.control.fault("one", "unauthorized", user="sync")
    ran = retry(counterpart)
    assert ran.code == 1
    assert "it is noted and will be done, but not now: " in ran.err
    bench.control.heal("one", fault)
    bench.cycle()
    assert bench.status(key) == "Resolved"


def test_retry_of_a_paused_sync_is_noted_and_done_once_the_sync_is_resumed(bench, front, retry, given_up):
    key, counterpart = given_up
    assert front("pause", "sync-ab", "--reason", "a release").code == 0
    ran = retry(counterpart)
    assert ran.code == 1
    assert re.fullmatch(
        r"error: it is noted, but sync-ab is paused by .+@.+ at .+ UTC: a release; resume it first\n", ran.err
    )
    assert front("resume", "sync-ab").out == "sync-ab goes on\n"
    bench.start()
    bench.cycle()
    assert bench.status(key) == "Resolved"


@pytest.mark.defect(13)
def test_retry_is_done_by_a_running_worker_whose_heartbeat_counts_what_is_left(
    bench, command, retry, given_up, wait_until, tmp_path
):
    """The worker would not look again for an hour by itself."""
    key, counterpart = given_up
    bench.definition.update(syncIntervalMinutes=60)
    (bench.folder / "sync-ab.json").write_text(json.dumps(bench.definition))
    worker = command.start(run_dir=tmp_path / "worker")

    def counts() -> tuple[int, int] | None:
        beat = read_heartbeat(tmp_path / "worker", "sync-ab")
        return beat and beat.totals.cycles and beat.phase is Phase.WAITING and (beat.queued, beat.dead_letters)

    wait_until(lambda: counts() == (0, 1), "the heartbeat to count the dead letter")
    ran = retry("--all")
    assert (ran.code, ran.out) == (0, f"{counterpart}: done\n")
    assert bench.status(key) == "Resolved"
    assert bench.database["lease"].find_one()["process"]["pid"] == worker.pid
    wait_until(lambda: counts() == (0, 0), "the heartbeat to count nothing any more")


def test_dismiss_forgets_a_change_that_was_given_up(bench, dismiss, retry, given_up):
    key, counterpart = given_up
    ran = dismiss(counterpart)
    assert (ran.code, ran.out) == (0, f"{counterpart}: dismissed\n")
    assert bench.dead_letters() == []
    assert retry().out == "nothing has failed\n"
    bench.start()
    bench.cycle()
    assert bench.status(key) == "Will Do"


def test_dismiss_takes_the_issue_of_a_key_although_the_other_site_has_an_issue_of_the_same_id(bench, dismiss):
    """Both issues have a dead letter; only the one that is named is dismissed."""
    pairs = [bench.pair() for _ in range(4)]
    ids = {bench.issue(dev)["id"]: (user, dev) for user, dev in pairs}
    twin = next(user for user, dev in pairs if bench.issue(user)["id"] in ids)
    _, other = ids[bench.issue(twin)["id"]]
    bench.dev.move(other, "Closed")
    bench.control.fault("one", "status", status=400, times=1, **TRANSITION)
    bench.cycle()
    for status in ("Resolved", "Reopened"):
        bench.user.move(twin, status)
    bench.control.fault("two", "status", status=400, times=1, **TRANSITION)
    bench.cycle()
    assert len(bench.dead_letters()) == 2
    bench.stop()
    ran = dismiss(twin)
    assert ran.out == f"{twin}: dismissed\n"
    assert len(bench.dead_letters()) == 1
