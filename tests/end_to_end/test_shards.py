"""Several containers with one set of files, on one MongoDB server: each runs its part, and shows all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from generator.running.supervision.processes import members
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from running_groups import SITE, Group
from sync_model.shards import owner

NAMES = ("sync-a", "sync-b", "sync-c")


class Containers:
    """Groups that share a folder of configurations and a MongoDB server, as containers of one fleet do."""

    def __init__(self, folder: Path, mongo_url: str, new_group: Callable[[Path], Group], name: str) -> None:
        self._folder, self._mongo_url, self._new_group, self._name = folder, mongo_url, new_group, name
        self.configs = folder / "configs"
        self.configs.mkdir()
        self.started: list[Group] = []

    def start(self, shard: str) -> Group:
        place = self._folder / str(len(self.started))
        place.mkdir()
        group = self._new_group(place)
        group.configs.rmdir()
        group.configs = self.configs
        group.environ |= {
            "CONFIG_DIR": str(self.configs),
            "DATABASE_URL": self._mongo_url,
            "SHARD": shard,
            "FLEET": self._name,
        }
        self.started.append(group)
        if not any(self.configs.iterdir()):
            for letter in "ABC":
                group.write(letter, databaseName=f"{self._name}-{letter}")
        group.run("start")
        return group


@pytest.fixture
def containers(
    tmp_path_factory, free_port, wait_until, warm_commands, mongo_server, database_name
) -> Iterator[Containers]:
    with RunningSimulator(Seed.model_validate({"sites": [SITE]})) as simulator, ExitStack() as stack:

        def new_group(folder: Path) -> Group:
            group = Group(folder, simulator, free_port, wait_until, warm_commands)
            stack.callback(group.ann.http.close)
            return group

        found = Containers(
            tmp_path_factory.mktemp("fleet"), mongo_server.url, new_group, database_name.replace("_", "-")
        )
        yield found
        for group in found.started:
            if members(group.run_dir):
                group.run("stop")


def syncs(group: Group) -> dict[str, dict[str, Any]]:
    """Return what the monitor of one container says of all syncs."""
    try:
        answer = httpx.get(f"{group.monitor_url}/api/syncs", timeout=20, trust_env=False).json()
    except httpx.HTTPError:
        return {}
    return {sync["name"]: sync for sync in answer["syncs"]}


def conditions(group: Group) -> set[str]:
    return {sync["condition"] for sync in syncs(group).values()}


def test_shards_run_each_sync_once_and_each_container_shows_and_steers_all(containers, wait_until):
    first, second = containers.start("1/2"), containers.start("2/2")
    here = {name for name in NAMES if owner(name, 2) == 1}
    there = sorted(set(NAMES) - here)
    assert here
    assert there
    assert set(NAMES) & set(first.supervisor.states()) == here
    assert set(NAMES) & set(second.supervisor.states()) == set(there)
    for letter in "ABC":
        first.report(letter, f"one {letter}")
        first.expect(letter, f"one {letter}")

    # Either one shows all of them.
    for group in (first, second):
        wait_until(lambda group=group: conditions(group) == {"ok"}, "all syncs to be shown as well")
        assert set(syncs(group)) == set(NAMES)
    wait_until(lambda: len(documents(first, "containers")) == 2, "both containers to be seen")
    assert [each["shard"] for each in documents(first, "containers")] == ["1/2", "2/2"]
    foreign = syncs(first)[there[0]]
    assert (foreign["shard"], foreign["standsByHere"], foreign["pid"]) == ("2/2", False, None)
    status = json.loads(first.run("status", "--json"))
    assert {sync["name"]: sync["condition"] for sync in status["syncs"]} == dict.fromkeys(NAMES, "ok")
    assert "2/2" in first.run("status")
    scraped = {name: httpx.get(f"{first.monitor_url}{name}", trust_env=False).text for name in SCRAPES}
    assert all(f'jira_sync_up{{sync="{name}"}} 1.0' in scraped["/metrics"] for name in NAMES)
    assert {name for name in NAMES if f'sync="{name}"' in scraped["/metrics/container"]} == here
    assert 'jira_sync_containers{shard="2/2"} 1.0' in scraped["/metrics"]

    # What is asked of a sync reaches it from either container; what only its own container can do says where to do it.
    first.run("pause", there[0])
    for group in (first, second):
        wait_until(lambda group=group: syncs(group)[there[0]]["condition"] == "paused", "it to be seen as paused")
    first.run("resume", there[0])
    assert there[0] in first.run("sync-now", there[0])
    for command in ("restart", "apply", "stop"):
        said = first.attempt(command, there[0])
        assert said.returncode
        assert (
            f"{there[0]} belongs to shard 2/2, and this is shard 1/2: type it in a container of shard 2/2"
            in said.stderr
        )

    # An edit moves nobody else; each container applies its own.
    pids = {name: group.pid(name) for group in (first, second) for name in set(NAMES) & set(group.supervisor.states())}
    second.write(there[0][-1].upper(), databaseName=f"{second.environ['FLEET']}-{there[0][-1].upper()}", historyDays=3)
    assert first.run("apply") == f"= {len(here)} unchanged\n"
    assert f"~ {there[0]} restarted (config changed)" in second.run("apply")
    assert all(first.pid(name) == pids[name] for name in here)

    # One container ends: the other one says so.
    second.run("stop")
    said = first.attempt("status")
    assert said.returncode == 1
    assert all(f"{name} " in said.stdout for name in NAMES)
    assert "no container is shard 2/2: nobody runs its syncs" in said.stderr


def test_a_second_container_of_a_shard_stands_by_and_is_shown_as_such(containers, wait_until):
    first, standby = containers.start("1/1"), containers.start("1/1")
    wait_until(lambda: conditions(first) == {"ok"}, "the syncs to be well")
    wait_until(lambda: {sync["standsByHere"] for sync in syncs(standby).values()} == {True}, "it to stand by")
    wait_until(lambda: conditions(standby) == {"ok"}, "the standby to show how the syncs are")
    wait_until(lambda: [each["isStandby"] for each in documents(first, "containers")].count(True) == 1, "it to be told")
    assert httpx.get(f"{standby.monitor_url}/health", trust_env=False).status_code == 200
    assert "standing by" in standby.run("status")
    first.run("stop")
    wait_until(lambda: {sync["standsByHere"] for sync in syncs(standby).values()} == {False}, "it to take over")
    first.report("A", "after the change of hands")
    first.expect("A", "after the change of hands")


SCRAPES = ("/metrics", "/metrics/container")


def documents(group: Group, what: str) -> list[dict[str, Any]]:
    return httpx.get(f"{group.monitor_url}/api/syncs", timeout=20, trust_env=False).json()[what]
