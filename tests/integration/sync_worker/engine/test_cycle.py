"""One cycle: what it costs, and what it waits for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulated_sites import CREATE
from sync_model.definition.sync import Side
from sync_worker.core.errors import OutcomeUnknown, Unavailable
from sync_worker.database import connection
from worker_bench import EVERY_FLAVOR, LOG

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@EVERY_FLAVOR
def test_a_cycle_without_news_changes_nothing(bench):
    bench.pair()
    before = bench.users(), bench.devs()
    for _ in range(3):
        summary = bench.cycle()
    assert (bench.users(), bench.devs()) == before
    assert (sum(summary.actions.values()), summary.failed) == (0, 0)


def test_an_idle_cycle_searches_twice_and_asks_once_who_we_are(bench):
    bench.on_one_site()
    bench.pair()
    bench.cycle()
    bench.control.forget_calls("one")
    bench.cycle()
    calls = [(call["method"], call["endpoint"].removeprefix("/rest/api/2")) for call in bench.control.calls("one")]
    assert sorted(calls) == [("GET", "/myself"), ("POST", "/search/jql"), ("POST", "/search/jql")]


def test_both_projects_of_a_sync_can_be_on_one_site(bench):
    bench.on_one_site()
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(key) == "Resolved"


@EVERY_FLAVOR
def test_an_issue_that_the_replaced_service_had_paired_gets_no_second_counterpart(bench):
    old = bench.taken_on("paired before")
    counterpart = bench.dev.create("DEV", "paired before", issue_type="Bug")
    gone = {"user_issue_key": "SUP-999", "dev_issue_key": "DEV-999"}
    bench.legacy_database["jira_mapping"].insert_many([{"user_issue_key": old, "dev_issue_key": counterpart}, gone])
    bench.start(name=bench.legacy_database.name)
    new = bench.taken_on("new")
    assert isinstance(bench.try_cycle(), OutcomeUnknown)  # search may not show yet what that service created last
    bench.pass_time(60)
    bench.cycle()
    assert sorted(issue["summary"] for issue in bench.devs()) == ["new", "paired before"]
    assert (bench.comments(old), len(bench.comments(new))) == ([], 1)
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(old) == "Resolved"
    (line,) = bench.logged("pairs of the replaced service taken over")
    assert (line["taken"], line["left_out"]) == (1, 1)


@pytest.mark.defect(12)
def test_a_request_is_repeated_after_the_wait_that_jira_asks_for(bench):
    bench.start()
    for call in (CREATE, {"path": "/search"}):
        bench.control.fault("two", "status", status=429, retryAfter="1", reason="jira-burst-based", times=2, **call)
    bench.pair()
    assert [call["status"] for call in bench.calls("two", **CREATE)] == [429, 429, 201]
    assert 0.5 < max(bench.pauses) <= 1.0


@pytest.mark.parametrize("asked", ["9223372036854775807", "-1", "soon", "nan", "inf"])
def test_an_absurd_wait_that_jira_asks_for_is_not_believed(bench, asked):
    bench.start()
    bench.control.fault("two", "status", status=429, retryAfter=asked, times=1, path="/search")
    error = bench.try_cycle()
    assert error is None or (isinstance(error, Unavailable) and error.retry_after <= 900)


@pytest.mark.defect(12)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
def test_a_reading_request_without_a_usable_answer_is_repeated(bench, kind):
    bench.start()
    bench.control.fault("one", kind, times=2, path="/search|/bulkfetch")
    bench.pair()


def test_a_cycle_fails_while_mongodb_is_dead_and_the_next_one_loses_nothing(bench, own_mongo_server, monkeypatch):
    monkeypatch.setattr(connection, "SECONDS_TO_FIND_A_SERVER", 1)
    bench.mongo_url = own_mongo_server.url
    bench.start()
    key = bench.taken_on_with({"log.txt": LOG})
    own_mongo_server.stop()
    error = bench.try_cycle()
    assert isinstance(error, Unavailable)
    assert str(error).startswith("MongoDB: ")
    own_mongo_server.start()
    bench.cycle()
    (dev,) = bench.devs()
    assert bench.comments(key) == [f"followed as {dev['key']}"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.due(Side.USER, NOW, 100),
        lambda store: store.count_due(Side.USER, NOW),
        lambda store: store.next_try(Side.USER, NOW),
        lambda store: store.backlog(),
        lambda store: store.failing(),
        lambda store: store.pair_of(Side.USER, "-1"),
        lambda store: store.pair_of(Side.DEV, "-1"),
        lambda store: store.paired(Side.USER, ["1"]),
        lambda store: store.away(),
        lambda store: store.missing(),
    ],
)
def test_no_query_of_a_cycle_makes_mongodb_examine_every_document(bench, ask):
    """A database of many thousand issues and pairs is asked as quickly as an empty one."""
    bench.cycle()
    bench.database["issues"].insert_many([{"_id": f"user:{n}", "side": "user", "id": str(n)} for n in range(1000)])
    bench.database["pairs"].insert_many([{"_id": str(n), "dev_id": str(n + 5000)} for n in range(1000)])
    bench.database.command("profile", 2)
    ask(bench.store)
    bench.database.command("profile", 0)
    asked = list(bench.database["system.profile"].find({"docsExamined": {"$exists": True}}))
    assert asked
    assert [query["command"] for query in asked if query["docsExamined"] > 10] == []
