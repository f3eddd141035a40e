"""What we write is nobody's change, and what people do in that moment is theirs."""

from __future__ import annotations

import pytest

from simulated_sites import LONG_ENOUGH, TRANSITION
from spoiled_answers import REFUSED
from worker_bench import FINISH, LOG, REOPEN, START, TAKE_ON, rule_that_comments

TELL = rule_that_comments("tell", "In Progress", "a person did it", "dev")
AT_EVERY_UPDATE = {
    "id": "assert",
    "sourceStatus": "In Progress",
    "syncDirection": "dev_to_user",
    "conditions": {"onStatusChange": False},
    "actions": {"syncStatus": True},
}
REPORT = rule_that_comments("report", "Reopened", "we follow", "user")

RESOLVED = rule_that_comments("tell", "Resolved", "it is resolved", "dev")


@pytest.mark.parametrize("refused_before", [1, 3])
def test_a_move_that_was_made_by_a_further_attempt_is_no_change_of_anybodys(bench, refused_before):
    """Each attempt is refused by a firewall; Jira has carried out the last one all the same."""
    bench.start(rules=[TAKE_ON, REOPEN, START, FINISH, TELL])
    _, counterpart = bench.pair()
    bench.control.fault("one", "answer", times=refused_before, **REFUSED, **TRANSITION)
    bench.dev.move(counterpart, "In Progress")
    for _ in range(refused_before):
        bench.cycle()
    bench.control.fault("one", "answer_after", times=1, **REFUSED, **TRANSITION)
    for _ in range(4):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert bench.comments(counterpart) == []


def test_a_move_that_was_made_by_the_last_attempt_is_not_given_up(bench):
    bench.start(rules=[TAKE_ON, REOPEN, START, FINISH, TELL])
    key, counterpart = bench.pair()
    bench.control.fault("one", "answer", times=2, **REFUSED, **TRANSITION)
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    bench.control.fault("one", "answer_after", times=1, **REFUSED, **TRANSITION)
    bench.settle(4)
    assert bench.comments(counterpart) == []
    assert (bench.status(key) == "In Progress") is not bool(bench.dead_letters())


def test_a_move_whose_answer_was_lost_is_not_made_again_after_a_resync_of_its_issue(bench):
    key, counterpart = bench.pair()
    bench.control.fault("one", "drop_after", times=1, **TRANSITION)
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.cycle_at_once()
    bench.user.move(key, "Resolved")
    bench.cycle_at_once()
    bench.store.ask("resync", [f"user:{bench.issue(key)['id']}"])
    bench.cycle_at_once()
    bench.settle()
    assert bench.statuses_since_taken_on(key) == ["In Progress", "Resolved"]


def once(bench, condition, act):
    """Have a person act before the first request of the worker by which the condition holds."""

    def look():
        if condition():
            bench.before_request = lambda: None
            act()

    bench.before_request = look


def test_a_file_that_is_added_while_we_write_is_carried_over(bench):
    bench.start(rules=[TAKE_ON, REPORT, AT_EVERY_UPDATE, FINISH], defaultBehavior={"syncAttachments": True})
    key, counterpart = bench.pair()
    bench.cycle()
    bench.user.move(key, "In Progress")
    bench.cycle()
    bench.user.move(key, "Resolved")
    bench.user.move(key, "Reopened")
    before = len(bench.comments(key))
    once(bench, lambda: len(bench.comments(key)) > before, lambda: bench.user.attach(key, "late.txt", LOG))
    bench.cycle()
    assert len(bench.comments(key)) == before + 1
    bench.settle()
    assert [file["filename"] for file in bench.issue(counterpart)["attachments"]] == ["late.txt"]


def test_an_edit_that_waits_is_still_asserted_after_we_have_written_to_its_issue(bench):
    """Both issues changed. The customer's is delivered first, which writes to the other one."""
    bench.start(rules=[TAKE_ON, RESOLVED, AT_EVERY_UPDATE, FINISH])
    key, counterpart = bench.pair()
    bench.cycle()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.cycle()
    assert bench.status(key) == "In Progress"
    bench.user.move(key, "Resolved")
    bench.dev.comment(counterpart, "an edit")
    bench.cycle()
    assert "it is resolved" in bench.comments(counterpart)
    bench.settle(2)
    assert bench.status(key) == "In Progress"


def unread_after(bench, site, condition, issue_id):
    """Let an issue be unreadable once the condition holds; return how to mend it."""
    faults = []

    def strike():
        faults.append(bench.control.fault(site, "status", status=500, method="GET", path=f"/issue/{issue_id()}$"))

    once(bench, condition, strike)

    def heal():
        for fault in faults:
            bench.control.heal(site, fault)

    return heal


def test_a_move_counts_although_it_cannot_be_read_back(bench):
    bench.start(rules=[TAKE_ON, REPORT, AT_EVERY_UPDATE, FINISH])
    key, counterpart = bench.pair()
    bench.cycle()
    bench.dev.move(counterpart, "In Progress")
    heal = unread_after(bench, "one", lambda: bench.status(key) == "In Progress", lambda: bench.issue(key)["id"])
    bench.try_cycle()
    heal()
    bench.settle()
    moved = [entry["result"] for entry in bench.database["actions"].find({"what": "move"})]
    assert (len(bench.pair_document()["moves"]), moved.count("done")) == (1, 1)


def test_links_are_told_of_once_although_they_cannot_be_read_back(bench):
    bench.start(rules=[TAKE_ON, REPORT, AT_EVERY_UPDATE, FINISH])
    bench.taken_on()

    def are_linked():
        return any(dev["links"] for dev in bench.devs()) and all(user["links"] for user in bench.users())

    heal = unread_after(bench, "two", are_linked, lambda: bench.devs()[0]["id"])
    bench.try_cycle()
    heal()
    bench.settle()
    linked = [entry["result"] for entry in bench.database["actions"].find({"what": "link", "result": "done"})]
    assert linked == ["done"]


def test_a_file_that_is_added_while_an_update_creates_the_counterpart_is_carried_over(bench):
    """The update in hand is not the one that the file is: it ends without the file."""
    taken_on = {**TAKE_ON, "conditions": {"onStatusChange": False}}
    bench.start(rules=[AT_EVERY_UPDATE], defaultBehavior={"syncAttachments": True})
    bench.cycle()
    key = bench.taken_on()
    bench.cycle()
    bench.start(rules=[taken_on, AT_EVERY_UPDATE, FINISH])
    bench.cycle()
    assert bench.devs() == []
    bench.pass_time(60)
    bench.user.attach(key, "early.txt", b"early")
    once(bench, bench.devs, lambda: bench.user.attach(key, "late.txt", LOG))
    for _ in range(4):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    (dev,) = bench.devs()
    assert sorted(file["filename"] for file in dev["attachments"]) == ["early.txt", "late.txt"]


def test_a_file_that_is_added_while_the_counterpart_has_its_turn_is_carried_over(bench):
    reopen = {**REOPEN, "actions": {"syncStatus": True}}
    bench.start(rules=[TAKE_ON, reopen, START, FINISH], attachments="both")
    key, counterpart = bench.pair()
    bench.cycle()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    bench.cycle()
    bench.user.move(key, "Reopened")
    bench.dev.attach(counterpart, "one.txt", b"one")
    path = f"/issue/{bench.issue(counterpart)['id']}$"
    reads = len(bench.calls("two", path, "GET"))

    def reopen_too():
        bench.dev.move(counterpart, "Reopened")
        bench.dev.attach(counterpart, "two.txt", LOG)

    once(bench, lambda: len(bench.calls("two", path, "GET")) > reads, reopen_too)
    bench.cycle()
    assert bench.status(counterpart) == "Reopened"
    bench.settle()
    assert sorted(file["filename"] for file in bench.issue(counterpart)["attachments"]) == ["one.txt", "two.txt"]
    assert sorted(file["filename"] for file in bench.issue(key)["attachments"]) == ["one.txt", "two.txt"]
