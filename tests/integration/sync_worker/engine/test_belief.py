"""A pair is believed only while its issues are those that they were: a restored Jira gives ids out again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from decisions import decide
from simulated_sites import A_DAY_LATER, HOUR
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR, LOG


@pytest.fixture
def restored(bench):
    """Restore a site as it was before its latest issue; let a person create another one, which gets the same id.

    Returns a function that takes the site and what is done after the backup, and returns the key of that issue.
    """

    def restore(site: str, make) -> str:
        bench.cycle()
        backup = bench.control.back_up(site)
        lost = make()
        bench.cycle()  # in which the creation date of the counterpart is learnt
        bench.control.restore(site, backup)
        bench.pass_time(60)
        person, project = (bench.user, "SUP") if site == "one" else (bench.dev, "DEV")
        stranger = person.create(project, "somebody else's")
        assert bench.control.issue(site, stranger)["id"] == lost
        return stranger

    return restore


def ours_on(bench, key: str) -> list[object]:
    """Return what the sync has done to an issue that is none of its own."""
    issue = bench.issue(key)
    entries = [entry for name in ("comments", "attachments", "history") for entry in issue[name]]
    return [entry for entry in entries if entry.get("author") == "sync"] + issue["links"]


def left_alone(bench) -> list[str]:
    return [document["failure"]["error"] for document in bench.database["unprocessable"].find()]


@EVERY_FLAVOR
def test_an_issue_with_the_id_of_a_counterpart_is_not_taken_for_it(bench, restored):
    first, twin = bench.pair()
    pair = []

    def make() -> str:
        pair[:] = bench.pair()
        return bench.issue(pair[1])["id"]

    stranger = restored("two", make)
    bench.dev.move(stranger, "Closed")
    bench.dev.move(twin, "Closed")
    for _ in range(3):
        bench.try_cycle()
    assert (bench.status(pair[0]), bench.status(first)) == ("Will Do", "Resolved")
    assert ours_on(bench, stranger) == []
    (why,) = left_alone(bench)
    assert f"{stranger} is another issue than the counterpart of {pair[0]}" in why
    assert "jira-sync adopt sync-ab --moved" in why


@EITHER_FLAVOR
def test_what_search_does_not_show_yet_is_not_written_to_either(bench, restored):
    """The counterpart is read before something is written to it."""
    bench.start(defaultBehavior={"syncAttachments": True})
    pair = []

    def make() -> str:
        pair[:] = bench.pair()
        bench.dev.move(pair[1], "Closed")
        bench.cycle()
        bench.cycle()
        bench.control.index("two", hold=True)
        return bench.issue(pair[1])["id"]

    stranger = restored("two", make)
    bench.user.move(pair[0], "Reopened")
    bench.user.attach(pair[0], "contract.pdf", LOG)
    for _ in range(3):
        bench.try_cycle()
    assert ours_on(bench, stranger) == []
    assert any("is another issue than the counterpart of" in why for why in bench.failures() + bench.dead_letters())


@EITHER_FLAVOR
def test_a_customer_s_issue_with_the_id_of_another_one_hears_nothing_of_its_counterpart(bench, restored):
    pair = []

    def make() -> str:
        pair[:] = bench.pair()
        return bench.issue(pair[0])["id"]

    stranger = restored("one", make)
    bench.dev.move(pair[1], "Closed")
    for _ in range(3):
        bench.try_cycle()
    assert bench.status(stranger) == "Open"
    assert ours_on(bench, stranger) == []
    assert decide(bench, "moved")[0] == (
        "done",
        f"0 pairs as they were, 0 found again, 1 not found: {' ↔ '.join(pair)}",
    )
    bench.user.move(stranger, "Will Do")
    for _ in range(2):
        bench.try_cycle()
    assert sorted(issue["summary"] for issue in bench.devs()) == ["It is broken", "somebody else's"]
    assert bench.status(stranger) == "Will Do"


@EITHER_FLAVOR
def test_after_moved_the_customer_s_issue_gets_no_second_counterpart(bench, restored):
    pair = []

    def make() -> str:
        pair[:] = bench.pair()
        return bench.issue(pair[1])["id"]

    restored("two", make)
    bench.try_cycle()
    text = f"0 pairs as they were, 0 found again, 1 not found: {' ↔ '.join(pair)}"
    assert decide(bench, "moved")[0] == ("done", text)
    bench.user.edit(pair[0], summary="edited")
    bench.settle()
    assert [issue["summary"] for issue in bench.devs()] == ["somebody else's"]
    assert left_alone(bench) == []


@EITHER_FLAVOR
def test_after_moved_a_status_change_counts_that_has_the_id_of_one_that_a_restored_jira_forgot(bench):
    key, counterpart = bench.pair()
    bench.cycle()
    backup = bench.control.back_up("two")
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    forgotten = bench.issue(counterpart)["history"][-1]["id"]
    bench.stop()
    bench.control.restore("two", backup)
    bench.pass_time(HOUR)
    bench.dev.move(counterpart, "Closed")
    assert bench.issue(counterpart)["history"][-1]["id"] == forgotten
    bench.start()
    assert decide(bench, "moved")[0][0] == "done"
    bench.cycle()
    assert bench.status(key) == "Resolved"


def test_the_census_does_not_take_an_issue_for_a_deleted_one_that_is_back(bench, restored):
    """The counterpart was deleted, and its id is given out again."""
    pair = []

    def make() -> str:
        pair[:] = bench.pair()
        bench.cycle()
        identity = bench.issue(pair[1])["id"]
        bench.control.delete("two", pair[1])
        bench.census()
        bench.census()
        assert bench.pair_document()["gone"]
        return identity

    restored("two", make)
    bench.pass_time(A_DAY_LATER)
    bench.try_cycle()
    assert bench.pair_document()["gone"]


@EITHER_FLAVOR
def test_an_issue_whose_creation_date_was_changed_is_believed_if_it_carries_our_mark(bench):
    key, counterpart = bench.pair()
    bench.cycle()
    born = bench.pair_document()["born"]
    bench.database["pairs"].update_many({}, {"$set": {"born.dev": born["dev"] - timedelta(days=30)}})
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(key) == "Resolved"
    assert bench.pair_document()["born"] == born


def test_a_pair_without_dates_is_not_believed_if_its_issue_is_younger_than_it(bench, restored):
    """The version before did not note when issues were created."""
    pair = []

    def make() -> str:
        pair[:] = bench.pair()
        bench.pass_time(2 * HOUR)
        bench.cycle()
        return bench.issue(pair[1])["id"]

    bench.pair()
    stranger = restored("two", make)
    bench.database["pairs"].update_many({}, {"$unset": {"born": 1}})
    bench.database["issues"].update_many({}, {"$unset": {"created": 1}})
    bench.dev.move(stranger, "Closed")
    for _ in range(2):
        bench.try_cycle()
    assert bench.status(pair[0]) == "Will Do"
    assert ours_on(bench, stranger) == []
