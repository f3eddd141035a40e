"""What a sync remembers of what it did, and being paused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pymongo import MongoClient

from simulated_sites import HOUR
from sync_model.definition.sync import Side
from sync_model.health.heartbeat import Phase, read_heartbeat
from sync_worker.core.decisions.retry import LEAST_TRIES
from sync_worker.core.errors import Paused
from sync_worker.core.records import JournalEntry
from sync_worker.database.journal import Journal

NOW = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)


@pytest.fixture
def journal(mongo_server, database_name):
    with MongoClient(mongo_server.url, tz_aware=True) as client:
        yield Journal(client, database_name)
        client.drop_database(database_name)


def kept_for(journal: Journal) -> float:
    return journal._actions.index_information()["at_1"]["expireAfterSeconds"] / 86400


def told(entries: list[JournalEntry]) -> list[tuple[str | None, ...]]:
    return [(each.what, each.result, each.issue, each.counterpart, each.rule, each.cause) for each in entries]


def test_the_journal_tells_all_that_was_done_for_an_issue_with_its_rule_and_cause(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    first = (key, counterpart, "take-on", "first seen in Will Do")
    assert sorted(told(bench.store.journal.of_issue([key]))[:3]) == [
        ("comment", "done", *first),
        ("create", "done", *first),
        ("link", "done", *first),
    ]
    moved = ("move", "done", counterpart, key, "start", "To Do → In Progress")
    assert told(bench.store.journal.of_issue([counterpart]))[3:] == [moved]
    assert told(bench.store.journal.actions(1)) == [moved]


def test_the_journal_tells_failures_with_the_error_and_requests_with_the_person(bench):
    _key, counterpart = bench.pair()
    bench.start(retryForHours=0.001)
    bench.dev.move(counterpart, "In Progress")
    bench.control.fault("one", "status", status=500, path="/transitions", method="POST")
    for _ in range(LEAST_TRIES):
        bench.cycle_at_once()
        bench.pass_time(HOUR)
    entries = bench.store.journal.of_issue([counterpart])
    assert {(each.what, each.result) for each in entries[3:]} == {("move", "failed"), ("change", "given up")}
    assert all("500" in each.text for each in entries[3:])
    bench.control.heal("one")
    bench.store.ask("retry", [], by="ann@desk")
    bench.cycle()
    entries = bench.store.journal.of_issue([counterpart])
    assert ("retry", "ann@desk") in {(each.what, each.who) for each in entries}
    assert told(entries)[-1][:2] == ("move", "done")
    totals = bench.worker.heartbeats._totals()
    assert (totals.actions["move failed"], totals.actions["move done"]) == (LEAST_TRIES, 1)


def test_the_journal_keeps_each_cycle_with_what_it_did_or_why_it_failed(bench):
    bench.pair()
    bench.control.fault("one", "status", status=503)
    assert bench.try_cycle()
    failed, good = bench.store.journal.cycles(5)
    assert (good.counts["created"], good.error) == (1, None)
    assert "503" in failed.error


def test_how_long_the_journal_is_kept_follows_an_edit(journal):
    journal.prepare(timedelta(days=90))
    assert kept_for(journal) == 90
    journal.prepare(timedelta(days=7))
    assert kept_for(journal) == 7


def test_actions_are_counted_by_the_hour_they_were_done_in(journal):
    side = {"side": Side.USER, "issue": "SUP-1"}
    ages = [0, 10, 3599, 3601, 7300, 86399, 86401]
    journal.record([JournalEntry(NOW - timedelta(seconds=age), "worker", "move", **side) for age in ages])
    journal.record([JournalEntry(NOW, "worker", "move", "failed", **side), JournalEntry(NOW, "ann", "pause")])
    counts = journal.per_hour(NOW)
    assert (counts[23], counts[22], counts[21], counts[0]) == (3, 1, 1, 1)
    assert sum(counts) == 6


def phase(bench) -> Phase:
    return read_heartbeat(bench.folder, "sync-ab").phase


def test_a_paused_sync_does_nothing_not_even_after_a_restart_until_it_is_resumed(bench):
    key = bench.taken_on()
    bench.start()
    bench.store.journal.pause("ann@desk", "the site is being moved")
    for _ in range(2):
        error = bench.try_cycle()
        assert isinstance(error, Paused)
        assert str(error).startswith("paused by ann@desk at ")
        assert str(error).endswith(": the site is being moved")
        bench.start()
    assert bench.devs() == []
    assert not any(call["user"] == "sync" for call in bench.control.calls("one"))
    bench.store.journal.resume()
    bench.cycle()
    assert bench.comments(key) != []


def test_a_pause_ends_the_cycle_that_is_under_way_and_the_rest_is_done_later(bench):
    """Who pauses a sync sees it do harm, and does not want to wait for the end of its backlog."""
    keys = [bench.taken_on(f"Issue {number}") for number in range(3)]
    bench.start()

    def pause() -> None:
        if any(call["endpoint"].endswith("/search/jql") for call in bench.control.calls("one")):
            bench.store.journal.pause("ann")
            bench.worker.wakeup.wake()

    bench.before_request = pause
    assert isinstance(bench.try_cycle(), Paused)
    assert bench.devs() == []
    bench.before_request = lambda: None
    bench.store.journal.resume()
    bench.cycle()
    assert len(bench.devs()) == len(keys)


def test_the_heartbeat_says_that_the_worker_is_paused_and_that_it_is_not_any_more(bench):
    bench.start()
    bench.store.journal.pause("ann")
    seen: list[Phase] = []
    bench.worker.interval = 3600.0

    def run_cycle(is_past_deadline):
        result = bench._one_pass(is_past_deadline)
        seen.append(phase(bench))
        bench.worker.wakeup.request_stop()
        return result

    def wait(_seconds: float) -> None:
        if phase(bench) is Phase.PAUSED and bench.store.journal.resume():
            seen.append(Phase.PAUSED)
            bench.worker.wakeup.look = True

    bench.worker.wakeup.look = True
    bench.worker.wakeup.wait = wait
    bench.worker.run(run_cycle)
    assert seen == [Phase.PAUSED, Phase.CYCLE]


def test_a_second_pause_changes_nothing_and_one_resume_ends_both(journal):
    journal.pause("ann", "first")
    journal.pause("bob", "second")
    assert (journal.paused().by, journal.paused().reason) == ("ann", "first")
    assert journal.resume()
    assert not journal.resume()
    assert journal.paused() is None
