"""A change that fails waits for its next try, or is given up."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from simulated_sites import A_DAY_LATER, TRANSITION
from sync_worker.core.decisions import retry
from sync_worker.core.errors import NeedsOperator
from worker_bench import EITHER_FLAVOR


@pytest.mark.defect(10)
def test_a_change_that_jira_refuses_is_given_up_at_once_and_later_changes_of_its_issue_go_on(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.refuse_moves()
    assert bench.cycle().failed == 1
    assert (len(bench.dead_letters()), bench.failures()) == (1, [])
    assert "It is wrong." in bench.dead_letters()[0]
    (line,) = bench.logged("change given up")
    assert (line["issue"], line["cause"], line["attempts"]) == (counterpart, "status: In Progress", 1)
    bench.dev.move(counterpart, "Closed")
    assert bench.cycle().failed == 0
    assert bench.statuses_since_taken_on(key) == ["Resolved"]
    assert bench.comments(key)[-1] == f"finished {counterpart}"


def test_a_change_that_keeps_failing_is_given_up_after_the_configured_time_and_not_before(bench):
    bench.start(retryForHours=2)
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    fault = bench.fail_moves()
    for seconds in (0, *[1000] * 7):
        bench.pass_time(seconds)
        bench.cycle_at_once()
        assert bench.dead_letters() == []
    bench.pass_time(200)
    assert bench.cycle().failed == 1
    (dead,) = bench.database["issues"].find_one({"dead": {"$ne": []}})["dead"]
    assert dead["failure"]["attempts"] == 9
    assert dead["failure"]["last_at"] - dead["failure"]["first_at"] >= timedelta(hours=2)
    assert bench.outbox() == []
    bench.control.heal("one", fault)
    assert bench.cycle().actions["moved"] == 0


def test_a_site_s_clock_that_jumps_ahead_has_no_change_given_up(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    fault = bench.fail_moves()
    bench.cycle()
    bench.pass_time(2 * A_DAY_LATER)
    for _ in range(3):
        bench.cycle_at_once()
    assert bench.dead_letters() == []
    bench.control.heal("one", fault)
    bench.cycle()
    assert bench.status(key) == "In Progress"


def test_a_dead_letter_that_is_retried_after_a_later_change_does_not_move_the_counterpart_back(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.refuse_moves()
    bench.cycle()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    bench.store.ask("retry", [])
    assert bench.cycle().failed == 0
    assert (bench.statuses_since_taken_on(key), bench.status(counterpart)) == (["Resolved"], "Closed")
    assert (bench.dead_letters(), bench.failures()) == ([], [])


def test_a_dead_letter_that_is_retried_after_the_counterpart_moved_on_does_not_move_it_back(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.refuse_moves()
    bench.cycle()
    for status in ("Resolved", "Reopened"):
        bench.user.move(key, status)
    bench.cycle()
    assert bench.status(counterpart) == "Reopened"
    bench.store.ask("retry", [])
    bench.cycle()
    assert (bench.status(key), bench.status(counterpart)) == ("Reopened", "Reopened")


def test_the_outbox_says_what_failed_why_how_often_since_when_and_when_it_is_tried_again(bench):
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.fail_moves()
    for _ in range(3):
        bench.cycle()
    (document,) = bench.outbox()
    assert (document["key"], document["waiting"]["attempts"]) == (counterpart, 3)
    (cause,) = document["pending"]
    assert (cause["kind"], cause["from_status"], cause["to_status"]) == ("status", "To Do", "In Progress")
    failure = cause["failure"]
    assert (failure["attempts"], "This is a simulated fault." in failure["error"]) == (3, True)
    assert failure["first_at"] < failure["last_at"] < failure["next_try"] == document["waiting"]["next_try"]


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_jira_asks_for_is_the_least_time_until_the_next_try(bench, status):
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.control.fault("one", "status", status=status, retryAfter="500", times=1, **TRANSITION)
    bench.try_cycle()
    (failure,) = (cause["failure"] for cause in bench.outbox()[0]["pending"])
    assert failure["next_try"] - failure["last_at"] >= timedelta(seconds=500)


def test_an_edit_of_the_sync_s_file_makes_waiting_changes_due_at_once(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    fault = bench.fail_moves()
    for _ in range(6):
        bench.cycle()
    bench.control.heal("one", fault)
    bench.pass_time(30)  # whatever was under way has come to its end
    bench.start()
    bench.cycle_at_once()
    assert bench.status(key) == "Will Do"
    bench.start(description="edited")
    bench.cycle_at_once()
    assert bench.status(key) == "In Progress"


def test_a_change_that_failed_by_a_wrong_rule_is_carried_out_once_the_rule_is_corrected(bench):
    key, counterpart = bench.pair()
    finish = bench.definition["rules"][3]
    wrong = {**finish, "actions": {**finish["actions"], "targetStatus": "Resovled"}}
    bench.start(rules=[wrong])
    bench.dev.move(counterpart, "Closed")
    assert bench.cycle().failed == 1
    bench.start(rules=[finish])
    assert bench.cycle().failed == 0
    assert bench.status(key) == "Resolved"


def test_a_worker_wakes_up_for_a_next_try_that_is_due_before_its_next_cycle(bench, wait_until, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_RETRY", 2.0)  # just enough not to be due in the same cycle
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.fail_moves(times=1)
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


@EITHER_FLAVOR
def test_what_a_site_refuses_that_does_not_know_us_any_more_is_not_given_up(bench):
    """In the midst of a cycle the token expires silently: a stranger is told that the project is not there."""
    key, _ = bench.pair()
    strangers = bench.control.fault("two", "anonymous", silent=True, path="/createmeta")
    new = bench.taken_on("new")

    def notice() -> None:
        if bench.control.strikes("two", strangers):
            bench.before_request = lambda: None
            bench.control.fault("two", "anonymous", silent=True)

    bench.before_request = notice
    bench.start()
    assert isinstance(bench.try_cycle(), NeedsOperator)
    assert bench.dead_letters() == []
    bench.control.heal("two")
    bench.stop()
    bench.forget_refusals()
    bench.cycle()
    assert [bench.comments(each) for each in (key, new)] == [[f"followed as {dev['key']}"] for dev in bench.devs()]
