"""Comments are posted from templates, each once."""

from __future__ import annotations

from simulated_sites import HOUR
from worker_bench import TAKE_ON, rule_that_comments


def test_every_intermediate_status_is_commented_when_the_sync_asks_for_it(bench):
    actions = {"addComment": True, "commentTemplate": "now ${sourceStatus}"}
    rule = {"sourceStatus": "*", "syncDirection": "dev_to_user", "actions": actions}
    bench.start(rules=[bench.definition["rules"][0], rule], defaultBehavior={"skipIntermediateStatuses": False})
    key, counterpart = bench.pair()
    for status in ("In Progress", "In Review", "Done"):
        bench.dev.move(counterpart, status)
    bench.cycle()
    bench.cycle()
    assert bench.comments(key)[1:] == ["now In Progress", "now In Review", "now Done"]


def test_a_comment_on_a_deletion_can_name_the_last_status_of_the_deleted_issue(bench):
    bench.start(onDelete="comment", onDeleteComment="was ${sourceStatus}")
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.delete("one", key)
    bench.census()
    bench.census()
    assert bench.comments(counterpart) == ["was Will Do"]


def test_what_the_source_says_becomes_no_markup_in_a_comment(bench):
    actions = {"addComment": True, "commentTemplate": "${sourceSummary}, ${sourceKey}: ${sourceStatus}"}
    rule = {"sourceStatus": "*", "syncDirection": "dev_to_user", "actions": actions}
    bench.control.rename_status("two", "In Progress", "In [~ann] {panel}")
    bench.start(rules=[bench.definition["rules"][0], rule])
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In [~ann] {panel}")
    bench.cycle()
    summary = bench.devs()[0]["summary"]
    assert bench.comments(key)[-1] == rf"{summary}, {counterpart}: In \[~ann\] \{{panel\}}"


def test_a_pair_on_which_two_automations_make_us_comment_waits_for_a_person(bench):
    actions = {"addComment": True, "commentTemplate": "now ${sourceStatus}"}
    rule = {"sourceStatus": "*", "syncDirection": "dev_to_user", "actions": actions}
    bench.start(rules=[bench.definition["rules"][0], rule], mostWritesPerHour=10)
    key, counterpart = bench.pair()
    before = len(bench.comments(key))
    for number in range(12):
        bench.dev.move(counterpart, ("In Progress", "Reopened")[number % 2])
        bench.cycle()
    assert len(bench.comments(key)) == before + 10
    assert {said.partition(" times")[0] for said in bench.dead_letters()} == {
        f"{key} and {counterpart} were written to 10"
    }
    bench.store.ask("retry", [], by="ann")
    bench.cycle()
    assert len(bench.comments(key)) == before + 12


def test_a_comment_on_an_issue_without_a_counterpart_is_posted_and_holds_up_nothing(bench):
    rule = rule_that_comments("acknowledge", "In Progress", "seen", "user")
    bench.start(rules=[TAKE_ON, {**rule, "conditions": {"requireMapping": False}}])
    key = bench.user.create("SUP", "It is broken")
    bench.cycle()
    bench.user.move(key, "In Progress")
    bench.cycle()
    assert bench.comments(key) == ["seen"]
    for status in ("Resolved", "Reopened", "Will Do"):
        bench.user.move(key, status)
    bench.cycle()
    assert len(bench.devs()) == 1


def test_the_files_of_another_hour_hold_no_comment(bench):
    rules = [TAKE_ON, rule_that_comments("begun", "In Progress", "begun", "dev")]
    bench.start(attachments=True, mostWritesPerHour=10, rules=rules)
    key, counterpart = bench.pair()
    for number in range(10):
        bench.user.attach(key, f"{number}.txt", b"x")
    bench.cycle()
    bench.pass_time(2 * HOUR)
    bench.cycle()
    bench.user.move(key, "In Progress")
    bench.cycle()
    assert (bench.comments(counterpart), bench.dead_letters()) == (["begun"], [])
