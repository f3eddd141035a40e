"""The image and the stack file on a real Docker Swarm, whose machines fail.

SWARM_HOSTS    the engines of its nodes, as DOCKER_HOST names them, with spaces between. All of them are managers
SWARM_FAULTS   a command that makes machines fail: `kill NODE`, `start NODE`, `cut NODE managers|outside|all` and
               `heal NODE`. NODE counts from 1, in the order of SWARM_HOSTS; `outside` is this machine, which has
               MongoDB and the simulated sites
SWARM_IMAGE    an image that the nodes have, or can pull. Without it, the image is built on the engine that answers here

This machine must be one that the nodes reach by its address, and none of the nodes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from benchmarks.rig.processes import SYNC_ACCOUNT
from docker_images import build_image, run_docker
from failing_machines import await_fact
from outage_figures import Figures
from swarm_nodes import Node, Swarm, Task
from watched_fleet import SERVED, WatchedFleet, syncs_and_their_surroundings

REPO = Path(__file__).parents[2]
STACK = REPO / "deploy" / "stack.yml"


@dataclass(kw_only=True)
class Stack(WatchedFleet):
    """The stack as an operator sees it, and what is around it."""

    swarm: Swarm
    image: str
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

    def push(self) -> str:
        """Push the files, as a person does from a checkout."""
        environ = {**os.environ, "DATABASE_URL": self.rig.database_url, "FLEET": self.name}
        command = [sys.executable, "-m", "jira_sync", "push", str(self.folder / "configs")]
        done = subprocess.run(command, env=environ, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def inside(self, node: Node, *command: str) -> str:
        """Run a command in one of the containers on a node."""
        return node.run("exec", node.containers(self.service)[0], *command)

    def held_on(self, node: Node) -> set[str]:
        """Return the names of the syncs whose leases containers on this node hold."""
        hosts = {
            f"{service.removeprefix(f'{self.name}_')}-{task.slot}"
            for service in self.services
            for task in self.swarm.tasks(service)
            if task.node == node.name
        }
        return self.held_by(*hosts)

    def await_containers(self) -> None:
        """Wait until the containers that were deployed are there, and no others."""
        self.await_shards(int(self.settings["SHARDS"]), times=2 if int(self.settings["STANDBYS"]) else 1)

    def wait_until_whole(self) -> None:
        """Wait until all nodes are in the swarm, run what they shall and nothing else, and hold the syncs.

        A node that was cut off ends its old containers only when it is back. Their workers hold syncs until then, while
        those of the new containers stand by.
        """
        self.swarm.wait_until_whole()
        for service in self.services:
            self.swarm.await_no_others(service)
        self.await_containers()
        self.await_holders()


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
    host, name = os.environ.get("DOCKER_HOST", ""), build_image()
    try:
        swarm.load(name, host)
    finally:
        run_docker(host, "rmi", name)
    return name


@pytest.fixture(scope="session")
def stack(swarm: Swarm, image: str, data_folder: Path) -> Iterator[Stack]:
    """The stack, deployed and at work, while customers report issues all the time."""
    folder = data_folder / "swarm"
    surroundings = syncs_and_their_surroundings(folder, swarm.our_address, "${file:/run/secrets/jira_api_token}")
    with surroundings as (rig, traffic):
        found = Stack(swarm=swarm, rig=rig, traffic=traffic, folder=folder, image=image)
        found.make_secrets()
        try:
            found.push()
            found.deploy()
            found.start_traffic()
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
    with suppress(AssertionError, TimeoutError):  # it may never have been deployed
        stack.swarm.run("stack", "rm", stack.name)
        for variable, name in stack.settings.items():
            if variable.endswith("_SECRET"):
                await_fact(lambda name=name: _is_removed(stack.swarm, name), f"{name} to be removed")
    stack.swarm.remove_derived()


def _is_removed(swarm: Swarm, secret: str) -> bool:
    """Remove a secret, which is in use until the last task has ended."""
    try:
        swarm.run("secret", "rm", secret)
    except AssertionError as error:
        return "not found" in str(error)
    return True


@pytest.fixture(scope="session")
def figures(stack: Stack, pytestconfig: pytest.Config) -> Iterator[Figures]:
    found = Figures(stack.traffic, stack.wait_until_whole)
    yield found
    found.show(pytestconfig)
