"""The outbox is delivered batch by batch, and one failing issue holds up no other."""

from __future__ import annotations

import pytest

from simulated_sites import CREATE, LONG_ENOUGH


@pytest.mark.defect(20)
def test_issues_of_the_same_id_on_both_sites_are_not_mixed_up(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(6)]
    bench.cycle()
    by_summary = {issue["summary"]: issue["key"] for issue in bench.devs()}
    assert {issue["id"] for issue in bench.users()} & {issue["id"] for issue in bench.devs()}
    for number, key in enumerate(keys):
        assert bench.comments(key) == [f"followed as {by_summary[f'issue {number}']}"]


def test_more_issues_than_one_batch_holds_are_all_carried_over(bench):
    for number in range(120):
        bench.taken_on(f"issue {number}")
    summary = bench.cycle()
    assert (summary.actions["created"], summary.failed) == (120, 0)
    assert len({issue["summary"] for issue in bench.devs()}) == 120


@pytest.mark.defect(10, 11)
def test_an_issue_that_cannot_be_moved_holds_up_no_other_and_no_comment_claims_that_it_was_moved(bench):
    stuck, stuck_dev = bench.pair()
    fine, fine_dev = bench.pair()
    bench.user.move(stuck, "Cancelled")
    for counterpart in (stuck_dev, fine_dev):
        bench.dev.move(counterpart, "Closed")
    assert bench.cycle().failed == 1
    assert (bench.status(stuck), bench.status(fine)) == ("Cancelled", "Resolved")
    assert bench.comments(stuck) == [f"followed as {stuck_dev}"]
    (error,) = bench.failures()
    assert error.startswith(f"{stuck} cannot get from Cancelled to Resolved: its workflow offers our account ")
    assert bench.logged("issue failed")[-1]["issue"] == stuck_dev
    bench.user.move(stuck, "Reopened")
    bench.cycle()
    assert bench.comments(stuck)[-1] == f"finished {stuck_dev}"


@pytest.mark.defect(10)
def test_an_issue_for_which_jira_answers_only_errors_holds_up_no_other(bench):
    keys = [bench.pair() for _ in range(3)]
    poisoned, _ = keys[0]
    identity = bench.issue(poisoned)["id"]
    bench.control.fault("one", "status", status=500, path=f"/issue/{identity}$")
    for _, counterpart in keys:
        bench.dev.move(counterpart, "Closed")
    assert bench.cycle().failed == 1
    assert [bench.status(key) for key, _ in keys] == ["Will Do", "Resolved", "Resolved"]
    bench.control.heal("one")
    bench.cycle()
    assert bench.status(poisoned) == "Resolved"


def test_a_cycle_ends_when_nothing_can_be_created_and_the_next_one_goes_on(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(8)]
    bench.control.fault("two", "status", status=503, **CREATE)
    assert bench.cycle().failed == 8
    assert len(bench.calls("two", **CREATE)) == 1
    bench.control.heal("two")
    bench.pass_time(LONG_ENOUGH)
    for _ in range(2):  # two looks
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert (len(bench.devs()), [len(bench.comments(key)) for key in keys]) == (8, [1] * 8)


def test_a_site_that_does_not_say_what_can_be_created_holds_up_no_move(bench):
    """Jira does not say what can be set on an issue that is to be created."""
    key, counterpart = bench.pair()
    bench.start()
    bench.taken_on("new")
    bench.dev.move(counterpart, "Closed")
    bench.control.fault("two", "status", status=500, path="/createmeta/")
    bench.try_cycle()
    assert bench.status(key) == "Resolved"


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_refusal_is_one_of_its_issue_where_the_site_does_not_say_what_our_account_may(bench, status):
    """The site refuses one comment, and does not answer whether our account may comment at all."""
    bench.cycle()
    refused = bench.taken_on("refused")
    identity = bench.issue(refused)["id"]
    bench.control.fault("one", "status", status=403, method="POST", path=f"/issue/{identity}/comment$")
    bench.control.fault("one", "status", status=status, path="/mypermissions$")
    other = bench.taken_on("innocent")
    assert bench.cycle().failed == 1
    assert (len(bench.comments(other)), bench.comments(refused)) == (1, [])
    assert "403" in (bench.dead_letters() + bench.failures())[0]
