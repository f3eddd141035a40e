"""If many issues are gone at once, none of them counts as gone before a person has confirmed it."""

from __future__ import annotations

import pytest

from simulated_sites import HOUR
from sync_worker.core.decisions import brakes
from sync_worker.core.errors import LeaseLost
from sync_worker.database import store

EITHER_SIDE = pytest.mark.parametrize("side", ["user", "dev"])


@pytest.fixture(autouse=True)
def two_at_once(monkeypatch) -> None:
    monkeypatch.setattr(brakes, "LEAST_DISAPPEARANCES", 2)


@pytest.mark.parametrize(("living", "allowed"), [(0, 10), (10, 10), (500, 10), (549, 10), (550, 11), (20_000, 400)])
def test_ten_or_two_percent_may_be_gone_at_once(monkeypatch, living, allowed):
    monkeypatch.undo()
    assert brakes.most_gone_at_once(living) == allowed


@EITHER_SIDE
def test_if_many_issues_are_hidden_at_once_none_counts_as_gone_and_all_else_goes_on(bench, side):
    hidden, survivors = watched_pairs(bench, side, 3)
    key, counterpart = bench.pair()
    hide(bench, hidden)
    for _ in range(3):
        bench.census()
        assert told(bench, survivors) == [0] * 3
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    assert bench.status(key) == "In Progress"
    (held,) = bench.worker.heartbeats.findings.held
    text = f"3 issues of the {side} side are gone, or not visible to us, more than 2 at once: {', '.join(hidden)}"
    assert (held.name, held.number, held.text) == (f"gone.{side}", 3, text)
    assert len(bench.logged("gone at once, held until a person confirms it")) == 1


def test_as_many_as_allowed_count_as_gone_at_once(bench):
    hidden, survivors = watched_pairs(bench, "user", 2)
    hide(bench, hidden)
    for _ in range(2):
        bench.census()
    assert (told(bench, survivors), bench.worker.heartbeats.findings.held) == ([1, 1], ())


def test_a_few_deletions_on_each_of_some_days_are_not_held(bench):
    keys, survivors = watched_pairs(bench, "user", 6)
    for day in range(3):
        for key in keys[2 * day : 2 * day + 2]:
            bench.control.delete("one", key)
        bench.census()
        assert bench.worker.heartbeats.findings.held == ()
    bench.census()
    assert told(bench, survivors) == [1] * 6


@EITHER_SIDE
def test_a_hold_dissolves_by_itself_when_the_issues_are_back_and_what_happened_is_made_up_for(bench, side):
    hidden, survivors = watched_pairs(bench, side, 3)
    for key in hidden if side == "dev" else survivors:
        bench.dev.move(key, "In Progress")
    for _ in range(2):
        bench.cycle()
    hide(bench, hidden)
    for _ in range(3):
        bench.census()
    for survivor in survivors:
        bench.dev.move(survivor, "Closed") if side == "user" else bench.user.move(survivor, "Reopened")
    bench.cycle()
    show(bench, hidden)
    bench.pass_time_and_cycle(HOUR + 1)
    bench.cycle()
    assert bench.worker.heartbeats.findings.held == ()
    assert [document["missing"] for document in bench.database["pairs"].find()] == [{}] * 3
    assert {bench.status(key) for key in hidden} == {"Resolved" if side == "user" else "Reopened"}
    for _ in range(2):
        bench.census()
    assert told(bench, survivors) == [0] * 3
    assert (bench.failures(), bench.dead_letters()) == ([], [])


def test_confirmed_disappearances_are_told_and_the_next_ones_are_held_again(bench, front):
    hidden, survivors = watched_pairs(bench, "user", 6)
    hide(bench, hidden[:3])
    bench.census()
    bench.pass_time_and_cycle(HOUR + 1)
    bench.stop()
    ran = front("confirm", "sync-ab", "--yes")
    assert ran.code == 0
    assert ran.out.splitlines()[1].startswith("confirmed: 3 issues of the user side are gone, or not visible to us, ")
    assert told(bench, survivors) == [1, 1, 1, 0, 0, 0]
    bench.start()
    hide(bench, hidden[3:])
    for _ in range(3):
        bench.census()
    assert told(bench, survivors) == [1, 1, 1, 0, 0, 0]
    assert bench.worker.heartbeats.findings.held[0].number == 3


def test_what_was_missing_for_less_than_an_hour_when_it_was_confirmed_counts_as_gone_at_the_next_census(bench):
    hidden, survivors = watched_pairs(bench, "user", 3)
    hide(bench, hidden)
    bench.census()
    ask_to_confirm(bench)
    bench.cycle()
    assert (told(bench, survivors), bench.worker.heartbeats.findings.held) == ([0] * 3, ())
    bench.census()
    assert told(bench, survivors) == [1] * 3


def test_a_confirmation_survives_a_crash_and_lets_nothing_else_through(bench, monkeypatch):
    hidden, survivors = watched_pairs(bench, "user", 6)
    hide(bench, hidden[:3])
    bench.census()
    bench.pass_time_and_cycle(HOUR + 1)
    ask_to_confirm(bench)
    save_pair = store.MongoStore.save_pair

    def crash(mongo: store.MongoStore, pair) -> None:
        save_pair(mongo, pair)
        if pair.gone:
            raise LeaseLost("a crash")

    monkeypatch.setattr(store.MongoStore, "save_pair", crash)
    assert str(bench.try_cycle()) == "a crash"  # one of the three counts as gone
    monkeypatch.undo()
    monkeypatch.setattr(brakes, "LEAST_DISAPPEARANCES", 2)
    hide(bench, hidden[3:])
    bench.start()
    for _ in range(3):
        bench.census()
    assert told(bench, survivors) == [1, 1, 1, 0, 0, 0]
    assert bench.worker.heartbeats.findings.held[0].number == 3


def test_a_hold_of_creations_and_one_of_disappearances_are_confirmed_together_and_apart(bench):
    hidden, survivors = watched_pairs(bench, "user", 3, mostCreationsAtOnce=3)
    bench.control.create_many("one", "SUP", 4, status="Will Do", user="ann")
    hide(bench, hidden)
    bench.census()
    assert [held.name for held in bench.worker.heartbeats.findings.held] == ["creations", "gone.user"]
    bench.database["requests"].insert_one({"kind": "confirm", "issues": ["creations=4"], "by": "ann"})
    bench.cycle()
    assert len(bench.devs()) == 7
    assert [held.name for held in bench.worker.heartbeats.findings.held] == ["gone.user"]
    assert told(bench, survivors) == [0] * 3


def test_a_confirmation_for_one_side_releases_nothing_of_the_other(bench):
    hidden, survivors = watched_pairs(bench, "user", 6)
    hide(bench, hidden[:3])
    hide(bench, survivors[3:])
    bench.census()
    assert [held.name for held in bench.worker.heartbeats.findings.held] == ["gone.user", "gone.dev"]
    bench.database["requests"].insert_one({"kind": "confirm", "issues": ["gone.user=3"], "by": "ann"})
    bench.cycle()
    for _ in range(2):
        bench.census()
    assert [held.name for held in bench.worker.heartbeats.findings.held] == ["gone.dev"]
    assert (told(bench, survivors[:3]), told(bench, hidden[3:])) == ([1] * 3, [0] * 3)


def test_what_is_held_stays_held_over_a_restart_and_costs_no_reads(bench):
    hidden, _ = watched_pairs(bench, "user", 3)
    hide(bench, hidden)
    bench.census()
    bench.start()
    bench.cycle()
    assert bench.worker.heartbeats.findings.held[0].number == 3
    for _ in range(3):
        bench.pass_time_and_cycle(60)
    for site in ("one", "two"):
        bench.control.forget_calls(site)
    bench.cycle()
    calls = [call["endpoint"] for site in ("one", "two") for call in bench.control.calls(site)]
    assert sorted(calls) == sorted(["/rest/api/2/search/jql", "/rest/api/2/myself"] * 2)
    assert len(bench.database["progress"].find_one()["brakes"]["gone"]["user"]["first"]) == 3


def watched_pairs(bench, side: str, count: int, **settings) -> tuple[list[str], list[str]]:
    """Return the keys of issues of `side`, and of their counterparts, with nothing left to do."""
    bench.start(onDelete="comment", **settings)
    for number in range(count):
        bench.taken_on(f"issue {number}")
    for _ in range(2):
        bench.cycle()
    keys = [f"SUP-{number}" for number in range(1, count + 1)]
    of = {issue["summary"]: issue["key"] for issue in bench.devs()}
    counterparts = [of[f"issue {number}"] for number in range(count)]
    survivors = counterparts if side == "user" else keys
    return (keys, survivors) if side == "user" else (counterparts, survivors)


def told(bench, survivors: list[str]) -> list[int]:
    """Return how often it was said on each that its counterpart is gone."""
    return [sum("is gone" in comment for comment in bench.comments(survivor)) for survivor in survivors]


def site_of(key: str) -> str:
    return "one" if key.startswith("SUP") else "two"


def hide(bench, keys: list[str]) -> None:
    bench.control.hide(site_of(keys[0]), *keys)


def show(bench, keys: list[str]) -> None:
    bench.control.show(site_of(keys[0]), *keys)


def ask_to_confirm(bench) -> None:
    (held,) = bench.worker.heartbeats.findings.held
    request = {"kind": "confirm", "issues": [f"{held.name}={held.number}"], "by": "ann"}
    bench.database["requests"].insert_one(request)
