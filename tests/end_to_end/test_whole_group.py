"""The whole thing: files become processes that keep Jira projects in step, through edits, mistakes and crashes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from generator.processes import members
from generator.supervisor_rpc import Supervisor
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from sync_model.heartbeat import Phase, read_heartbeat

REPO = Path(__file__).parents[2]
TOKEN = "s3cr3t-sync-token"
USERS = [
    {"name": "sync", "email": "sync@example.com", "token": TOKEN},
    {"name": "ann", "email": "ann@example.com", "token": "ann-token"},
]
SITE = {
    "name": "site",
    "users": USERS,
    "projects": [
        {"key": f"{prefix}{letter}", "workflow": workflow}
        for letter in "ABC"
        for prefix, workflow in (("SUP", "customer"), ("DEV", "development"))
    ],
}
TAKE_ON = {
    "sourceStatus": "Will Do",
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "addCrossLink": True, "addComment": True, "commentTemplate": "as ${targetKey}"},
}


class Group:
    """A running group over an embedded MongoDB, the simulated site that it works on, and an operator."""

    def __init__(
        self, folder: Path, simulator: RunningSimulator, free_port: Callable[[], int], wait_until: Callable[..., Any]
    ) -> None:
        self.configs, self.run_dir = folder / "configs", folder / "run"
        self.configs.mkdir()
        self.control, self.url, self.wait_until = simulator.control, simulator.url, wait_until
        self.ann = self.control.person("site", "ann@example.com", "ann-token")
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        ports = {"MONGODB_PORT": str(free_port()), "PORT": str(free_port())}
        ours = {"CONFIG_DIR": str(self.configs), "RUN_DIR": str(self.run_dir), **ports}
        self.environ = {**keep, **ours, "TOKEN": TOKEN}
        self.mongo_url = f"mongodb://127.0.0.1:{ports['MONGODB_PORT']}"

    def write(self, letter: str, **changes: Any) -> None:
        definition = {
            "name": f"sync-{letter.lower()}",
            "jira": {"baseUrl": f"{self.url}/site", "email": "sync@example.com", "apiToken": "${TOKEN}"},
            "userProjectKey": f"SUP{letter}",
            "devProjectKey": f"DEV{letter}",
            "syncIntervalMinutes": 0.01,
            "searchLagMinutes": 0.05,
            "rules": [TAKE_ON],
        }
        (self.configs / f"sync-{letter.lower()}.json").write_text(json.dumps({**definition, **changes}))

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "generator", *arguments],
            env=self.environ, cwd=REPO, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done
        return done.stdout

    def pid(self, name: str) -> int:
        return Supervisor(self.run_dir / "supervisor.sock").states()[name].pid

    def report(self, letter: str, summary: str) -> str:
        """Have a customer report something that will be done; return its key."""
        key = self.ann.create(f"SUP{letter}", summary)
        self.ann.move(key, "Will Do")
        return key

    def counterparts(self, letter: str) -> list[str]:
        return [each["summary"] for each in self.control.issues("site", f"DEV{letter}")]

    def expect(self, letter: str, *summaries: str) -> None:
        """Wait until these have counterparts, and see that each has one, with one comment."""
        self.wait_until(lambda: set(summaries) <= set(self.counterparts(letter)), f"{summaries} in DEV{letter}")

        def is_told() -> bool:
            users = self.control.issues("site", f"SUP{letter}")
            return all(each["comments"] for each in users if each["summary"] in summaries)

        self.wait_until(is_told, "the customers to be told")
        assert sorted(self.counterparts(letter)) == sorted(set(self.counterparts(letter)))


@pytest.fixture
def group(tmp_path: Path, free_port: Callable[[], int], wait_until: Callable[..., Any]) -> Iterator[Group]:
    with RunningSimulator(Seed.model_validate({"sites": [SITE]})) as simulator:
        group = Group(tmp_path, simulator, free_port, wait_until)
        yield group
        group.run("stop")
        group.ann.http.close()
        assert members(group.run_dir) == []


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
    group.write("A", rules=[{**TAKE_ON, "sourceStatus": "In Progress"}])
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
    for count in (3, 8, 15):
        group.wait_until(lambda: len(group.counterparts("A")) >= count, f"{count} counterparts")  # noqa: B023
        os.kill(group.wait_until(lambda: group.pid("sync-a"), "a worker"), signal.SIGKILL)
    # What was under way when it was killed is looked into once no request of its can be at work any more.
    group.control.clock("site", 60)
    group.expect("A", *summaries)
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
    assert (beat.phase, beat.pid, beat.last_cycle.created) == (Phase.WAITING, group.pid("sync-a"), 1)
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
    assert TOKEN not in everything
