"""A status change moves the counterpart, once, by whichever transition leads there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jira_simulator import seed
from simulated_sites import COMMENT, LONG_ENOUGH, TRANSITION
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR, START


@pytest.mark.defect(23)
@EVERY_FLAVOR
def test_a_status_change_moves_the_counterpart_in_both_directions(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    assert bench.status(key) == "In Progress"
    bench.dev.move(counterpart, "Done")
    bench.cycle()
    assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")
    bench.user.move(key, "Reopened")
    bench.cycle()
    assert (bench.status(counterpart), bench.comments(counterpart)) == ("Reopened", [f"reopened {key}"])


def test_the_later_of_two_opposite_status_changes_wins_on_both_sides(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.dev.move(counterpart, "Done")
    bench.cycle()
    assert bench.status(key) == "Resolved"
    bench.user.move(key, "Reopened")
    bench.dev.move(counterpart, "Closed")
    for _ in range(3):
        bench.cycle()
    assert (bench.status(key), bench.status(counterpart)) == ("Resolved", "Closed")


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_the_later_status_change_wins_also_where_one_site_s_clock_is_an_hour_ahead(bench, ahead):
    bench.control.clock("one", ahead)
    key, counterpart = bench.pair()
    bench.user.move(key, "Resolved")
    bench.user.move(key, "Reopened")
    bench.control.clock("one", ahead + 10)
    bench.control.clock("two", 10)
    bench.dev.move(counterpart, "Closed")
    for _ in range(3):
        assert bench.try_cycle() is None
    assert (bench.status(key), bench.status(counterpart)) == ("Resolved", "Closed")


def test_a_change_that_has_moved_the_counterpart_already_does_not_win_over_what_comes_after_it(bench):
    """Its comment still waits, and the clock was wrong that dated it."""
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    bench.control.fault("two", "status", status=500, **COMMENT)
    bench.control.clock("one", 800)
    bench.user.move(key, "Reopened")
    bench.control.clock("one", 0)
    bench.cycle()
    assert bench.status(counterpart) == "Reopened"
    bench.dev.move(counterpart, "In Progress")
    bench.cycle_at_once()
    assert bench.status(key) == "In Progress"


def test_rules_that_move_both_sides_do_not_make_two_issues_chase_each_other(bench):
    def chase(direction: str, target: str) -> dict:
        actions = {"syncStatus": True, "targetStatus": target}
        return {"sourceStatus": "*", "syncDirection": direction, "actions": actions}

    take_on = {**bench.definition["rules"][0], "priority": 1}
    bench.start(rules=[take_on, chase("user_to_dev", "Reopened"), chase("dev_to_user", "Resolved")])
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    assert [bench.cycle().actions["moved"] for _ in range(5)] == [1, 0, 0, 0, 0]


def test_a_rule_that_answers_every_update_moves_a_strayed_counterpart_back(bench):
    rule = {
        "sourceStatus": "In Progress",
        "syncDirection": "dev_to_user",
        "conditions": {"onStatusChange": False},
        "actions": {"syncStatus": True, "addComment": True, "commentTemplate": "started"},
    }
    bench.start(rules=[bench.definition["rules"][0], rule])
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.user.move(key, "Reopened")
    bench.cycle()
    assert bench.status(key) == "Reopened"
    bench.dev.edit(counterpart, summary="updated")
    bench.cycle()
    assert bench.status(key) == "In Progress"
    assert bench.comments(key).count("started") == 1


@pytest.mark.parametrize("kind", ["drop_after", "status_after", "drop_before"])
def test_a_move_without_a_usable_answer_is_made_once(bench, kind):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.control.fault("one", kind, times=1, **TRANSITION)
    for _ in range(3):
        bench.cycle()
    moves = [entry for entry in bench.issue(key)["history"] if entry["to"] == "In Progress"]
    assert (bench.status(key), len(moves)) == ("In Progress", 1)


def test_a_move_whose_answer_was_lost_is_not_repeated_after_a_person_moved_the_issue_on(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.control.fault("one", "drop_after", times=1, **TRANSITION)
    bench.cycle()
    bench.user.move(key, "Resolved")
    for _ in range(3):
        bench.cycle()
    assert (bench.status(key), bench.failures()) == ("Resolved", [])


def test_a_move_that_jira_answers_with_a_conflict_is_tried_again(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.control.fault("one", "status", status=409, times=1, **TRANSITION)
    assert bench.cycle().failed == 1
    assert bench.cycle().failed == 0
    assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")


@pytest.fixture
def sites(monkeypatch) -> dict[str, Any]:
    """The simulated sites themselves, for what the control API does not change; to be asked for before the bench."""
    found: dict[str, Any] = {}
    build = seed.build

    def build_and_keep(site):
        found[site.name] = build(site)
        return found[site.name]

    monkeypatch.setattr(seed, "build", build_and_keep)
    return found


def test_the_transitions_of_a_workflow_are_asked_for_once_for_many_issues(plain):
    keys = plain.take_on_many(10)
    plain.start(rules=[*plain.definition["rules"], {**START}])
    plain.cycle()
    plain.control.forget_calls("one")
    for issue in plain.devs():
        plain.dev.move(issue["key"], "In Progress")
    plain.cycle()
    assert {plain.status(key) for key in keys} == {"In Progress"}
    assert len(plain.calls("one", "/transitions$", "GET")) == 1
    assert len(plain.calls("one", "/transitions$")) == 10


def test_an_issue_is_moved_after_the_transitions_of_its_workflow_got_other_ids(sites, bench):
    (one, first), (two, second) = bench.pair(), bench.pair()
    bench.dev.move(first, "In Progress")
    bench.cycle()
    assert bench.status(one) == "In Progress"
    project = sites["one"].projects["SUP"]
    renumbered = tuple(replace(transition, id=f"9{transition.id}") for transition in project.workflow.transitions)
    project.workflow = replace(project.workflow, transitions=renumbered)
    bench.dev.move(second, "In Progress")
    bench.cycle()
    bench.cycle()
    assert (bench.status(two), bench.failures(), bench.dead_letters()) == ("In Progress", [], [])


def test_a_transition_that_was_missing_is_found_once_it_is_there(sites, bench):
    (one, first), (two, second) = bench.pair(), bench.pair()
    project = sites["one"].projects["SUP"]
    whole = project.workflow
    project.workflow = replace(
        whole, transitions=tuple(transition for transition in whole.transitions if transition.target.name == "Closed")
    )
    bench.dev.move(first, "In Progress")
    assert bench.cycle().failed == 1
    project.workflow = whole
    bench.dev.move(second, "In Progress")
    for _ in range(2):
        bench.cycle()
    assert (bench.status(one), bench.status(two)) == ("In Progress", "In Progress")


def test_an_issue_is_moved_once_a_missing_permission_is_granted(bench):
    key, counterpart = bench.pair()
    bench.control.permissions("one", "sync", "SUP", revoke=["TRANSITION_ISSUES"])
    bench.dev.move(counterpart, "In Progress")
    bench.try_cycle()
    assert bench.status(key) == "Will Do"
    bench.control.permissions("one", "sync", "SUP", grant=["TRANSITION_ISSUES"])
    bench.cycle()
    assert bench.status(key) == "In Progress"


def test_two_automations_that_fight_over_a_pair_are_stopped_until_a_person_retries(bench):
    bench.start(mostMovesPerHour=4)
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")

    def fight() -> None:
        """Play the two: the customers' one reopens what is resolved, the developers' one closes what is reopened."""
        for _ in range(6):
            bench.cycle()
            if bench.status(key) == "Resolved":
                bench.user.move(key, "Reopened")
            bench.cycle()
            if bench.status(counterpart) == "Reopened":
                bench.dev.move(counterpart, "Closed")

    fight()
    moves = bench.database["actions"].count_documents({"what": "move", "result": "done"})
    (dead_letter,) = bench.dead_letters()
    assert moves == 4
    assert f"{key} and {counterpart} were moved 4 times within an hour" in dead_letter
    bench.pass_time(7200)
    bench.cycle()
    assert len(bench.dead_letters()) == 1
    bench.store.ask("retry", [], "ann")
    fight()
    assert bench.database["actions"].count_documents({"what": "move", "result": "done"}) == 8


@EITHER_FLAVOR
def test_a_move_that_a_workflow_condition_hides_from_one_issue_says_so_and_holds_up_no_other(bench):
    bench.start(sideBySide=1)
    key, counterpart = bench.pair()
    bench.control.close_statuses("one", key, ["In Progress"])
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    for _ in range(3):
        other, moved = bench.pair()
        bench.pass_time(LONG_ENOUGH)
        bench.dev.move(moved, "In Progress")  # which comes first, and has the workflow's transitions remembered
        bench.cycle()
        (failure,) = bench.failures()
        assert failure.startswith(f"{key} cannot get from Will Do to In Progress: its workflow offers our account ")
        assert bench.status(other) == "In Progress"
    bench.control.close_statuses("one", key, [])
    bench.pass_time(7200)
    bench.cycle()
    assert bench.status(key) == "In Progress"


GERMAN = {"Will Do": "Angenommen", "Closed": "Geschlossen", "Done": "Fertig", "Resolved": "Erledigt"}


def german_rules(bench) -> list[dict[str, Any]]:
    take_on, *others, finish = bench.definition["rules"]
    finish = {**finish, "sourceStatus": ["Fertig", "Geschlossen"]}
    finish["actions"] = {**finish["actions"], "targetStatus": "Erledigt"}
    return [{**take_on, "sourceStatus": "Angenommen"}, *others, finish]


@EITHER_FLAVOR
def test_status_changes_are_answered_in_the_language_of_our_account(bench):
    """Data Center's history has the untranslated names."""
    for site in ("one", "two"):
        bench.control.settings(site, translations=GERMAN)
    bench.start(rules=german_rules(bench))
    key = bench.user.create("SUP", "Es ist kaputt")
    bench.user.move(key, "Angenommen")
    bench.cycle()
    (dev,) = bench.devs()
    bench.dev.move(dev["key"], "Geschlossen")
    bench.cycle()
    assert bench.status(key) == "Resolved"
    bench.cycle()
    assert len(bench.comments(key)) == 2  # our own move is recognised
    assert bench.outbox() == []


def test_a_change_into_a_status_that_was_renamed_since_is_answered_by_its_present_name(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.dev.edit(counterpart, summary="x")
    bench.control.rename_status("two", "In Progress", "Doing")
    start = {**START, "sourceStatus": "Doing", "actions": {"syncStatus": True, "targetStatus": "In Progress"}}
    bench.start(rules=[bench.definition["rules"][0], start])
    bench.cycle()
    assert bench.status(key) == "In Progress"
