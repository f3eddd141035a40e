"""What changed is found by search, and nothing is missed when search lags behind."""

from __future__ import annotations

import pytest

from simulated_sites import HOUR


@pytest.mark.defect(7, 9)
def test_an_edit_of_an_issue_with_a_counterpart_repeats_nothing(bench):
    key, counterpart = bench.pair()
    bench.user.edit(key, summary="It is still broken")
    bench.user.comment(key, "any news?")
    bench.cycle()
    assert len(bench.devs()) == 1
    assert bench.comments(key) == [f"followed as {counterpart}", "any news?"]


@pytest.mark.defect(16)
def test_the_first_cycle_only_notes_issues_when_the_sync_says_so(bench):
    bench.control.clock("one", -60)
    old = bench.taken_on("old")
    bench.control.clock("one", 0)
    bench.start(initialSyncEnabled=False)
    bench.cycle()
    assert bench.devs() == []
    bench.user.edit(old, summary="edited")
    bench.taken_on("new")
    bench.cycle()
    assert [issue["summary"] for issue in bench.devs()] == ["new"]


def test_the_first_cycle_carries_over_issues_however_old_they_are(bench):
    bench.control.clock("one", -40 * 24 * 3600)
    bench.taken_on("from last month")
    bench.control.clock("one", 0)
    bench.cycle()
    assert [issue["summary"] for issue in bench.devs()] == ["from last month"]


@pytest.mark.defect(4)
def test_a_change_that_search_shows_late_is_not_missed(bench):
    bench.start(searchLagMinutes=5)
    bench.pair()
    bench.control.index("one", hold=True)
    key = bench.taken_on("late")
    for _ in range(3):
        bench.pass_time(60)
        bench.cycle()
    assert bench.comments(key) == []
    bench.control.index("one", hold=False)
    bench.cycle()
    assert len(bench.comments(key)) == 1


@pytest.mark.defect(4)
def test_an_issue_that_search_loses_sight_of_for_a_while_is_not_missed(bench):
    bench.start(searchLagMinutes=5)
    key, counterpart = bench.pair()
    bench.control.index("two", hide=[counterpart])
    bench.dev.move(counterpart, "Closed")
    bench.pass_time(60)
    bench.cycle()
    bench.control.index("two", show=[counterpart])
    bench.cycle()
    assert bench.status(key) == "Resolved"


@pytest.mark.defect(1)
def test_a_change_during_a_cycle_is_found_by_the_next_cycle(bench):
    """The cursor is the start of the cycle, not its end."""
    bench.start(searchLagMinutes=0.001)
    bench.cycle()
    bench.control.forget_calls("one")
    keys = []

    def report() -> None:
        """Once this cycle has searched the customers' project, and before its end."""
        if any(call["endpoint"].endswith("/search/jql") for call in bench.control.calls("one")):
            bench.before_request = lambda: None
            keys.append(bench.taken_on("meanwhile"))
            bench.pass_time(60)

    bench.before_request = report
    bench.cycle()
    assert [len(bench.comments(key)) for key in keys] == [0]
    bench.cycle()
    assert [len(bench.comments(key)) for key in keys] == [1]


def test_a_change_that_search_hid_for_longer_than_its_lag_is_found_by_the_next_deep_scan(bench):
    key, counterpart = bench.pair()
    bench.control.index("two", hide=[counterpart])
    bench.dev.move(counterpart, "Closed")
    for hours in (0.4, 0.4):
        bench.pass_time_and_cycle(hours * HOUR)
        bench.cycle()
    bench.control.index("two", show=[counterpart])
    bench.cycle()
    assert bench.status(key) == "Will Do"
    bench.pass_time_and_cycle(0.3 * HOUR)
    bench.cycle()
    assert bench.status(key) == "Resolved"


@pytest.mark.parametrize(
    # the sync says                                         hours later   found
    ("settings", "hours", "status"),
    [
        ({}, 24.1, "Will Do"),
        ({"sweepLookBackHours": 30}, 24.1, "Resolved"),
        ({"sweepIntervalMinutes": 6}, 0.11, "Resolved"),
        ({"sweepIntervalMinutes": 12}, 0.11, "Will Do"),
    ],
)
def test_a_deep_scan_is_made_as_often_and_reaches_as_far_as_the_sync_says(bench, settings, hours, status):
    bench.start(**settings)
    key, counterpart = bench.pair()
    bench.control.index("two", hide=[counterpart])
    bench.dev.move(counterpart, "Closed")
    bench.pass_time_and_cycle(2 * bench.worker.interval)
    bench.cycle()
    bench.control.index("two", show=[counterpart])
    bench.pass_time_and_cycle(hours * HOUR)
    bench.cycle()
    assert bench.status(key) == status


def test_an_issue_that_a_deep_scan_finds_unchanged_is_not_read_again(bench):
    bench.pair()
    bench.cycle()
    for site in ("one", "two"):
        bench.control.forget_calls(site)
    bench.pass_time_and_cycle(1.1 * HOUR)
    assert bench.cycle().fetched == 0
    for site in ("one", "two"):
        assert bench.calls(site, "/bulkfetch$") == []
