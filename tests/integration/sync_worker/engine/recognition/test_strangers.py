"""Two installations at work on the same two projects find each other out, and so do two copies of one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from decisions import decide, refusal
from jira_simulator.client import Person
from simulated_sites import HOUR, LONG_ENOUGH
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR, Bench

FIRST, SECOND = "first", "second"


@pytest.fixture
def work_as(bench) -> Iterator[Callable[[str], None]]:
    """Let the worker be that of one of two installations, each with a database of its own, which both know no other."""
    names = {FIRST: bench.database_name, SECOND: f"{bench.database_name}_second"}

    def work_as(name: str) -> None:
        bench.stop()
        bench._client["jira_sync"]["databases"].delete_many({})
        bench.database_name = bench.definition["databaseName"] = names[name]
        bench.database = bench._client[names[name]]
        bench.start()

    yield work_as
    bench.stop()
    for name in names.values():
        bench._client.drop_database(name)


def copy_database(bench: Bench, source: str, target: str) -> None:
    for collection in ("progress", "pairs", "issues"):
        bench._client[target][collection].drop()
        if documents := list(bench._client[source][collection].find()):
            bench._client[target][collection].insert_many(documents)


@EVERY_FLAVOR
def test_an_installation_that_was_started_beside_another_one_stops_at_what_that_one_creates(bench, work_as):
    """Both were started while there was nothing to be found."""
    for name in (FIRST, SECOND):
        work_as(name)
        bench.cycle()
    work_as(FIRST)
    key, counterpart = bench.pair()
    work_as(SECOND)
    for _ in range(2):
        assert f"{counterpart} was created for this pair of projects by another installation" in refusal(bench)
    assert (len(bench.devs()), bench.comments(key)) == (1, [f"followed as {counterpart}"])
    work_as(FIRST)
    bench.cycle()


def test_two_installations_that_have_both_created_something_find_each_other_out(bench, work_as):
    """The second one has not seen in time what the first one created, because search lags behind."""
    for name in (FIRST, SECOND):
        work_as(name)
        bench.cycle()
    bench.control.index("two", hold=True)
    key = bench.taken_on()
    for name in (FIRST, SECOND):
        work_as(name)
        bench.cycle()
    assert len(bench.devs()) == 2
    bench.control.index("two", hold=False)
    for name in (FIRST, SECOND):
        work_as(name)
        assert "by another installation" in refusal(bench)
    # The first one goes on, and takes over what the second one has made.
    work_as(FIRST)
    assert decide(bench, "take-over")[0][0] == "done"
    assert bench.logged("second counterpart left alone") or bench.database["pairs"].count_documents({}) == 1
    first, second = (issue["key"] for issue in bench.devs())
    bench.dev.move(second, "Closed")
    bench.dev.move(first, "In Progress")
    bench.cycle()
    assert (bench.status(key), len(bench.devs()), len(bench.users())) == ("In Progress", 2, 1)


def test_a_copy_of_the_database_at_work_is_found_out(bench, tmp_path):
    """The volume was cloned with the machine, and both workers run since."""
    bench.pair()
    bench.cycle()
    bench.stop()
    folder, name = tmp_path / "second", f"{bench.database_name}_second"
    folder.mkdir()
    copy_database(bench, bench.database_name, name)
    with closing(Bench(bench.sites, bench.mongo_url, name, folder, "cloud-cloud")) as second:
        for each in (bench, second):
            each.cycle()
        bench.pass_time(HOUR)
        _, counterpart = bench.pair()
        said = refusal(second)
        assert f"{counterpart} was created by another worker that goes by a copy of this database" in said
        assert "jira-sync adopt sync-ab --take-over" in said
        assert len(bench.devs()) == 2
        bench.stop()
        assert decide(second, "take-over")[0] == ("done", "1 pair taken over")
        second.cycle()
        assert (len(bench.devs()), second.database["pairs"].count_documents({})) == (2, 2)


def test_a_database_that_was_replaced_by_an_older_copy_finds_what_was_done_since(bench, work_as):
    work_as(FIRST)
    bench.pair()
    bench.cycle()
    bench.stop()
    older = f"{bench.database_name}_second"
    copy_database(bench, bench.database_name, older)
    bench.start()
    bench.pass_time(60)
    key, counterpart = bench.pair()
    bench.cycle()
    bench.stop()
    copy_database(bench, older, bench.database_name)
    bench.pass_time(60)
    bench.start()
    for _ in range(4):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert len(bench.devs()) == 2
    assert bench.comments(key) == [f"followed as {counterpart}"]
    assert bench.database["pairs"].count_documents({}) == 2
    assert bench.failures() == []


# Marks that somebody has written


FOR_ISSUE = {"site": "SITE", "issue": "ISSUE", "sync": "sync-xy", "database": "0" * 32}
FORGED = [
    "text",
    7,
    [],
    {},
    {"site": 1, "issue": None, "sync": []},
    {"site": "elsewhere.example.com", "issue": "1", "sync": "sync-xy"},
    {"site": "SITE", "issue": "99999", "sync": "sync-xy", "database": "0" * 32, "project": "PROJECT"},
    {**FOR_ISSUE, "project": "10"},
    {**FOR_ISSUE, "project": "PROJECT", "created": "2001-01-01T00:00:00+00:00"},
    {"site": "SITE", "issue": "ISSUE", "sync": "sync-ab"},
    {"site": "SITE", "issue": "' OR 1 = 1", "sync": "sync-xy", "project": "PROJECT"},
]  # fmt: skip


@EITHER_FLAVOR
@pytest.mark.parametrize("is_there_first", [True, False])
def test_marks_that_somebody_has_written_stop_nothing_and_pair_nothing(bench, is_there_first):
    key, counterpart = bench.pair()
    bench.cycle()
    ours = bench.issue(counterpart)["properties"]["jira-sync"]
    meant = {"SITE": ours["site"], "ISSUE": bench.issue(key)["id"], "PROJECT": ours["project"]}

    def filled_in(value: object) -> object:
        return meant.get(value, value) if isinstance(value, str) else value

    if is_there_first:
        bench.stop()
    for value in FORGED:
        forged = bench.dev.create("DEV", "by a person")
        is_object = isinstance(value, dict)
        mark = {name: filled_in(each) for name, each in value.items()} if is_object else value
        bench.control.set_property("two", forged, "jira-sync", mark)
    if is_there_first:
        bench._client.drop_database(bench.database_name)
        bench.start()
    for _ in range(3):
        bench.cycle()
    for issue in bench.devs()[1:]:
        bench.dev.move(issue["key"], "Closed")
    bench.cycle()
    assert bench.status(key) == "Will Do"
    assert bench.pair_document()["dev_key"] == counterpart
    assert len(bench.devs()) == 1 + len(FORGED)


def test_a_mark_of_another_database_that_a_person_has_written_says_how_to_get_rid_of_it(bench):
    _, counterpart = bench.pair()
    mark = bench.issue(counterpart)["properties"]["jira-sync"]
    forged = bench.dev.create("DEV", "by a person")
    bench.control.set_property("two", forged, "jira-sync", {**mark, "database": "0" * 32})
    said = refusal(bench)
    assert f"somebody has written the property or label jira-sync of {forged}: take it away" in said
    bench.control.set_property("two", forged, "jira-sync", "taken away")
    bench.cycle()
    assert len(bench.devs()) == 2


def test_what_our_account_has_made_by_hand_from_a_counterpart_is_an_issue_like_any_other(bench):
    """Somebody signs in as the account of the sync, and clones a counterpart with its properties."""
    key, counterpart = bench.pair()
    mark = bench.issue(counterpart)["properties"]["jira-sync"]
    with Person(f"{bench.url}/two", "sync@example.com", "s3cr3t-sync-token") as us:
        clone = us.create("DEV", "a clone")
    bench.control.set_property("two", clone, "jira-sync", mark)
    for _ in range(2):
        bench.cycle()
    bench.dev.move(clone, "Closed")
    bench.cycle()
    assert bench.status(key) == "Will Do"
    assert bench.pair_document()["dev_key"] == counterpart
    (warning, *_) = bench.logged("second counterpart left alone")
    assert (warning["issue"], warning["of"]) == (clone, key)
