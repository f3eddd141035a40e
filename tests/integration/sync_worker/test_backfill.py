"""Issues that were only noted when their sync started get their counterparts: those that are asked for, once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from simulated_sites import CREATE_MANY, CREATE_ONE


@pytest.fixture
def long_ago(bench) -> str:
    """Have issues from before a start that only takes note; return a time between the older and the newer ones."""
    bench.pass_time(-40 * 24 * 3600)
    bench.taken_on("older")
    bench.pass_time(20 * 24 * 3600)
    between = datetime.now(UTC) - timedelta(days=25)
    for number in range(3):
        bench.taken_on(f"issue {number}")
        bench.pass_time(3600)
    bench.user.create("SUP", "Not yet")
    bench.pass_time(-bench._ahead)
    bench.start(initialSyncEnabled=False)
    bench.cycle()
    assert bench.devs() == []
    return between.isoformat(timespec="seconds")


def summaries(bench) -> list[str]:
    return [issue["summary"] for issue in bench.devs()]


def test_a_dry_run_of_backfill_lists_the_issues_and_does_nothing(bench, front, long_ago):
    ran = front("backfill", "sync-ab", "--since", long_ago, "--dry-run")
    said = [line.split() for line in ran.out.splitlines()]
    assert (ran.code, said[0][:2], len(said)) == (0, ["3", "issues"], 4)
    assert [line[0] for line in said[1:]] == ["SUP-2", "SUP-3", "SUP-4"]
    document = json.loads(front("backfill", "sync-ab", "--since", "2020-01-01", "--dry-run", "--json").out)
    assert [planned["issue"] for planned in document] == ["SUP-1", "SUP-2", "SUP-3", "SUP-4"]
    assert (bench.devs(), bench.database["requests"].count_documents({})) == ([], 0)


def test_backfill_has_the_worker_carry_issues_over_oldest_first_and_repeats_nothing(
    bench, front, long_ago, command, wait_until, monkeypatch
):
    monkeypatch.setattr("jira_sync.commands.backfill.BATCH_SIZE", 2)
    bench.store.journal.pause("ann")
    bench.stop()
    ran = front("backfill", "sync-ab", "--since", long_ago)
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "nothing is asked for: sync-ab is paused by ann" in ran.err
    assert bench.database["requests"].count_documents({}) == 0
    bench.database["control"].delete_many({})
    command.start()
    wait_until(lambda: bench.database["lease"].find_one({"owner": {"$ne": None}}), "a worker")
    assert front("backfill", "sync-ab", "--since", long_ago, "--limit", "2").code == 0
    assert summaries(bench) == ["issue 0", "issue 1"]
    ran = front("backfill", "sync-ab", "--since", "2020-01-01")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "2 issues carried over")
    assert summaries(bench) == ["issue 0", "issue 1", "older", "issue 2"]
    assert all(len(bench.comments(f"SUP-{number}")) == 1 for number in range(1, 5))
    again = front("backfill", "sync-ab", "--since", "2020-01-01")
    assert (again.code, again.out) == (0, "0 issues changed since 2020-01-01 00:00 UTC to carry over\n")


def test_backfill_of_many_issues_needs_a_yes_and_runs_here_where_no_worker_runs(bench, front):
    bench.start(initialSyncEnabled=False)
    bench.control.create_many("one", "SUP", 7, status="Will Do")
    bench.pass_time(10)
    bench.cycle()
    bench.know_that_marks_arrive()
    bench.stop()
    assert "say --yes" in front("backfill", "sync-ab", "--since", "2020-01-01").err
    assert bench.devs() == []
    for times, call in ((None, CREATE_MANY), (1, CREATE_ONE)):
        bench.control.fault("two", "status", status=400, message="It is wrong.", times=times, **call)
    ran = front("backfill", "sync-ab", "--since", "2020-01-01", "--yes")
    assert (ran.code, ran.out.splitlines()[-1]) == (1, "6 issues carried over, 1 not")
    assert "failed: POST /rest/api/2/issue: 400 It is wrong." in ran.out


@pytest.mark.parametrize("since", ["yesterday", "31.01.2025", "2025-13-01"])
def test_backfill_explains_how_a_date_is_written(bench, front, since):
    bench.start()
    ran = front("backfill", "sync-ab", "--since", since)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert f"--since is {since!r}; write it like 2025-01-31" in ran.err


def test_what_is_in_a_status_already_when_an_edit_lets_a_rule_answer_it_waits_for_backfill(
    bench, front, command, wait_until
):
    bench.start()
    bench.cycle()
    key = bench.user.create("SUP", "It is broken")
    bench.user.move(key, "In Progress")
    bench.cycle()
    bench.start(rules=[{**bench.definition["rules"][0], "sourceStatus": ["Will Do", "In Progress"]}])
    for _ in range(2):
        bench.cycle()
    bench.census()
    assert bench.devs() == []
    bench.stop()
    command.start()
    wait_until(lambda: bench.database["lease"].find_one({"owner": {"$ne": None}}), "a worker")
    assert front("backfill", "sync-ab", "--since", "2020-01-01").code == 0
    assert summaries(bench) == ["It is broken"]
