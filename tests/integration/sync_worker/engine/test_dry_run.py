"""What the next cycle would do is said, issue by issue, and none of it is done."""

from __future__ import annotations

import json

import pytest

from simulated_sites import LINK, TRANSITION
from sync_worker.core.decisions import retry
from sync_worker.core.decisions.rate_limit import ApiCall
from sync_worker.database.shared.rate_limits import ReadOnlyLimits
from sync_worker.jira import transport
from worker_bench import EITHER_FLAVOR

READING = {"POST /search/jql", "POST /issue/bulkfetch"}


def content(bench) -> dict:
    """Return all that is in the sync's database, indexes and empty collections included.

    When the lease ends is left out: the worker of the bench, which runs beside the command, renews it.
    """
    names = sorted(bench.database.list_collection_names())
    hidden = {"lease": {"expires": False}}
    return {
        name: (list(bench.database[name].find({}, hidden.get(name))), bench.database[name].index_information())
        for name in names
    }


@pytest.fixture
def no_early_retry(monkeypatch) -> None:
    """Let what has failed wait for longer than a test may take."""
    monkeypatch.setattr(retry, "FIRST_RETRY", 600.0)


def limits(bench) -> list:
    return list(bench._client["jira_sync"]["limits"].find())


def planned(bench, front, *options: str):
    """Run the command, see that it has changed nothing anywhere, and return what it says."""
    before, sites, shared = content(bench), (bench.users(), bench.devs()), limits(bench)
    for site in ("one", "two"):
        bench.control.forget_calls(site)
    ran = front("plan", "sync-ab", *options)
    assert ran.code == 0, ran.err
    assert (content(bench), (bench.users(), bench.devs()), limits(bench)) == (before, sites, shared)
    calls = [call for site in ("one", "two") for call in bench.control.calls(site)]
    assert {f"{call['method']} {call['endpoint'].removeprefix('/rest/api/2')}" for call in calls} - READING
    assert all(call["method"] == "GET" or call["path"].endswith(("/search/jql", "/bulkfetch")) for call in calls)
    return ran


def lines(ran) -> list[str]:
    return [line.strip() for line in ran.out.splitlines()]


@EITHER_FLAVOR
def test_a_dry_run_of_a_sync_that_never_ran_shows_its_first_cycle_and_how_much_it_would_create(bench, front):
    bench.start()
    key = bench.taken_on()
    bench.user.attach(key, "log.txt", b"log")
    other = bench.taken_on("Another")
    ran = planned(bench, front)
    assert bench.database_name not in bench._client.list_database_names()
    assert "sync-ab has never run" in ran.err
    assert "it creates 2 issues" in ran.err
    assert lines(ran)[:2] == [
        f"{key} → DEV-?  create, link, copy log.txt, comment on the user side  (rule take-on; first seen in Will Do)",
        f"{other} → DEV-?  create, link, comment on the user side  (rule take-on; first seen in Will Do)",
    ]
    assert lines(ran)[2] == "in all: 2 to create, 2 to link, 1 to copy, 2 to comment on"
    bench.cycle()
    assert [len(bench.comments(taken_on)) for taken_on in (key, other)] == [1, 1]


def test_a_dry_run_plans_what_the_next_cycle_then_does(bench, front, no_early_retry):
    """Moves both ways, one that cannot be, one that need not be, one that waits; and the numbers agree."""
    pairs = [bench.pair() for _ in range(4)]
    (moved, moved_dev), (stuck, stuck_dev), (there, there_dev), (_, late_dev) = pairs
    bench.dev.move(late_dev, "In Progress")
    bench.control.fault("one", "status", status=500, **TRANSITION)
    bench.cycle()
    bench.control.heal("one")
    bench.user.move(stuck, "Cancelled")
    for closed in (moved_dev, stuck_dev, there_dev):
        bench.dev.move(closed, "Closed")
    bench.user.move(there, "Resolved")
    said = lines(planned(bench, front))
    why = "(rule finish; To Do → Closed)"
    assert f"{moved_dev} → {moved}  move to Resolved, from Will Do, comment on the user side  {why}" in said
    stuck_line = next(line for line in said if line.startswith(stuck_dev))
    assert "cannot move: SUP-2 cannot get from Cancelled to Resolved: its workflow offers our account" in stuck_line
    assert f"{there_dev} → {there}  comment on the user side  {why}" in said
    wait_line = next(line for line in said if line.startswith(late_dev))
    assert "wait: failed once, tried again at" in wait_line
    report = json.loads(planned(bench, front, "--json").out)
    assert report["totals"] == {"to move": 1, "to comment on": 2, "waiting": 1, "that cannot be done now": 1}
    result = bench.worker.run_once(bench._one_pass) or bench.worker.heartbeats.findings.last_cycle
    assert (result.actions["moved"], result.actions["commented"], result.failed) == (1, 2, 1)


def test_a_dry_run_leaves_out_what_an_interrupted_cycle_has_done(bench, front):
    key = bench.taken_on()
    bench.control.fault("one", "status", status=500, **LINK)
    bench.cycle()
    bench.control.heal("one")
    bench.pass_time(60)
    (line, total, changes) = lines(planned(bench, front))
    assert line.startswith(f"{key} → DEV-1  link  (rule take-on")
    assert (total, changes) == ("in all: 1 to link", "1 change in Jira, which tells people of 0 by mail")


def test_a_dry_run_beside_a_running_worker_says_what_a_pause_means(bench, front):
    bench.pair()
    key = bench.taken_on("Later")
    bench.store.journal.pause("ann", "a test")
    ran = planned(bench, front)
    assert "sync-ab is paused by ann at" in ran.err
    assert "jira-sync resume sync-ab" in ran.err
    assert f"{key} → DEV-?  create" in ran.out
    bench.store.journal.resume()
    assert bench.cycle().actions["created"] == 1


def test_a_dry_run_shows_some_of_many_issues_and_counts_the_rest(bench, front):
    bench.start()
    bench.control.create_many("one", "SUP", 120, status="Will Do")
    said = lines(planned(bench, front, "--limit", "2"))
    assert len(said) == 5
    assert said[2:] == [
        "and 118 issues more (--limit)",
        "in all: 120 to create, 120 to link, 120 to comment on",
        "360 changes in Jira, which tells people of 240 by mail",
    ]


def test_a_dry_run_of_an_edited_file_shows_what_waits_as_due_before_the_edit_is_applied(bench, front, no_early_retry):
    key, counterpart = bench.pair()
    finish = bench.definition["rules"][3]
    bench.start(rules=[{**finish, "actions": {**finish["actions"], "targetStatus": "Resovled"}}])
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    (waits, *_) = lines(planned(bench, front))
    assert "wait: failed once" in waits
    path = bench.folder / "sync-ab.json"
    path.write_text(json.dumps({**bench.definition, "rules": [finish]}))
    (moves, *_) = lines(planned(bench, front, "--edited"))
    assert moves.startswith(f"{counterpart} → {key}  move to Resolved")


def test_a_dry_run_says_in_one_line_what_would_end_the_cycle(bench, front, monkeypatch):
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.01)
    bench.start()
    bench.control.fault("one", "unauthorized")
    ran = front("plan", "sync-ab")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "the site does not accept our credentials any more" in ran.err
    bench.control.heal("one")
    bench.control.fault("one", "drop_before")
    ran = front("plan", "sync-ab")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "no answer" in ran.err
    assert "DATABASE_URL" not in ran.err


def test_read_only_limits_let_nothing_but_reading_requests_through(bench):
    onlooker = ReadOnlyLimits(bench._client, bench.url, None, None)
    for allowed in ("GET /issue/{}", *READING):
        assert onlooker.before(ApiCall(allowed, None)).seconds == 0
    for refused in ("POST /issue", "POST /issue/{}/transitions", "PUT /issue/{}", "DELETE /issue/{}"):
        with pytest.raises(AssertionError, match="nothing may be changed"):
            onlooker.before(ApiCall(refused, None))


def test_a_plan_says_which_database_it_looked_at(bench, front):
    bench.start()
    ran = front("plan", "sync-ab")
    assert f"looked at sync-ab by its database {bench.database_name}, on 127.0.0.1:" in ran.err
    report = json.loads(front("plan", "sync-ab", "--json").out)
    assert report["database"] == bench.database_name
    assert report["server"].startswith("on 127.0.0.1:")
