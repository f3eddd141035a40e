"""An issue that cannot be read, observed or stored stops only itself, is told to people, and is looked at again."""

from __future__ import annotations

import bson
import pytest

from simulated_sites import LONG_ENOUGH, TRANSITION
from sync_worker.core.errors import Unavailable
from worker_bench import EITHER_FLAVOR

A_MINUTE = 60.0
MOST_BYTES = 16 * 1024 * 1024
CREATE_FROM_BOTH = {
    "id": "both",
    "sourceStatus": "To Do",
    "syncDirection": "dev_to_user",
    "actions": {"createIssue": True},
}


READS = [{"path": r"/bulkfetch$|/issue/\d+$"}, {"query": "expand=changelog.*validateQuery"}]
"""The direct reads of the worker, as the simulator's faults name them: of Cloud, and of Data Center."""


def cannot_show(bench, site: str, key: str, status: int = 500) -> None:
    """Let Jira answer so to every direct read of an issue, alone or with others."""
    for reads in READS:
        bench.control.fault(site, "bad_issue", issue=bench.control.issue(site, key)["id"], status=status, **reads)


def unprocessable(bench) -> list[str]:
    """Return the keys of the issues that the heartbeat says cannot be handled."""
    beat = bench.worker.heartbeats._heartbeat()
    assert beat.unprocessable == len(beat.unprocessable_issues)
    return [issue.issue for issue in beat.unprocessable_issues]


def assert_only_it_is_stopped(bench, bad: str, why: str, *, cycles: int = 1) -> None:
    """See that new issues are carried over while `bad` cannot be handled, and that people are told of it."""
    for number in range(cycles):
        other = bench.taken_on(f"innocent {number}")
        assert bench.cycle().failed == 1
        assert len(bench.comments(other)) == 1
        assert unprocessable(bench) == [bad]
        assert why in bench.worker.heartbeats._heartbeat().unprocessable_issues[0].error
        bench.pass_time(A_MINUTE)


def moved_with_a_long_history(bench) -> tuple[str, str]:
    """Return a pair whose counterpart was moved, which the part of its history that a bulk read shows does not say."""
    key, counterpart = bench.pair()
    for site in ("one", "two"):
        bench.control.fault(site, "truncate_changelog", keep=1, issue=counterpart)
    bench.dev.move(counterpart, "In Progress")
    for text in ("x", "y"):
        bench.dev.edit(counterpart, summary=text)
    return key, counterpart


@pytest.mark.parametrize(
    # flavours       the answer for its history       why it cannot be handled
    ("bench", "status", "why"),
    [
        ("cloud-cloud", 500, "500"),
        ("cloud-cloud", 403, "403"),
        ("cloud-cloud", 404, "only a part of its history"),
        ("dc-dc", None, "only a part of its history"),
    ],
    indirect=["bench"],
)
def test_an_issue_whose_history_is_not_to_be_had_stops_only_itself(bench, status, why):
    key, counterpart = moved_with_a_long_history(bench)
    if status:
        bench.control.fault("two", "status", method="GET", path=r"/issue/\d+/changelog", status=status)
    assert_only_it_is_stopped(bench, counterpart, why, cycles=2)
    bench.control.heal("two")
    bench.pass_time(LONG_ENOUGH)
    assert bench.cycle().failed == 0
    assert (bench.status(key), unprocessable(bench)) == ("In Progress", [])
    assert bench.database["unprocessable"].count_documents({}) == 0


def test_an_issue_that_is_deleted_between_two_reads_stops_nothing(bench):
    _, counterpart = moved_with_a_long_history(bench)
    bench.control.forget_calls("two")

    def delete() -> None:
        """Once it was read, and before its history is."""
        if bench.calls("two", r"/issue/\d+$", "GET"):
            bench.before_request = lambda: None
            bench.control.delete("two", counterpart)

    bench.before_request = delete
    other = bench.taken_on("innocent")
    assert bench.cycle().failed == 0
    assert [issue["key"] for issue in bench.devs()] != []
    assert (len(bench.comments(other)), unprocessable(bench)) == (1, [])


def test_an_issue_that_a_bulk_read_lists_as_an_error_is_read_alone(bench):
    pairs = [bench.pair() for _ in range(3)]
    for _, counterpart in pairs:
        bench.dev.move(counterpart, "Closed")
    bench.control.fault("two", "issue_errors", issue=pairs[1][1])
    assert bench.cycle().failed == 0
    assert [bench.status(key) for key, _ in pairs] == ["Resolved"] * 3


@EITHER_FLAVOR
@pytest.mark.parametrize("status", [500, 400, 403])
def test_an_issue_that_jira_cannot_show_stops_only_itself_and_its_change_is_carried_over_later(bench, status):
    pairs = [bench.pair() for _ in range(5)]
    for _, counterpart in pairs:
        bench.dev.move(counterpart, "Closed")
    key, counterpart = pairs[2]
    cannot_show(bench, "two", counterpart, status=status)
    assert bench.cycle().failed == 1
    assert [bench.status(each) for each, _ in pairs].count("Resolved") == 4
    assert unprocessable(bench) == [counterpart]
    bench.control.heal("two")
    bench.pass_time(LONG_ENOUGH)  # search does not show the change any more
    assert bench.cycle().failed == 0
    assert bench.status(key) == "Resolved"


@pytest.mark.parametrize("bench", ["dc-dc", "cloud-dc"], indirect=True)
def test_an_issue_whose_mark_jira_does_not_show_stops_only_itself_and_gets_no_counterpart(bench):
    bench.start(rules=[*bench.definition["rules"], CREATE_FROM_BOTH])
    bench.cycle()
    with bench.control.person("two", "sync", "s3cr3t-sync-token", bearer=True) as us:
        made = us.create("DEV", "made by our account, by hand")
    bench.dev.create("DEV", "read together with it")  # a read of one issue alone shows its mark
    identity = bench.issue(made)["id"]
    bench.control.fault("two", "status", method="GET", path=rf"/issue/{identity}/properties", status=403)
    assert_only_it_is_stopped(bench, made, "403")
    assert "made by our account, by hand" not in [issue["summary"] for issue in bench.users()]


@EITHER_FLAVOR
def test_half_a_character_in_a_summary_is_replaced_and_holds_up_no_neighbour(bench):
    text = '{"fields": {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "half a smile \\ud83d"}}'
    half = bench.user.http.post("/issue", content=text, headers={"Content-Type": "application/json"}).json()["key"]
    bench.user.move(half, "Will Do")
    for number in range(3):
        bench.taken_on(f"innocent {number}")
    assert bench.cycle().failed == 0
    summaries = sorted(issue["summary"] for issue in bench.devs())
    assert summaries == ["half a smile \ufffd", "innocent 0", "innocent 1", "innocent 2"]


def test_an_issue_whose_document_is_too_large_for_mongodb_stops_only_itself(bench):
    key, counterpart = bench.pair()
    fill_up_document(bench, counterpart)
    bench.dev.move(counterpart, "Closed")
    assert_only_it_is_stopped(bench, counterpart, "cannot be stored", cycles=2)
    bench.database["issues"].update_one({"key": counterpart}, {"$set": {"handled": {}}})
    bench.pass_time(LONG_ENOUGH)
    assert bench.cycle().failed == 0
    assert bench.status(key) == "Resolved"


def test_an_issue_whose_failure_cannot_be_stored_stops_only_itself(bench):
    """Its document had room for the change, and has none for the error."""
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.fail_moves(times=1)
    bench.cycle_at_once()
    fill_up_document(bench, counterpart)
    wrong = {"status": 500, "message": "It is wrong. " * 30, "user": "sync"}
    bench.control.fault("one", "status", **wrong, **TRANSITION)
    assert_only_it_is_stopped(bench, counterpart, "cannot be stored")


def fill_up_document(bench, key: str) -> None:
    """Make the document of an issue so large that hardly anything can be added to it."""
    document = bench.database["issues"].find_one({"key": key})
    items = {str(number): {"twin": "x" * 1000} for number in range(16_000)}
    document["handled"] = {"attachments": {**items, "rest": {"twin": ""}}}
    document["handled"]["attachments"]["rest"]["twin"] = "x" * (MOST_BYTES - len(bson.encode(document)) - 20)
    bench.database["issues"].replace_one({"_id": document["_id"]}, document)


# Many of them, and a site that is silent


@EITHER_FLAVOR
def test_many_bad_issues_one_after_the_other_hold_up_the_others_for_a_cycle_at_most(bench):
    bench.cycle()
    keys = [bench.taken_on(f"bad {number}") for number in range(5)]
    for key in keys:
        cannot_show(bench, "one", key)
    others = [bench.taken_on(f"innocent {number}") for number in range(3)]
    bench.try_cycle()
    bench.pass_time(A_MINUTE)
    bench.try_cycle()
    bench.pass_time(A_MINUTE)
    bench.cycle()
    assert [len(bench.comments(other)) for other in others] == [1, 1, 1]
    assert sorted(unprocessable(bench)) == sorted(keys)
    bench.control.heal("one")
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert unprocessable(bench) == []
    assert len(bench.devs()) == 8


@EITHER_FLAVOR
def test_a_site_that_reads_no_issue_at_all_is_a_problem_of_the_site_and_nothing_is_lost(bench):
    pairs = [bench.pair() for _ in range(6)]
    for _, counterpart in pairs:
        bench.dev.move(counterpart, "Closed")
    for reads in READS:
        bench.control.fault("two", "status", status=502, **reads)
    bench.control.forget_calls("two")
    assert isinstance(bench.try_cycle(), Unavailable)
    assert len(bench.control.calls("two")) < 30
    bench.control.heal("two")
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert [bench.status(key) for key, _ in pairs] == ["Resolved"] * 6
    assert unprocessable(bench) == []


@EITHER_FLAVOR
def test_a_site_that_bears_no_large_bulk_reads_is_read_in_smaller_ones_from_then_on(bench):
    bench.cycle()
    for reads in READS:
        bench.control.fault("one", "too_many", size=10, status=504, **reads)
    bench.take_on_many(40)
    assert bench.cycle().failed == 0
    assert len(bench.devs()) == 40
    refused = [call for call in bench.control.calls("one") if call["status"] == 504]
    assert 0 < len(refused) <= 4
    bench.control.forget_calls("one")
    for issue in bench.users():
        bench.user.edit(issue["key"], summary="edited")
    bench.cycle()
    assert [call for call in bench.control.calls("one") if call["status"] == 504] == []


def test_a_site_that_bears_no_large_bulk_creations_gets_smaller_ones_and_each_issue_has_one_counterpart(bench):
    bench.cycle()
    bench.control.fault("two", "too_many", size=10, status=504, path="/issue/bulk$")
    bench.take_on_many(30)
    for _ in range(6):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    assert sorted(issue["summary"] for issue in bench.devs()) == sorted(f"issue {number}" for number in range(1, 31))
    sizes = [call["status"] for call in bench.calls("two", "/issue/bulk$")]
    assert sizes.count(504) <= 3


# When it is looked at again


def test_an_issue_that_cannot_be_handled_is_looked_at_again_with_pauses_that_grow(bench):
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.control.fault("two", "bad_issue", issue=counterpart, status=403, path=r"/bulkfetch|/issue/\d+$")
    bench.cycle()
    reads = []
    for _ in range(20):
        bench.pass_time(30)
        bench.control.forget_calls("two")
        bench.cycle_at_once()
        reads.append(len(bench.calls("two", r"/issue/\d+$", "GET")))
    assert reads[0] == 1
    assert sum(reads) < 10
    (document,) = bench.database["unprocessable"].find()
    assert document["failure"]["attempts"] == 1 + sum(reads)


def test_an_issue_that_cannot_be_handled_is_looked_at_again_at_once_when_it_changes(bench):
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    fault = bench.control.fault("two", "bad_issue", issue=counterpart, status=403, path=r"/bulkfetch|/issue/\d+$")
    for _ in range(5):
        bench.cycle()
    bench.control.heal("two", fault)
    bench.dev.edit(counterpart, summary="mended")
    bench.cycle_at_once()
    assert (bench.status(key), unprocessable(bench)) == ("Resolved", [])


def test_what_the_version_before_kept_of_such_issues_goes_on_without_a_word(bench):
    key, counterpart = bench.pair()
    identity = bench.issue(counterpart)["id"]
    fault = bench.control.fault("two", "bad_issue", issue=counterpart, status=500, path=r"/bulkfetch|/issue/\d+$")
    bench.control.index("two", hide=[counterpart])
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    bench.stop()
    bench.database["progress"].update_one({}, {"$set": {"unfit": {"dev": [identity], "user": []}}})
    bench.start()
    bench.cycle()
    assert unprocessable(bench) == [counterpart]
    bench.control.heal("two", fault)
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert (bench.status(key), unprocessable(bench)) == ("Resolved", [])


# What a person sees and does


@pytest.fixture
def bad(bench) -> tuple[str, str]:
    """A pair whose counterpart was closed and cannot be read. No worker is running."""
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.control.fault("two", "bad_issue", issue=counterpart, status=403, message="Not this one.", path="/issue")
    bench.cycle()
    bench.stop()
    return key, counterpart


def test_retry_lists_what_cannot_be_handled_with_key_and_reason(bad, front):
    ran = front("retry", "sync-ab")
    assert ran.code == 0
    assert f"{bad[1]}: cannot be handled: " in ran.out
    assert "Not this one." in ran.out


def test_retry_looks_at_an_issue_again_at_once_and_says_what_came_of_it(bench, bad, front):
    key, counterpart = bad
    ran = front("retry", "sync-ab", counterpart)
    assert (ran.code, "failed again" in ran.out, "Not this one." in ran.out) == (1, True, True)
    bench.control.heal("two")
    assert front("retry", "sync-ab", counterpart).out == f"{counterpart}: done\n"
    assert bench.status(key) == "Resolved"
    assert "nothing has failed" in front("retry", "sync-ab").out


def test_a_dismissed_issue_is_said_no_more_and_is_looked_at_again_when_it_changes(bench, bad, front):
    key, counterpart = bad
    assert front("dismiss", "sync-ab", counterpart).out == f"{counterpart}: dismissed\n"
    bench.start()
    for _ in range(3):
        bench.pass_time(LONG_ENOUGH)
        assert bench.cycle().failed == 0
        assert unprocessable(bench) == []
    bench.control.heal("two")
    bench.dev.edit(counterpart, summary="mended")
    bench.cycle()
    assert bench.status(key) == "Resolved"


def test_plan_says_which_issue_cannot_be_handled_and_why(bad, front):
    ran = front("plan", "sync-ab")
    assert ran.code == 0, ran.err
    assert "Not this one." in ran.out


def test_resync_says_why_an_issue_cannot_be_read(bad, front):
    ran = front("resync", "sync-ab", bad[1])
    assert (ran.code, "Not this one." in ran.out + ran.err) == (1, True)


def test_a_restore_goes_on_when_the_mark_of_one_issue_cannot_be_read(bench, front):
    """It may have been created after the backup; then it is not created a second time."""
    bench.start()
    bench.pair()
    bench.stop()
    backup = str(bench.folder / "backup")
    assert front("backup", "sync-ab", backup).code == 0
    bench.start()
    lost, counterpart = bench.pair()
    found, _ = bench.pair()
    bench.stop()
    assert front("restore", "sync-ab", backup, "--replace").code == 0
    identity = bench.issue(counterpart)["id"]
    fault = bench.control.fault("two", "status", status=403, path=rf"/issue/{identity}/properties")
    bench.start()
    for _ in range(2):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    other = bench.taken_on("innocent")
    bench.cycle()
    assert len(bench.comments(other)) == 1
    bench.control.heal("two", fault)
    for _ in range(3):
        bench.pass_time(LONG_ENOUGH)
        bench.try_cycle()
    assert len(bench.devs()) == 4
    assert [len(bench.comments(key)) for key in (lost, found)] == [1, 1]
