"""A site that does not keep properties: our marks do not arrive there. Nothing is made twice all the same."""

from __future__ import annotations

import pytest

from decisions import on_another_server, refusal, with_empty_database
from simulated_sites import COMMENT, CREATE, CREATE_MANY, LONG_ENOUGH
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR


@pytest.fixture
def bench(bench):
    """Both sites of the bench lose what comes in `properties`."""
    for site in ("one", "two"):
        bench.control.settings(site, keepsProperties=False)
    return bench


def cycles(bench, count: int = 3) -> None:
    """Run cycles, the first of which may fail, until nothing is uncertain any more."""
    for _ in range(count):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    bench.cycle()


def assert_each_once(bench, keys: list[str]) -> None:
    counterparts = bench.devs()
    assert len(counterparts) == len(keys)
    told = [bench.comments(key) for key in keys]
    assert sorted(text for texts in told for text in texts) == sorted(
        f"followed as {issue['key']}" for issue in counterparts
    )
    assert [len(texts) for texts in told] == [1] * len(keys)
    assert bench.failures() == []


@EVERY_FLAVOR
def test_the_first_creation_whose_answer_is_lost_is_found_by_its_summary(bench):
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    key = bench.taken_on("  lost   answer ")
    cycles(bench)
    assert_each_once(bench, [key])


@EITHER_FLAVOR
def test_a_crash_after_the_first_creation_makes_no_second_one(bench):
    def die() -> None:
        if bench.control.issues("two"):
            raise KeyboardInterrupt

    key = bench.taken_on("created by a process that died")
    bench.start()
    bench.before_request = die
    with pytest.raises(KeyboardInterrupt):
        bench.try_cycle()
    bench.before_request = lambda: None
    bench.start()
    cycles(bench)
    assert_each_once(bench, [key])


@EITHER_FLAVOR
def test_each_of_two_issues_with_one_summary_gets_its_own_although_both_answers_are_lost(bench):
    """The second one is not created before it is certain what became of the first one."""
    bench.control.fault("two", "drop_after", times=2, **CREATE)
    keys = [bench.taken_on("printer broken") for _ in range(2)]
    cycles(bench, 5)
    assert_each_once(bench, keys)


@EITHER_FLAVOR
def test_which_of_two_unmarked_issues_with_one_summary_is_a_counterpart_is_left_to_a_person(bench):
    """Our account is somebody's own, too, who has created an issue of the same summary by hand."""
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    key = bench.taken_on("printer broken")
    bench.cycle()
    login = "sync" if "authType" in bench.definition["devJira"] else "sync@example.com"
    bench.sites.person("two", login, "s3cr3t-sync-token").create("DEV", "printer broken")
    cycles(bench)
    assert len(bench.devs()) == 2
    (said,) = bench.dead_letters()
    assert "which of DEV-1, DEV-2 was created for it cannot be told" in said
    assert bench.comments(key) == []


@EVERY_FLAVOR
def test_later_creations_carry_a_label_and_are_found_by_it(bench):
    bench.start()
    first, _ = bench.pair()
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    same = [bench.taken_on("printer broken")]
    bench.try_cycle()
    bench.control.fault("two", "drop_after", times=1, **CREATE_MANY)
    same += [bench.taken_on("printer broken", labels=["urgent"]) for _ in range(3)]
    cycles(bench)
    assert_each_once(bench, [first, *same])
    labels = sorted(len(issue["labels"]) for issue in bench.devs())
    assert labels == [0, 1, 2, 2, 2]


def test_that_marks_do_not_arrive_is_said_once_in_the_log_and_in_the_journal(bench):
    for _ in range(2):
        bench.pair()
    assert [(entry["kind"], entry["side"]) for entry in bench.logged("marks do not arrive")] == [
        ("issue", "dev"),
        ("comment", "user"),
    ]
    said = [entry.text for entry in bench.store.journal.actions(50) if entry.what == "mark"]
    assert any("does not keep the properties of issues: labels that begin with jira-sync-" in text for text in said)
    assert len(said) == 2


@pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
def test_without_labels_on_the_screen_issues_are_created_one_by_one(bench):
    bench.control.delete_project("two", "DEV")
    bench.control.add_project("two", key="DEV", workflow="development", screen=["description", "priority"])
    keys = [bench.taken_on(f"issue {number}") for number in range(3)]
    bench.cycle()
    assert_each_once(bench, keys)
    assert bench.calls("two", "/issue/bulk$") == []
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    keys.append(bench.taken_on("lost answer"))
    cycles(bench)
    assert_each_once(bench, keys)


@EVERY_FLAVOR
def test_a_comment_whose_answer_is_lost_is_not_posted_again(bench):
    bench.control.fault("one", "drop_after", times=1, **COMMENT)
    first = bench.taken_on("first")
    cycles(bench)
    bench.control.fault("one", "drop_after", times=1, **COMMENT)
    second = bench.taken_on("second")
    cycles(bench)
    assert_each_once(bench, [first, second])


@EITHER_FLAVOR
def test_the_same_words_as_before_are_posted_when_the_status_comes_back(bench):
    key, counterpart = bench.pair()
    for lost in (False, True, False):
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        if lost:
            bench.control.fault("two", "drop_before", times=1, **COMMENT)
        bench.user.move(key, "Reopened")
        bench.try_cycle()
        bench.try_cycle()
    cycles(bench)
    assert bench.comments(counterpart) == [f"reopened {key}"] * 3
    assert bench.failures() == []


@EITHER_FLAVOR
def test_a_lost_database_knows_its_pairs_again_by_their_labels(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(3)]
    bench.cycle()
    by_label = [issue for issue in bench.devs() if issue["labels"]]
    assert len(by_label) == 2
    with_empty_database(bench)
    bench.try_cycle()
    assert bench.database["pairs"].count_documents({}) == 2
    assert len(keys) == 3


@EITHER_FLAVOR
def test_another_installation_is_found_out_by_its_labels(bench):
    for number in range(3):
        bench.taken_on(f"issue {number}")
    bench.cycle()
    on_another_server(bench)
    assert "by another installation (database " in refusal(bench)


@EITHER_FLAVOR
def test_a_label_that_somebody_has_copied_is_no_mark(bench):
    """Whoever clones an issue in Jira clones its labels."""
    bench.pair()
    bench.pair()
    labelled = next(issue for issue in bench.devs() if issue["labels"])
    bench.dev.create("DEV", "a clone", labels=labelled["labels"])
    bench.cycle()
    with_empty_database(bench)
    bench.try_cycle()
    assert [pair["dev_id"] for pair in bench.database["pairs"].find()] == [labelled["id"]]
