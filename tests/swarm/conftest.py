"""The image and the stack file on a real Docker Swarm, whose machines fail.

SWARM_HOSTS    the engines of its nodes, as DOCKER_HOST names them, with spaces between. All of them are managers
SWARM_FAULTS   a command that makes machines fail: `kill NODE`, `start NODE`, `cut NODE managers|outside|all` and
               `heal NODE`. NODE counts from 1, in the order of SWARM_HOSTS; `outside` is this machine, which has
               MongoDB and the simulated sites
SWARM_IMAGE    an image that the nodes have, or can pull. Without it, the image is built on the engine that answers here

This machine must be one that the nodes reach by its address, and none of the nodes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from benchmarks.rig.processes import SYNC_ACCOUNT, Rig, running_rig
from benchmarks.scenario.definitions import site_seeds, sync_under_test
from benchmarks.verdict.demands import SyncUnderTest
from benchmarks.verdict.unserved import longest_unserved
from steady_traffic import SteadyTraffic, write_configs
from swarm_nodes import Node, Swarm, Task, await_fact, run_docker
from sync_model.heartbeat import parse_heartbeat
from sync_model.shards import Shard
from sync_worker.database.fleet import Container, Fleet
from sync_worker.database.lease_reports import LeaseReport, read_report

REPO = Path(__file__).parents[2]
STACK = REPO / "deploy" / "stack.yml"
NUMBERS = (0, 2, 4, 6, 8, 10)
"""Of the syncs. All of 3 and all of 4 shards have some of them, and two of them move when 3 become 4."""
SERVED = ("cloud", "dc")
DATABASE_WAIT = "&serverSelectionTimeoutMS=3000"


@dataclass
class Stack:
    """The stack as an operator sees it, and what is around it."""

    swarm: Swarm
    rig: Rig
    traffic: SteadyTraffic
    folder: Path
    image: str
    name: str = field(default_factory=lambda: f"jira-sync-test-{uuid.uuid4().hex[:6]}")
    settings: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = {
            "IMAGE": self.image,
            "SHARDS": "3",
            "STANDBYS": "0",
            "FLEET": self.name,
            # Where the kernel has no IPVS, nothing else works. No test asks a container over the network.
            "ENDPOINT_MODE": "dnsrr",
            "MEMORY_LIMIT": "512M",
            # What is pushed sends the group's token to no other site.
            "JIRA_SITES": " ".join(f"{self.rig.control.url}/{site}" for site in SERVED),
            "DATABASE_URL_SECRET": f"{self.name}-database-url",
            "ADMIN_TOKEN_SECRET": f"{self.name}-admin-token",
            "JIRA_API_TOKEN_SECRET": f"{self.name}-api-token",
        }

    @property
    def service(self) -> str:
        return f"{self.name}_jira-sync"

    @property
    def services(self) -> dict[str, int]:
        """The services of the stack, and how many tasks each has."""
        standbys = f"{self.name}_standby"
        return {self.service: int(self.settings["SHARDS"]), standbys: int(self.settings["STANDBYS"])}

    @property
    def syncs(self) -> list[SyncUnderTest]:
        return list(self.traffic.syncs)

    def make_secrets(self) -> None:
        self.secrets = {
            "DATABASE_URL_SECRET": self.rig.database_url,
            "ADMIN_TOKEN_SECRET": uuid.uuid4().hex,
            "JIRA_API_TOKEN_SECRET": SYNC_ACCOUNT["token"],
        }
        for variable, value in self.secrets.items():
            self.swarm.run("secret", "create", self.settings[variable], "-", given=value.encode())

    def deploy(self, **changes: str) -> None:
        """Deploy the stack, with some variables changed, and wait until the swarm has done all of it."""
        self.settings |= changes
        line = ("stack", "deploy", "--resolve-image", "never", "-c", str(STACK), self.name)
        self.swarm.run(*line, environ=self.settings)
        self.await_update()

    def await_update(self) -> None:
        form = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}"

        def is_done(service: str, wanted: int) -> bool:
            state = self.swarm.run("service", "inspect", "--format", form, service).strip()
            tasks = self.swarm.tasks(service)
            is_settled = state in ("", "completed", "rollback_completed")
            return is_settled and len(tasks) == wanted and all(task.is_running for task in tasks)

        for service, wanted in self.services.items():
            await_fact(partial(is_done, service, wanted), f"the swarm to run {service} as it was deployed")

    def tasks(self) -> list[Task]:
        return self.swarm.tasks(self.service)

    def slots_on(self, node: Node) -> set[int]:
        return {task.slot for task in self.tasks() if task.node == node.name}

    def await_no_task_on(self, node: Node) -> None:
        """Wait until the swarm runs all shards, and none of them on this node."""
        wanted = set(range(1, int(self.settings["SHARDS"]) + 1))

        def is_moved() -> bool:
            tasks = self.tasks()
            running = {task.slot for task in tasks if task.is_running and task.node != node.name}
            return running == wanted and not any(task.node == node.name for task in tasks)

        await_fact(is_moved, f"all shards to run elsewhere than on {node.name}")

    def edit(self, sync: SyncUnderTest, **changes: object) -> None:
        path = self.folder / "configs" / f"{sync.name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def push(self) -> str:
        """Push the files, as a person does from a checkout."""
        environ = {**os.environ, "DATABASE_URL": self.rig.database_url, "FLEET": self.name}
        command = [sys.executable, "-m", "jira_sync", "push", str(self.folder / "configs")]
        done = subprocess.run(command, env=environ, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def inside(self, node: Node, *command: str) -> str:
        """Run a command in one of the containers on a node."""
        label = f"label=com.docker.swarm.service.name={self.service}"
        container = node.run("ps", "--quiet", "--filter", label).split()[0]
        return node.run("exec", container, *command)

    # What the database says

    @contextmanager
    def _client(self) -> Iterator[MongoClient[dict[str, Any]]]:
        with MongoClient[dict[str, Any]](f"{self.rig.database_url}{DATABASE_WAIT}", tz_aware=True) as client:
            yield client

    def containers(self) -> tuple[Container, ...]:
        with self._client() as client:
            return Fleet(client, self.name).containers()

    def lease(self, sync: SyncUnderTest) -> LeaseReport | None:
        with self._client() as client:
            return read_report(client, sync.database)

    def held_on(self, node: Node) -> set[str]:
        """Return the names of the syncs whose leases containers on this node hold."""
        hosts = {
            f"{service.removeprefix(f'{self.name}_')}-{task.slot}"
            for service in self.services
            for task in self.swarm.tasks(service)
            if task.node == node.name
        }
        return {sync.name for sync in self.syncs if (lease := self.lease(sync)) and lease.host in hosts}

    def has_begun(self, sync: SyncUnderTest) -> bool:
        """Tell whether a worker of the sync says that it has completed a cycle."""
        lease = self.lease(sync)
        heartbeat = parse_heartbeat(lease.heartbeat, datetime.now(UTC)) if lease and lease.heartbeat else None
        return heartbeat is not None and heartbeat.last_success is not None

    def await_containers(self) -> None:
        """Wait until the containers that were deployed are there, and no others."""
        total = int(self.settings["SHARDS"])
        wanted = sorted(Shard(slot, total) for count in self.services.values() for slot in range(1, count + 1))
        await_fact(lambda: [each.shard for each in self.containers()] == wanted, f"{wanted} and no others")


@dataclass
class Figures:
    """What each failure has cost: the longest time in which a sync was unserved, by the simulator's own record."""

    stack: Stack
    rows: list[tuple[str, float, float]] = field(default_factory=list)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Measure what happens in the block. At its end all is served, nothing is lost and nothing is doubled."""
        began = datetime.now(UTC)
        yield
        self.stack.traffic.wait_until_served()
        assert self.stack.traffic.violations() == []
        self.stack.swarm.wait_until_whole()
        # A node that was cut off ends its old containers only when it is back.
        self.stack.await_containers()
        until, dumps = datetime.now(UTC), self.stack.traffic.dumps()
        longest = max(longest_unserved(sync, dumps, began, until) for sync in self.stack.syncs)
        self.rows.append((what, longest.total_seconds(), (until - began).total_seconds()))
        print(f"\n{what}: {longest.total_seconds():.1f} s of {(until - began).total_seconds():.0f}", flush=True)

    def table(self) -> str:
        lines = ["| what happened | nobody served a sync for |", "|---|---|"]
        lines += [f"| {what} | {seconds:.0f} s |" for what, seconds, _ in self.rows]
        return "\n".join(lines)


@pytest.fixture(scope="session")
def swarm() -> Swarm:
    hosts, faults = os.environ.get("SWARM_HOSTS", "").split(), os.environ.get("SWARM_FAULTS", "")
    if len(hosts) < 3 or not faults:
        pytest.exit("SWARM_HOSTS must name three engines or more, and SWARM_FAULTS a command: tests/swarm/conftest.py")
    found = Swarm(hosts, faults)
    found.wait_until_whole()
    return found


@pytest.fixture(scope="session")
def image(swarm: Swarm) -> str:
    """The image that all nodes have. An engine that has built it already, of the same files, does that in a second."""
    if given := os.environ.get("SWARM_IMAGE"):
        return given
    host = os.environ.get("DOCKER_HOST", "")
    subprocess.run(["docker", "compose", "build", "--quiet"], cwd=REPO, check=True, timeout=1200)
    name = f"jira-sync:{run_docker(host, 'image', 'inspect', '--format', '{{.Id}}', 'jira-sync').strip()[7:19]}"
    run_docker(host, "tag", "jira-sync", name)
    try:
        swarm.load(name, host)
    finally:
        run_docker(host, "rmi", name)
    return name


@pytest.fixture(scope="session")
def stack(swarm: Swarm, image: str, data_folder: Path) -> Iterator[Stack]:
    """The stack, deployed and at work, while customers report issues all the time."""
    syncs = [sync_under_test(number, "shipped", *SERVED) for number in NUMBERS]
    folder = data_folder / "swarm"
    folder.mkdir()
    with running_rig(folder, site_seeds(syncs), members=3, host=swarm.our_address) as rig:
        traffic = SteadyTraffic(rig, syncs)
        found = Stack(swarm, rig, traffic, folder, image)
        write_configs(rig, syncs, folder / "configs", "${file:/run/secrets/jira_api_token}")
        found.make_secrets()
        try:
            found.push()
            found.deploy()
            # What was reported before a sync's first cycle is only noted.
            await_fact(lambda: all(map(found.has_begun, syncs)), "each sync to complete a cycle")
            traffic.start()
            yield found
        finally:
            traffic.stop()
            _remove(found)


def _remove(stack: Stack) -> None:
    """Leave the swarm whole, and nothing in it but the image."""
    for node in stack.swarm.nodes:
        stack.swarm.fault("start", node)
        stack.swarm.fault("heal", node)
    for node in stack.swarm.nodes:
        stack.swarm.run("node", "update", "--availability", "active", node.name)
        stack.swarm.forget_label(node, "jira-sync=standby")
    with suppress(AssertionError):  # it may never have been deployed
        stack.swarm.run("stack", "rm", stack.name)
        for variable, name in stack.settings.items():
            if variable.endswith("_SECRET"):
                await_fact(lambda name=name: _is_removed(stack.swarm, name), f"{name} to be removed")


def _is_removed(swarm: Swarm, secret: str) -> bool:
    """Remove a secret, which is in use until the last task has ended."""
    try:
        swarm.run("secret", "rm", secret)
    except AssertionError as error:
        return "not found" in str(error)
    return True


@pytest.fixture(scope="session")
def figures(stack: Stack, pytestconfig: pytest.Config) -> Iterator[Figures]:
    found = Figures(stack)
    yield found
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n\n{found.table()}\n\n{len(stack.traffic)} issues were reported meanwhile.")
