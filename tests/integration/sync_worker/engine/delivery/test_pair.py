"""The causes of one pair are delivered in their order."""

from __future__ import annotations

import pytest

from simulated_sites import CREATE, LONG_ENOUGH
from sync_worker.core.decisions import retry


@pytest.mark.defect(10)
def test_a_later_change_waits_behind_a_failed_one_of_its_issue_while_other_issues_go_on(bench, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_RETRY", 60.0)  # longer than the next few steps take
    key, counterpart = bench.pair()
    other, other_counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    fault = bench.fail_moves(path=f"/issue/{bench.issue(key)['id']}/transitions$")
    assert bench.cycle().failed == 1
    bench.control.heal("one", fault)
    bench.dev.move(counterpart, "Closed")
    bench.dev.move(other_counterpart, "Closed")
    bench.cycle_at_once()
    assert (bench.status(key), bench.status(other)) == ("Will Do", "Resolved")
    assert [cause["to_status"] for cause in bench.outbox()[0]["pending"]] == ["In Progress", "Closed"]
    bench.pass_time(LONG_ENOUGH)
    bench.cycle_at_once()
    assert bench.statuses_since_taken_on(key) == ["In Progress", "Resolved"]
    assert bench.outbox() == []


@pytest.mark.defect(20)
def test_an_issue_that_is_gone_before_its_turn_holds_up_no_other(bench):
    gone, moved, fine = (bench.taken_on(summary) for summary in ("gone", "moved", "fine"))
    bench.control.index("one", hide=[fine])
    bench.control.fault("two", "status", status=500, **CREATE)
    bench.try_cycle()
    bench.control.delete("one", gone)
    elsewhere = bench.control.move("one", moved, "OTHER")
    bench.control.index("one", show=[fine])
    bench.control.heal("two")
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()  # the first of two looks
    bench.pass_time(LONG_ENOUGH)
    assert bench.cycle().failed == 1
    assert [issue["summary"] for issue in bench.devs()] == ["fine"]
    # The one that left was forgotten; when it comes back it is as good as new.
    bench.control.move("one", elsewhere, "SUP")
    bench.cycle()
    assert [issue["summary"] for issue in bench.devs()] == ["fine", "moved"]
