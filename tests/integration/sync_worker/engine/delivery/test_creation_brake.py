"""Many counterparts at once are created only when a person has confirmed it. Everything else goes on meanwhile."""

from __future__ import annotations

import pytest

from simulated_sites import CREATE, CREATE_MANY, HOUR
from sync_model.health.judgement import Condition, Facts, Level, ProcessInfo, judge
from sync_worker.core.errors import LeaseLost
from sync_worker.database import store
from worker_bench import EITHER_FLAVOR


@pytest.fixture
def confirm(front):
    return lambda *options: front("confirm", "sync-ab", *options)


@EITHER_FLAVOR
def test_more_creations_than_allowed_are_held_and_all_else_goes_on(bench):
    bench.start(mostCreationsAtOnce=3)
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    keys = bench.take_on_many(4)
    summary = bench.cycle()
    assert (len(bench.devs()), bench.status(key), summary.failed) == (1, "In Progress", 0)
    (held,) = bench.worker.heartbeats.findings.held
    assert (held.name, held.number) == ("creations", 4)
    assert held.text == (
        "4 counterparts would be created at once, more than mostCreationsAtOnce (3): for " + ", ".join(keys)
    )
    assert len(bench.logged("creations held until a person confirms them")) == 1


def test_as_many_creations_as_allowed_are_not_held(bench):
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(3)
    bench.cycle()
    assert (len(bench.devs()), bench.worker.heartbeats.findings.held) == (3, ())


def test_creations_in_both_directions_count_together(bench):
    both = {"sourceStatus": ["Will Do", "In Review"], "syncDirection": "both", "actions": {"createIssue": True}}
    bench.start(rules=[both], mostCreationsAtOnce=3)
    bench.cycle()
    bench.take_on_many(2)
    bench.control.create_many("two", "DEV", 2, status="In Review", user="ann")
    bench.cycle()
    assert bench.worker.heartbeats.findings.held[0].number == 4
    assert (len(bench.users()), len(bench.devs())) == (2, 2)


@pytest.mark.parametrize(
    # what the file says            created
    ("said", "created"),
    [({}, 0), ({"initialSyncEnabled": True}, 4)],
    ids=["by default", "in the file"],
)
def test_only_a_file_that_says_so_itself_has_many_created_unasked(bench, said, created):
    bench.start(mostCreationsAtOnce=3, **said)
    bench.take_on_many(4)
    bench.cycle()
    assert len(bench.devs()) == created


def test_without_a_word_in_the_file_two_hundred_are_created_and_not_one_more(bench):
    bench.take_on_many(201)
    bench.start()
    bench.cycle()
    assert (bench.devs(), bench.worker.heartbeats.findings.held[0].number) == ([], 201)


def test_an_idle_cycle_of_a_sync_that_holds_creations_asks_jira_no_more_than_any_other(bench):
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(5)
    for _ in range(3):
        bench.pass_time_and_cycle(60)
    for site in ("one", "two"):
        bench.control.forget_calls(site)
    bench.cycle()
    calls = [call["endpoint"] for site in ("one", "two") for call in bench.control.calls(site)]
    assert sorted(calls) == sorted(["/rest/api/2/search/jql", "/rest/api/2/myself"] * 2)


def test_a_sync_that_holds_something_needs_a_person_also_right_after_its_worker_was_restarted(bench):
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(4)
    bench.cycle()
    for _ in range(2):
        beat = bench.worker.heartbeats._heartbeat()
        verdict = judge(Facts("sync-ab", ProcessInfo("RUNNING", beat.pid), beat), beat.sent)
        assert (verdict.condition, verdict.level) == (Condition.HELD, Level.ERROR)
        assert verdict.advice == "jira-sync confirm sync-ab"
        bench.worker.heartbeats.beat()
        bench.start()
        bench.worker.wakeup.stop = True
        bench.worker.run(lambda _: pytest.fail("it was asked to stop"))


def test_a_hold_that_is_no_longer_needed_dissolves_by_itself(bench):
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(4)
    bench.cycle()
    bench.start(mostCreationsAtOnce=4)
    bench.cycle()
    assert (len(bench.devs()), bench.worker.heartbeats.findings.held) == (4, ())


# Confirmed


def test_confirm_shows_what_is_held_and_lets_it_be_created_once(bench, confirm):
    hold_four(bench)
    ran = confirm("--yes")
    assert ran.code == 0
    first, second = ran.out.splitlines()
    assert first.startswith("4 counterparts would be created at once, more than mostCreationsAtOnce (3): for SUP-1, ")
    assert second == f"confirmed: {first}"
    assert sorted(issue["summary"] for issue in bench.devs()) == [f"issue {number}" for number in range(1, 5)]
    assert confirm("--yes").out == "sync-ab holds nothing\n"


def test_confirm_asks_before_anything_is_done(bench, confirm):
    hold_four(bench)
    ran = confirm()
    assert (ran.code, bench.devs()) == (1, [])
    assert ran.out.startswith("4 counterparts would be created")
    assert "say --yes" in ran.err
    assert bench.database["requests"].count_documents({}) == 0


def test_after_a_confirmation_the_next_flood_is_held_again(bench, confirm):
    hold_four(bench)
    assert confirm("--yes").code == 0
    bench.start()
    bench.take_on_many(4)
    bench.cycle()
    assert (len(bench.devs()), bench.worker.heartbeats.findings.held[0].number) == (4, 4)
    held = bench.logged("creations held until a person confirms them")[1]
    assert held["number"] == 4


def test_a_flood_that_comes_while_what_was_confirmed_is_created_is_held(bench):
    """Jira refuses for a while, and the worker dies and is started again, so that it takes long."""
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(6)
    bench.cycle()
    fault = bench.control.fault("two", "status", status=500, **CREATE)
    ask_to_confirm(bench)
    bench.try_cycle()
    assert bench.devs() == []
    bench.start()
    bench.control.create_many("one", "SUP", 5, summary="late {}", status="Will Do", user="ann")
    bench.control.heal("two", fault)
    bench.pass_time_and_cycle(HOUR)
    bench.cycle()
    assert sorted(issue["summary"] for issue in bench.devs()) == [f"issue {number}" for number in range(1, 7)]
    assert bench.worker.heartbeats.findings.held[0].number == 5


def test_what_was_confirmed_is_created_after_a_crash_in_the_midst_of_it_and_nothing_else(bench, monkeypatch):
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(6)
    bench.cycle()
    ask_to_confirm(bench)
    answer = store.MongoStore.answer

    def crash(_store, _request) -> None:
        raise LeaseLost("a crash")

    monkeypatch.setattr(store.MongoStore, "answer", crash)
    assert str(bench.try_cycle()) == "a crash"  # it is released, and the request is still there
    bench.control.create_many("one", "SUP", 5, summary="late {}", status="Will Do", user="ann")
    bench.start()
    monkeypatch.setattr(store.MongoStore, "answer", answer)
    bench.cycle()
    assert sorted(issue["summary"] for issue in bench.devs()) == [f"issue {number}" for number in range(1, 7)]
    assert bench.worker.heartbeats.findings.held[0].number == 5
    said = [entry.result for entry in bench.store.journal.actions(50) if entry.what == "confirm"]
    assert said == ["done"]


def test_a_confirmation_does_not_count_for_much_more_than_the_person_saw(bench):
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(4)
    bench.cycle()
    bench.take_on_many(4)
    bench.cycle()
    bench.database["requests"].insert_one({"kind": "confirm", "issues": ["creations=4"], "by": "ann"})
    bench.cycle()
    assert (bench.devs(), bench.worker.heartbeats.findings.held[0].number) == ([], 8)
    assert bench.store.journal.actions(10)[0].text.startswith("not confirmed, as there is more by now: 8 counterparts")
    ask_to_confirm(bench)
    bench.cycle()
    assert len(bench.devs()) == 8


def test_a_creation_of_which_it_is_not_known_what_became_is_brought_to_its_end_beside_a_flood(bench):
    bench.start(mostCreationsAtOnce=3)
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.taken_on("before")
    bench.cycle()
    bench.take_on_many(4)
    for _ in range(3):
        bench.pass_time_and_cycle(200)
    assert [issue["summary"] for issue in bench.devs()] == ["before"]
    assert bench.failures() == []


# Asked for by a person


def test_a_backfill_is_a_person_s_word_and_is_not_held(bench, front):
    bench.start(initialSyncEnabled=False, mostCreationsAtOnce=3)
    bench.take_on_many(5)
    bench.pass_time(10)
    bench.cycle()
    bench.stop()
    assert front("backfill", "sync-ab", "--since", "2020-01-01", "--yes").code == 0
    assert len(bench.devs()) == 5


def test_a_retry_is_a_person_s_word_and_is_not_held(bench, front):
    bench.start(mostCreationsAtOnce=9)
    wrong = {"status": 400, "message": "It is wrong."}
    fault = bench.control.fault("two", "status", **wrong, **CREATE)
    bench.take_on_many(5)
    bench.cycle()
    assert len(bench.dead_letters()) == 5
    bench.start(mostCreationsAtOnce=3)
    bench.stop()
    bench.control.heal("two", fault)
    front("retry", "sync-ab", "--all")
    assert len(bench.devs()) == 5


def test_the_database_keeps_no_list_of_what_is_held(bench):
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(50)
    bench.cycle()
    creations = bench.database["progress"].find_one()["brakes"]["creations"]
    assert (creations["number"], len(creations["first"])) == (50, 5)


def test_plan_says_beforehand_what_would_be_held(bench, front):
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(4)
    bench.stop()
    lines = [line.strip() for line in front("plan", "sync-ab").out.splitlines()]
    assert (
        "wait: 4 counterparts would be created at once, more than mostCreationsAtOnce (3): for SUP-1, SUP-2, SUP-3, "
        "SUP-4; held until jira-sync confirm sync-ab"
    ) in lines
    assert bench.calls("two", CREATE_MANY["path"]) == []


def hold_four(bench) -> None:
    """Have four creations be held; no worker runs."""
    bench.start(mostCreationsAtOnce=3)
    bench.take_on_many(4)
    bench.cycle()
    bench.stop()


def ask_to_confirm(bench) -> None:
    (held,) = bench.worker.heartbeats.findings.held
    request = {"kind": "confirm", "issues": [f"{held.name}={held.number}"], "by": "ann"}
    bench.database["requests"].insert_one(request)
