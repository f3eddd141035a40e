"""Containers that follow what is pushed: groups in folders of their own, with one MongoDB between them."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from generator.running.settings.group import from_environ
from generator.running.state.pushed import pushed_version
from generator.running.supervision.processes import members
from generator.running.supervision.supervisor_rpc import Supervisor
from sync_model.shards import Shard
from sync_worker.database.connection import connect
from sync_worker.database.shared.pushed_files import PushedFiles, hash_of
from warm_processes import COMMAND, WarmProcesses

WATCHER = "config-watcher"
NAMES = [f"sync-{letter}" for letter in "abcd"]
FIRST, SECOND = ([name for name in NAMES if Shard(number, 2).owns(name)] for number in (1, 2))
TOKEN = "s3cr3t-token-of-a-container"


class Rig:
    """The folder of who pushes, and containers: groups that have no folder of files of their own."""

    def __init__(self, folder: Path, server: Any, wait_until: Callable[..., Any], commands: WarmProcesses) -> None:
        self.folder, self.server, self.wait_until, self._commands = folder, server, wait_until, commands
        self.fleet = f"test-{uuid.uuid4().hex[:8]}"
        self.configs = folder / "pusher" / "configs"
        self.configs.mkdir(parents=True)
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environ = {**keep, "DATABASE_URL": server.url, "FLEET": self.fleet}
        self.containers: list[Container] = []
        self._edits: dict[str, int] = {}

    def write(self, name: str, **changes: Any) -> None:
        key = name.replace("-", "").upper()
        keys = {"userProjectKey": f"U{key}", "devProjectKey": f"D{key}"}
        # Nobody answers there: a worker waits, visibly, and stays.
        jira = {"baseUrl": "http://127.0.0.1:1", "apiToken": "${JIRA_TOKEN_X}"}
        rules = [{"sourceStatus": "A", "syncDirection": "both"}]
        definition = {"name": name, "jira": jira, **keys, "rules": rules, **changes}
        (self.configs / f"{name}.json").write_text(json.dumps(definition))

    def edit(self, name: str) -> None:
        self._edits[name] = self._edits.get(name, 0) + 1
        self.restore()

    def restore(self) -> None:
        """Have all files be as they were edited last, all right."""
        for name in NAMES:
            self.write(name, description=f"edit {self._edits.get(name, 0)}")

    def push(self, *options: str, code: int = 0) -> str:
        return self.run("push", str(self.configs), *options, environ=self.environ, code=code)

    def run(self, *arguments: str, environ: dict[str, str], code: int = 0) -> str:
        done = self._commands.run(*arguments, environ=environ, code=COMMAND, timeout=120)
        said = str(done.stdout + done.stderr)
        assert done.returncode == code, said
        assert TOKEN not in said
        assert "Traceback" not in said
        return said

    @contextmanager
    def files(self) -> Iterator[PushedFiles]:
        with closing(connect(self.server.url, "test")) as client:
            yield PushedFiles(client, self.fleet)

    def newest(self) -> int:
        with self.files() as files:
            newest = files.newest()
        assert newest is not None
        return newest.number

    def container(self, port: int, **environ: str) -> Container:
        self.containers.append(Container(self, self.folder / f"run-{len(self.containers)}", port, environ))
        return self.containers[-1]


class Container:
    """One group. What it runs comes from the database."""

    def __init__(self, rig: Rig, run_dir: Path, port: int, environ: dict[str, str]) -> None:
        self.rig, self.run_dir = rig, run_dir
        own = {"RUN_DIR": str(run_dir), "PORT": str(port), "CONFIG_SOURCE": "database", "JIRA_TOKEN_X": TOKEN}
        self.environ = {**rig.environ, **own, "JIRA_SITES": "http://127.0.0.1:1", **environ}
        self.supervisor = Supervisor(run_dir / "supervisor.sock")

    def run(self, *arguments: str, code: int = 0) -> str:
        return self.rig.run(*arguments, environ=self.environ, code=code)

    def pids(self) -> dict[str, int]:
        return {name: state.pid for name, state in self.supervisor.states().items() if name in NAMES}

    def version(self) -> int | None:
        return pushed_version(from_environ(self.environ))

    def digests(self) -> dict[str, str]:
        return {
            name: found["digest"]
            for name, found in json.loads((self.run_dir / "syncs/.manifest.json").read_text()).items()
        }

    def log(self) -> str:
        return (self.run_dir / "logs" / f"{WATCHER}.log").read_text()

    def has_applied(self, version: int) -> bool:
        """Tell whether a version is here, and what was to be done about it is done.

        These are asked in the order in which they come true: the version is here, it is taken up, that is finished.
        """
        if self.version() != version or any(sync["isEdited"] for sync in self.document()["syncs"]):
            return False
        return not (self.run_dir / "apply.json").exists()

    def has_said(self, rig: Rig, *sentences: str) -> None:
        """Wait until the watcher has said all this."""
        rig.wait_until(lambda: all(sentence in self.log() for sentence in sentences), f"it to say {sentences}")

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._look("--json"))
        return document

    def status(self) -> str:
        return self._look()

    def _look(self, *options: str) -> str:
        """Nobody answers where the sites should be, so that the exit code says so."""
        return str(self.rig._commands.run("status", *options, environ=self.environ, code=COMMAND, timeout=120).stdout)


@pytest.fixture(scope="module")
def rig(tmp_path_factory, new_mongo_server, wait_until, warm_commands) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "mongodb").mkdir()
    rig = Rig(folder, new_mongo_server(folder / "mongodb"), wait_until, warm_commands)
    yield rig
    for container in rig.containers:
        rig._commands.run("stop", environ=container.environ, code=COMMAND, timeout=120)
        assert members(container.run_dir) == []


@pytest.fixture(scope="module")
def two(rig, free_port) -> list[Container]:
    """Two containers, each with its own part of the syncs; the first one was started before anything was pushed."""
    first, second = (rig.container(free_port(), SHARD=f"{number}/2") for number in (1, 2))
    nothing = f"nothing has been pushed for fleet {rig.fleet} yet: jira-sync push"
    assert nothing in first.run("start")
    assert first.pids() == {}
    assert first.version() is None
    assert f"files: {nothing}" in first.status()
    rig.restore()
    rig.push()
    second.run("start")
    return [first, second]


def settled(rig: Rig, two: list[Container]) -> dict[str, int]:
    """Wait until all is done about the newest version; return the processes of all syncs."""
    newest = rig.newest()
    for container in two:
        rig.wait_until(lambda container=container: container.has_applied(newest), f"version {newest} to be applied")
    return {**two[0].pids(), **two[1].pids()}


def test_every_container_runs_its_own_part_of_what_was_pushed(rig, two):
    first, second = two
    settled(rig, two)
    assert (sorted(first.pids()), sorted(second.pids())) == (FIRST, SECOND)
    assert FIRST != NAMES != SECOND
    pushed = first.document()["pushed"]
    assert (pushed["fleet"], pushed["version"], pushed["trouble"]) == (rig.fleet, rig.newest(), None)
    assert f"files: version {rig.newest()}, pushed {pushed['pushedAt'][:10]} " in first.status()


def test_only_the_worker_of_an_edited_file_is_replaced_and_what_is_broken_goes_on(rig, two):
    before = settled(rig, two)
    rig.edit(FIRST[2])
    (rig.configs / f"{SECOND[0]}.json").write_text("{")
    rig.write(FIRST[0], jira={"baseUrl": "http://127.0.0.1:1", "apiToken": TOKEN})
    # Who pushes cannot know what a container lets its syncs have.
    rig.write(FIRST[1], jira={"baseUrl": "http://127.0.0.1:2", "apiToken": "${HOME}"})
    rig.push(code=1)
    two[0].has_said(rig, "environment variable HOME is not for syncs, unless the group's environment says so")
    after = settled(rig, two)
    assert {name for name in NAMES if after[name] != before[name]} == {FIRST[2]}


def test_mongodb_that_is_away_ends_nothing_and_what_is_pushed_afterwards_is_followed(rig, two):
    before = settled(rig, two)
    rig.server.stop()
    for container in two:
        container.has_said(rig, "cannot be followed: MongoDB")
    assert {**two[0].pids(), **two[1].pids()} == before
    rig.server.start()
    for container in two:
        container.has_said(rig, "are followed again")
        assert container.log().count("cannot be followed") == 1
    rig.restore()
    rig.edit(SECOND[0])
    rig.push()
    after = settled(rig, two)
    assert {name for name in NAMES if after[name] != before[name]} == {SECOND[0]}


def test_a_file_that_is_not_as_it_was_pushed_is_broken_and_its_sync_goes_on(rig, two):
    before = settled(rig, two)
    rig.edit(FIRST[0])
    rig.edit(SECOND[0])
    with rig.files() as files:
        number = rig.newest() + 1
        contents = {path.name: path.read_bytes() for path in rig.configs.glob("*.json")}
        # As if it had never arrived.
        files.push(number, "ann", contents, {hash_of(contents[f"{SECOND[0]}.json"])})
    two[1].has_said(rig, f"{SECOND[0]}.json: is not in the database as it was pushed; push it again: jira-sync push")
    after = settled(rig, two)
    assert {name for name in NAMES if after[name] != before[name]} == {FIRST[0]}
    rig.push()
    assert settled(rig, two)[SECOND[0]] != before[SECOND[0]]


def test_a_database_that_was_emptied_or_restored_stops_nothing_and_the_next_push_is_followed(rig, two):
    before, number = settled(rig, two), rig.newest()
    with MongoClient[dict[str, Any]](rig.server.url, tz_aware=True) as client:
        versions = client["jira_sync"]["config_versions"]
        kept = list(versions.find({"fleet": rig.fleet}).sort("number"))
        client.drop_database("jira_sync")
        two[0].has_said(rig, "is in the database any more")
        versions.insert_one(kept[0])  # as a backup has it
        two[0].has_said(rig, "is the newest one in the database, and older than what is here")
    assert f"version {number} goes on until somebody pushes" in two[0].document()["trouble"]
    assert {**two[0].pids(), **two[1].pids()} == before
    assert rig.newest() == 1
    rig.push()
    assert settled(rig, two) == before
    assert (rig.newest(), two[0].document()["pushed"]["trouble"]) == (2, None)


def test_a_container_starts_without_mongodb_with_what_it_had_or_waits(rig, two, free_port):
    number = two[1].version()
    two[1].run("stop")
    rig.server.stop()
    new = rig.container(free_port(), SHARD="2/2")
    assert f"version {number} goes on" in two[1].run("start")
    assert "no sync runs until it is there" in new.run("start")
    assert (sorted(two[1].pids()), new.pids()) == (SECOND, {})
    rig.server.start()
    rig.wait_until(lambda: sorted(new.pids()) == SECOND, "it to fetch what was pushed")


def test_an_empty_folder_stops_all_syncs_if_that_is_what_who_pushes_wants(rig, two):
    before = settled(rig, two)
    for name in NAMES:
        (rig.configs / f"{name}.json").unlink()
    rig.push(code=1)
    assert {**two[0].pids(), **two[1].pids()} == before
    rig.push("--allow-empty")
    for container in two:
        rig.wait_until(lambda container=container: container.pids() == {}, "all syncs to be stopped")
