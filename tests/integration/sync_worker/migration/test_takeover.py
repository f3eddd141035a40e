"""Going on where the replaced service stopped: nothing is lost, and nothing that it has done is done again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulated_sites import HOUR
from sync_worker.core.errors import NeedsOperator, OutcomeUnknown, Unavailable

FLAVORS = pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
COME_BACK = {
    "id": "come-back",
    "sourceStatus": "Reopened",
    "syncDirection": "dev_to_user",
    "actions": {"syncStatus": True, "addComment": True, "commentTemplate": "reopened in ${sourceKey}"},
}


def written(bench) -> list:
    """Return all that a sync may change: statuses, comments, files and the issues that there are."""
    issues = [*bench.users(), *bench.devs()]
    return [(each["key"], each["status"], each["comments"], each["attachments"]) for each in issues]


def closed(bench, legacy) -> tuple[str, str]:
    """Have a developer have closed a pair's issue, and the replaced service have answered that."""
    user, dev = legacy.pair()
    bench.dev.move(dev, "Closed")
    legacy.account.move(user, "Resolved")
    legacy.account.comment(user, f"finished {dev}")
    legacy.saw(user, dev)
    return user, dev


def take_over(bench) -> None:
    """Run the first cycle; where search has to catch up first, after it has."""
    error = bench.try_cycle()
    if isinstance(error, OutcomeUnknown):
        bench.pass_time(error.retry_after + 2)
        error = bench.try_cycle()
    assert error is None, error


def test_what_is_imported_after_a_takeover_is_taken_on_whatever_its_dates(bench, legacy):
    legacy.pair()
    bench.cycle()
    (key,) = bench.control.create_many("one", "SUP", 1, status="Will Do", user="ann", ago=30 * 24 * HOUR)
    bench.census()
    bench.cycle()
    assert len(bench.comments(key)) == 1


# What it has seen, and what it has missed


@FLAVORS
def test_a_legacy_pair_that_stood_still_is_left_alone_and_its_next_changes_are_carried_over(bench, legacy, long_ago):
    user, dev = legacy.pair()
    closed_user, closed_dev = closed(bench, legacy)
    long_ago()
    before = written(bench)
    bench.cycle()
    bench.dev.edit(closed_dev, summary="edited")
    bench.cycle()
    assert written(bench) == before
    bench.dev.move(dev, "Closed")
    bench.user.move(closed_user, "Reopened")
    bench.cycle()
    assert (bench.status(user), bench.status(closed_dev)) == ("Resolved", "Reopened")
    assert (bench.comments(user)[-1], bench.comments(closed_dev)) == (f"finished {dev}", [f"reopened {closed_user}"])
    assert len(bench.devs()) == 2


@FLAVORS
def test_a_change_that_the_legacy_service_missed_is_carried_over_however_long_ago(bench, legacy, long_ago):
    user, dev = legacy.pair()
    late = bench.user.create("SUP", "Another")
    legacy.saw(late)
    bench.dev.move(dev, "Closed")
    bench.user.move(late, "Will Do")
    long_ago()
    bench.cycle()
    assert (bench.status(user), bench.comments(user)[1:]) == ("Resolved", [f"finished {dev}"])
    assert (len(bench.devs()), len(bench.comments(late))) == (2, 1)


def test_a_change_that_the_legacy_service_answered_a_moment_ago_is_not_answered_again(bench, legacy):
    closed(bench, legacy)
    before = written(bench)
    bench.cycle()
    bench.cycle()
    assert written(bench) == before


def test_a_status_that_was_left_and_reached_again_is_a_change_that_the_legacy_service_has_not_seen(
    bench, legacy, long_ago
):
    user, dev = closed(bench, legacy)
    legacy.saw(user, dev, hours_ago=29 * 24)
    legacy.finished_cycle(hours_ago=29 * 24)
    long_ago()
    bench.dev.move(dev, "Reopened")
    bench.dev.move(dev, "Closed")
    bench.cycle()
    assert bench.comments(user)[1:] == [f"finished {dev}"] * 2


def test_an_issue_that_the_legacy_service_remembers_as_it_is_gets_no_counterpart(bench, legacy):
    key = bench.taken_on("It was skipped, as it names DEV-77 itself")
    legacy.saw(key)
    before = written(bench)
    bench.cycle()
    bench.user.edit(key, summary="edited")
    bench.cycle()
    assert [each[1:] for each in written(bench)] == [each[1:] for each in before]


def test_an_edit_that_the_legacy_service_saw_creates_nothing_even_if_a_rule_answers_edits(bench, legacy):
    key = bench.taken_on()
    bench.user.edit(key, summary="edited")
    legacy.saw(key, hours_ago=0)
    legacy.finished_cycle(hours_ago=0)
    take_on = {**bench.definition["rules"][0], "conditions": {"onStatusChange": False}}
    bench.start(rules=[take_on], syncIntervalMinutes=0.0001)
    bench.cycle()
    assert bench.devs() == []


def test_an_issue_that_the_legacy_service_never_saw_gets_a_counterpart_if_it_is_recent(bench, legacy, long_ago):
    older = bench.taken_on("Older than the service itself")
    long_ago()
    bench.user.edit(older, priority={"name": "High"})
    bench.taken_on("Reported while it was being stopped")
    take_over(bench)
    assert [each["summary"] for each in bench.devs()] == ["Reported while it was being stopped"]


@pytest.mark.parametrize(("initially", "created"), [(True, 1), (False, 0)])
def test_if_the_legacy_service_never_finished_a_cycle_initial_sync_enabled_says_what_counts(
    bench, legacy, long_ago, initially, created
):
    legacy.database["sync_state"].delete_many({})
    user, dev = legacy.pair()
    bench.taken_on("Never seen")
    skipped = bench.taken_on("Seen")
    legacy.saw(skipped)
    long_ago()
    bench.start(initialSyncEnabled=initially)
    take_over(bench)
    assert [each["summary"] for each in bench.devs()[1:]] == ["Never seen"] * created
    bench.dev.move(dev, "Closed")
    bench.cycle()
    assert bench.status(user) == "Resolved"


# What it did without remembering it


def test_a_comment_that_the_legacy_service_posted_before_it_was_interrupted_is_not_posted_again(bench, legacy):
    user, dev = legacy.pair()
    bench.dev.move(dev, "Closed")
    legacy.account.comment(user, f"finished  {dev}\r\n")
    bench.cycle()
    assert (bench.status(user), len(bench.comments(user))) == ("Resolved", 2)


def test_the_same_words_by_somebody_else_or_from_before_are_no_comment_of_the_legacy_service(bench, legacy):
    user, dev = legacy.pair()
    legacy.account.comment(user, f"finished {dev}")
    bench.pass_time(10)
    bench.dev.move(dev, "Closed")
    bench.user.comment(user, f"finished {dev}")
    bench.cycle()
    assert len(bench.comments(user)) == 4


def test_a_move_that_the_legacy_service_made_before_it_was_interrupted_is_no_cause(bench, legacy):
    user, dev = closed(bench, legacy)
    bench.dev.move(dev, "Reopened")
    legacy.account.move(user, "Reopened")
    bench.start(rules=[*bench.definition["rules"], COME_BACK])
    bench.cycle()
    assert (bench.status(dev), bench.comments(dev)) == ("Reopened", [])
    assert bench.comments(user)[2:] == [f"reopened in {dev}"]


def test_a_move_by_a_person_who_uses_the_legacy_service_s_account_is_a_cause(bench, legacy):
    user, dev = closed(bench, legacy)
    legacy.account.move(user, "Reopened")
    bench.start(rules=[*bench.definition["rules"], COME_BACK])
    bench.cycle()
    assert (bench.status(dev), bench.comments(dev)) == ("Reopened", [f"reopened {user}"])


def test_what_the_legacy_service_wrote_is_no_update_that_moves_the_counterpart_back(bench, legacy):
    user, dev = closed(bench, legacy)
    legacy.account.move(user, "Reopened")
    legacy.account.move(dev, "Reopened")
    legacy.saw(user, dev, hours_ago=0)
    legacy.finished_cycle(hours_ago=0)
    bench.pass_time(60)
    bench.dev.move(dev, "In Progress")
    assertive = {**bench.definition["rules"][1], "conditions": {"onStatusChange": False}}
    bench.start(rules=[assertive], syncIntervalMinutes=0.0001)
    bench.cycle()
    assert bench.status(dev) == "In Progress"


def test_files_that_the_legacy_service_copied_are_not_copied_again_and_newer_ones_are(bench, legacy, long_ago):
    user, dev = legacy.pair()
    bench.user.attach(user, "log.txt", b"0123")
    legacy.account.attach(dev, "log.txt", b"0123")
    long_ago()
    bench.start(defaultBehavior={"syncAttachments": True})
    bench.user.attach(user, "later.txt", b"012")
    bench.cycle()
    bench.cycle()
    assert [each["filename"] for each in bench.issue(dev)["attachments"]] == ["log.txt", "later.txt"]
    assert len(bench.issue(user)["attachments"]) == 2


# Counterparts that its mapping does not know


@pytest.mark.parametrize("lines", ["both", "dev", "user"])
@FLAVORS
def test_a_counterpart_that_only_a_line_in_a_description_names_is_taken_over(bench, legacy, lines):
    user = bench.taken_on()
    dev = legacy.created(user, mapped=False, lines=lines)
    bench.cycle()
    assert [each["key"] for each in bench.devs()] == [dev]
    (line,) = bench.logged("pair taken over by a line")
    assert (line["issue"], line["counterpart"]) == (user, dev)
    bench.dev.move(dev, "Closed")
    bench.cycle()
    assert bench.status(user) == "Resolved"


def test_of_several_counterparts_the_mapped_one_counts_or_else_the_oldest_and_no_other_is_created(bench, legacy):
    user, dev = legacy.pair()
    twin = legacy.created(user, mapped=False, lines="dev")
    alone = bench.taken_on("Alone")
    first, second = (legacy.created(alone, mapped=False, lines="dev") for _ in range(2))
    bench.cycle()
    assert {each["key"] for each in bench.devs()} == {dev, twin, first, second}
    said = {(line["issue"], line["counterpart"], line["reason"]) for line in bench.logged("pair conflicting")}
    assert said == {(user, twin, f"{user} has {dev}"), (alone, second, f"{alone} has {first}")}
    for key in (twin, second, dev, first):
        bench.dev.move(key, "Closed")
        bench.cycle()
        assert bench.status(user) == ("Resolved" if key in (dev, first) else "Will Do")
        assert bench.status(alone) == ("Resolved" if key == first else "Will Do")


def test_a_clone_carries_the_lines_of_its_original_and_is_no_counterpart(bench, legacy):
    user = bench.taken_on()
    dev = legacy.created(user, mapped=False)
    description = bench.issue(user)["description"]
    clone = bench.user.create("SUP", "CLONE - It is broken", description=description)
    bench.user.move(clone, "Will Do")
    take_over(bench)
    (other,) = {each["key"] for each in bench.devs()} - {dev}
    assert bench.comments(clone) == [f"followed as {other}"]
    assert bench.comments(user) == []


def test_nothing_is_created_before_search_must_show_what_the_legacy_service_created_at_last(bench, legacy):
    user = bench.taken_on()
    bench.control.index("one", hold=True)
    dev = legacy.created(user, mapped=False, lines="dev")
    bench.start(searchLagMinutes=1)
    error = bench.try_cycle()
    assert isinstance(error, Unavailable)
    assert 80 < error.retry_after <= 92
    assert user in str(error)
    bench.control.index("one", hold=False)
    bench.pass_time(error.retry_after + 2)
    bench.cycle()
    assert [each["key"] for each in bench.devs()] == [dev]


# Issues that are not where they were


def test_an_issue_in_two_legacy_pairs_stays_in_the_older_one_and_both_are_named(bench, legacy):
    user, dev = legacy.pair()
    moved = bench.taken_on("Another")
    legacy.database["jira_mapping"].drop_indexes()
    legacy.paired(moved, dev)
    bench.cycle()
    (line,) = bench.logged("pair conflicting")
    assert (line["issue"], line["counterpart"], line["reason"]) == (moved, dev, f"{dev} has {user}")
    assert len(bench.devs()) == 1
    bench.dev.move(dev, "Closed")
    bench.cycle()
    assert (bench.status(user), bench.status(moved)) == ("Resolved", "Will Do")


def test_an_issue_whose_legacy_counterpart_is_gone_gets_no_other_one(bench, legacy):
    user, dev = legacy.pair()
    bench.control.delete("one", dev)
    bench.start(rules=[{**bench.definition["rules"][0], "conditions": {"onStatusChange": False}}])
    bench.cycle()
    bench.user.edit(user, summary="edited")
    bench.user.move(user, "Resolved")
    bench.cycle()
    for status in ("Reopened", "Will Do"):
        bench.user.move(user, status)
        bench.cycle()
    assert bench.devs() == []
    (line,) = bench.logged("pair gone or not visible")
    assert (line["issue"], line["reason"]) == (user, f"{dev} is not there")


def test_a_legacy_pair_whose_counterpart_is_gone_yields_to_one_that_a_line_names(bench, legacy):
    user, dev = legacy.pair()
    twin = legacy.created(user, mapped=False)
    bench.control.delete("one", dev)
    bench.cycle()
    bench.dev.move(twin, "Closed")
    bench.cycle()
    assert bench.status(user) == "Resolved"
    (line,) = bench.logged("pair gone or not visible")
    assert line["reason"] == f"{dev} is not there; {user} has {twin}"


def test_an_issue_that_was_moved_keeps_its_legacy_counterpart_and_what_was_missed_of_it_counts(bench, legacy, long_ago):
    user, dev = legacy.pair()
    bench.dev.move(dev, "Closed")
    moved = bench.control.move("one", dev, "OTHER")
    moved_user = bench.control.move("one", user, "OTHER")
    long_ago()
    bench.cycle()
    bench.cycle()
    assert bench.devs() == []
    followed = bench.control.issue("one", moved_user)
    assert (followed["status"], len(followed["comments"])) == ("Resolved", 2)
    (pair,) = bench.database["pairs"].find()
    assert (pair["dev_key"], pair["away"]) == (moved, ["user", "dev"])


def test_nothing_is_taken_over_where_our_account_sees_no_issue_of_any_pair(bench, legacy):
    keys = [legacy.pair() for _ in range(6)]
    for _, dev in keys:
        bench.control.delete("one", dev)
    error = bench.try_cycle()
    assert isinstance(error, NeedsOperator)
    assert "sees no issue of DEV" in str(error)
    assert list(bench.database["pairs"].find()) == []


def test_in_a_shared_database_what_the_legacy_service_left_stays_as_it_is(bench, legacy):
    user, dev = legacy.pair()
    bench.dev.move(dev, "Closed")
    before = legacy.content()
    bench.start(databaseName=legacy.database.name)
    bench.cycle()
    assert bench.status(user) == "Resolved"
    after = legacy.content()
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) >= {"issues", "pairs", "progress"}


# While it is still at work


def test_the_worker_waits_until_the_legacy_service_ends_no_more_cycles(bench, legacy):
    legacy.pair()
    legacy.finished_cycle(hours_ago=5 / 60)
    bench.start(syncIntervalMinutes=5)
    error = bench.try_cycle()
    assert isinstance(error, Unavailable)
    assert "stop it" in str(error)
    assert 240 < error.retry_after <= 300
    assert list(bench.database["pairs"].find()) == []
    legacy.finished_cycle(hours_ago=11 / 60)
    bench.cycle()
    assert bench.database["pairs"].count_documents({}) == 1


def test_a_cycle_of_the_legacy_service_that_ends_during_the_takeover_is_noticed(bench, legacy):
    user, _ = legacy.pair()
    bench.user.move(user, "Resolved")
    bench.before_request = lambda: legacy.finished_cycle(1.9)
    error = bench.try_cycle()
    assert isinstance(error, NeedsOperator)
    assert "still at work" in str(error)
    bench.before_request = lambda: None
    bench.cycle()
    assert datetime.now(UTC) > bench.store.progress().cursors["user"]


# Where its database is lost, or was not there in time


@FLAVORS
def test_without_the_legacy_database_a_counterpart_that_two_descriptions_name_is_not_created_again(bench, legacy):
    user = bench.taken_on()
    bench.user.attach(user, "log.txt", b"0123")
    dev = legacy.created(user)
    legacy.account.attach(dev, "log.txt", b"0123")
    clone = bench.taken_on("CLONE - It is broken", description=bench.issue(user)["description"])
    solved = bench.taken_on("Solved")
    legacy.created(solved)
    another_clone = bench.taken_on("CLONE - Solved", description=bench.issue(solved)["description"])
    bench.user.move(solved, "Resolved")
    legacy.database.client.drop_database(legacy.database.name)
    others = [bench.taken_on(f"New {number}") for number in range(2)]
    bench.cycle()
    assert len(bench.devs()) == 6
    assert bench.comments(user) == [f"followed as {dev}"]
    assert [len(bench.comments(each)) for each in (clone, another_clone, *others)] == [1, 1, 1, 1]
    assert len(bench.issue(dev)["attachments"]) == 1
    (line,) = bench.logged("counterpart found by a line in its description")
    assert (line["issue"], line["counterpart"]) == (user, dev)
    bench.dev.move(dev, "Closed")
    bench.cycle()
    assert bench.status(user) == "Resolved"
