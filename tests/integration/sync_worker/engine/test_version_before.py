"""What the version before has written goes on without a word. It knew no sites, no creation dates, no database ids."""

from __future__ import annotations

import pytest

from decisions import die_after, refusal, resync
from simulated_sites import CREATE
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR, TAKE_ON

MANY = 230
"""More pairs than are looked at to tell whether a site is the same, and several bulk reads."""


def as_written_before(bench) -> None:
    """Let the database and the marks in Jira be as the version before wrote them. The worker is stopped."""
    bench.stop()
    bench.database["progress"].update_one({}, {"$unset": {"identity": 1, "is_moving": 1}})
    bench.database["pairs"].update_many({}, {"$unset": {"born": 1, "links": 1}})
    bench.database["issues"].update_many({}, {"$unset": {"created": 1}})
    for site in ("one", bench.dev_site):
        bench.control.keep_in_properties(site, "site", "issue", "sync", "cause")


def undated(bench) -> int:
    """Return how many pairs do not know the creation dates of both of their issues."""
    return sum(set(pair.get("born") or {}) != {"user", "dev"} for pair in bench.database["pairs"].find())


@pytest.fixture
def many(bench) -> list[str]:
    """Many pairs as the version before wrote them; the keys of the customers' issues."""
    bench.start(rules=[{**TAKE_ON, "actions": {"createIssue": True}}], mostCreationsAtOnce=MANY)
    bench.cycle()
    bench.know_that_marks_arrive()
    keys = list(bench.take_on_many(MANY))
    bench.cycle()
    assert bench.database["pairs"].count_documents({}) == MANY
    as_written_before(bench)
    return keys


@EVERY_FLAVOR
def test_pairs_go_on_and_what_is_there_is_not_made_again(bench):
    pairs = [bench.pair() for _ in range(3)]
    bench.cycle()
    links = [[link["globalId"] for link in bench.issue(key)["links"]] for pair in pairs for key in pair]
    as_written_before(bench)
    for _, counterpart in pairs:
        bench.dev.move(counterpart, "Closed")
    bench.cycle()
    for key, _ in pairs:
        bench.user.move(key, "Reopened")
    for _ in range(3):
        bench.cycle()
    assert undated(bench) == 0
    assert bench.pair()[1] == "DEV-4"
    assert [[link["globalId"] for link in bench.issue(key)["links"]] for pair in pairs for key in pair] == links
    for key, counterpart in pairs:
        assert bench.comments(key) == [f"followed as {counterpart}", f"finished {counterpart}"]
    assert [bench.comments(counterpart) for _, counterpart in pairs] == [[f"reopened {key}"] for key, _ in pairs]
    assert bench.failures() + bench.dead_letters() == []


@EITHER_FLAVOR
def test_a_resync_finds_the_link_that_is_there(bench):
    key, counterpart = bench.pair()
    as_written_before(bench)
    bench.database["pairs"].update_many({}, {"$set": {"linked": {}}})
    bench.start()
    resync(bench, key)
    assert [len(bench.issue(each)["links"]) for each in (key, counterpart)] == [1, 1]


@EITHER_FLAVOR
def test_a_creation_whose_answer_the_version_before_did_not_get_is_found(bench):
    bench.pair()
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.taken_on("lost answer")
    bench.cycle()
    as_written_before(bench)
    bench.settle(2)
    assert [issue["summary"] for issue in bench.devs()] == ["It is broken", "lost answer"]
    assert (bench.database["pairs"].count_documents({}), bench.failures()) == (2, [])


@EITHER_FLAVOR
def test_the_dates_of_many_pairs_are_learnt_in_bulk(bench, many):
    for site in ("one", "two"):
        bench.control.forget_calls(site)
    bench.cycle()
    assert undated(bench) == 0
    for site in ("one", "two"):
        # The latest hundred, to see that it is the same site; all of them, for their dates; what search shows.
        assert len(bench.control.calls(site)) < 20
    assert len(bench.devs()) == MANY


@EITHER_FLAVOR
@pytest.mark.parametrize("requests", [4, 8, 11])
def test_learning_that_was_interrupted_keeps_nothing_from_going_on(bench, many, requests):
    bench.start()
    bench.before_request = die_after(requests)
    with pytest.raises(KeyboardInterrupt):
        bench.try_cycle()
    bench.before_request = lambda: None
    bench.start()
    bench.cycle()
    issue = bench.issue(many[0])
    bench.user.edit(issue["key"], summary="edited")
    bench.cycle()
    pair = bench.database["pairs"].find_one({"_id": issue["id"]})
    assert "user" in pair["born"]
    assert len(bench.devs()) == MANY


def test_some_pairs_that_are_not_as_they_were_do_not_speak_against_the_others(bench, many):
    for key in many[-40:-20]:
        bench.control.delete("one", key)
    bench.control.add_project("one", key="ELSE")
    for key in many[-20:]:
        bench.control.move("one", key, "ELSE")
    bench.cycle()
    assert len(bench.devs()) == MANY


@EITHER_FLAVOR
def test_a_site_that_was_edited_together_with_the_new_version_is_refused(bench):
    """Its issues have ids and keys of pairs, but are other people's."""
    for _ in range(3):
        bench.pair()
    bench.cycle()
    as_written_before(bench)
    bench.control.clone("two", "three", identity="another-site", renumber=True)
    bench.definition["devJira"]["baseUrl"] = f"{bench.url}/three"
    bench.start()
    said = refusal(bench)
    assert "dev side: the issues that have counterparts are not at" in said
    assert "jira-sync adopt sync-ab --moved" in said
    assert bench.database["progress"].find_one().get("identity") is None


@EVERY_FLAVOR
def test_idle_cycles_cost_what_they_did(bench):
    bench.pair()
    as_written_before(bench)
    for _ in range(2):
        bench.cycle()
    for site in ("one", "two"):
        bench.control.forget_calls(site)
    bench.cycle()
    for site in ("one", "two"):
        calls = sorted(call["endpoint"] for call in bench.control.calls(site))
        assert [each.removeprefix("/rest/api/2/").removesuffix("/jql") for each in calls] == ["myself", "search"]
