"""The whole thing: files become processes that keep Jira projects in step, through edits, mistakes and crashes."""

from __future__ import annotations

import json
import os
import signal

import pytest
from pymongo import MongoClient

from simulated_sites import LONG_ENOUGH
from sync_model.health.heartbeat import Phase, read_heartbeat


def test_files_are_added_edited_broken_and_removed_while_the_group_runs(group):
    group.write("A")
    group.run("start")
    group.report("A", "first")
    group.expect("A", "first")

    # Another file is another process; the first one does not notice.
    first = group.pid("sync-a")
    group.write("B")
    assert "+ sync-b started" in group.run("apply")
    group.report("B", "second")
    group.expect("B", "second")
    assert group.pid("sync-a") == first

    # An edit counts once it is applied.
    group.write("A", rules=[{**group.rule, "sourceStatus": "In Progress"}])
    assert "~ sync-a restarted (config changed)" in group.run("apply")
    group.ann.move(group.report("A", "by the new rule"), "In Progress")
    group.expect("A", "by the new rule")

    # A broken file changes nothing for its sync, which goes on as it was.
    second = group.pid("sync-b")
    (group.configs / "sync-b.json").write_text("{")
    assert "! sync-b keeps running as it was" in group.run("apply", code=1)
    group.report("B", "with a broken file")
    group.expect("B", "with a broken file")
    assert group.pid("sync-b") == second

    # A removed file stops its sync; its database stays.
    (group.configs / "sync-a.json").unlink()
    assert "- sync-a stopped" in group.run("apply", code=1)
    with MongoClient(group.mongo_url) as client:
        assert client["sync_a"]["pairs"].count_documents({}) == 2


@pytest.mark.defect(6)
def test_a_killed_worker_comes_back_and_does_everything_once(group):
    group.write("A")
    group.run("start")
    summaries = [f"issue {number}" for number in range(30)]
    for summary in summaries:
        group.report("A", summary)
    killed = 0
    for count in (3, 8, 15):
        group.wait_until(lambda: len(group.counterparts("A")) >= count, f"{count} counterparts")  # noqa: B023
        killed = group.next_pid("sync-a", killed)
        os.kill(killed, signal.SIGKILL)
    group.expect("A", *summaries, passing=LONG_ENOUGH)
    comments = [len(each["comments"]) for each in group.control.issues("site", "SUPA")]
    assert comments == [1] * 30


def test_a_mongodb_that_was_killed_comes_back_and_nothing_is_lost_or_doubled(group):
    group.write("A")
    group.run("start")
    group.report("A", "before")
    group.expect("A", "before")
    worker = group.pid("sync-a")
    os.kill(group.pid("mongodb"), signal.SIGKILL)
    group.report("A", "after")
    group.control.clock("site", 60)
    group.expect("A", "before", "after")
    assert group.pid("sync-a") == worker


@pytest.mark.defect(14)
def test_a_worker_whose_credentials_are_wrong_says_so_and_neither_flaps_nor_disturbs_others(group):
    group.control.fault("site", "unauthorized", user="sync", path="/project/SUPA")
    group.write("A")
    group.write("B")
    group.run("start")
    beat = group.wait_until(
        lambda: (found := read_heartbeat(group.run_dir, "sync-a")) and found.phase is Phase.REFUSED and found,
        "sync-a to be refused",
    )
    assert "does not accept our credentials" in beat.reason
    assert (beat.next_cycle - beat.sent).total_seconds() > 30
    refused = group.pid("sync-a")
    group.report("B", "fine")
    group.expect("B", "fine")
    assert group.pid("sync-a") == refused


@pytest.mark.defect(13)
def test_a_heartbeat_says_what_the_last_cycle_did(group):
    group.report("A", "first")
    group.write("A", syncIntervalMinutes=0.5)
    group.run("start")
    beat = group.wait_until(
        lambda: (found := read_heartbeat(group.run_dir, "sync-a")) and found.last_cycle and found, "a cycle"
    )
    assert (beat.phase, beat.pid, beat.last_cycle.actions["created"]) == (Phase.WAITING, group.pid("sync-a"), 1)
    assert beat.next_cycle > beat.last_success


def test_every_line_of_a_log_is_json_names_its_sync_and_holds_no_secret(group):
    group.write("A")
    group.run("start")
    group.report("A", "first")
    group.expect("A", "first")
    group.run("stop")
    lines = [json.loads(line) for line in (group.run_dir / "logs/sync-a.log").read_text().splitlines()]
    assert {line["sync"] for line in lines} == {"sync-a"}
    events = [line["event"] for line in lines]
    assert {"worker started", "counterpart created", "cycle completed", "worker stopped"} <= set(events)
    everything = "".join(path.read_text() for path in (group.run_dir / "logs").iterdir() if path.name != "mongodb.log")
    assert group.token not in everything
