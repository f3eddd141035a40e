"""The nodes of a Docker Swarm: what is typed on them, and how they fail."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from docker_images import SECONDS_FOR_AN_IMAGE, SECONDS_TO_ANSWER, run_docker
from failing_machines import PATIENCE, Faults, await_fact, our_address

PASSING = ("leader", "connect to the Docker daemon", "deadline", "out of sequence")
"""Parts of errors after which to ask again: the managers elect, an engine is down, or somebody else wrote meanwhile."""


@dataclass(frozen=True)
class Node:
    """One node. `number` counts from 1, as the command for faults does; `host` is its engine as DOCKER_HOST."""

    number: int
    host: str
    name: str
    address: str

    def run(
        self,
        *arguments: str,
        given: bytes | None = None,
        environ: Mapping[str, str] | None = None,
        seconds: float = SECONDS_TO_ANSWER,
    ) -> str:
        """Run docker on this node. Raises CalledProcessError, TimeoutExpired."""
        return run_docker(self.host, *arguments, given=given, environ=environ, seconds=seconds)

    def containers(self, service: str) -> list[str]:
        """Return the ids of the containers of a service that run here."""
        return self.run("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={service}").split()


@dataclass(frozen=True)
class Task:
    slot: int
    node: str
    image: str
    state: str

    @property
    def is_running(self) -> bool:
        return self.state.startswith("Running")


class Swarm:
    """The swarm of the engines `hosts`, all of them managers. `faults` is a command that kills, starts, cuts, heals."""

    def __init__(self, hosts: Sequence[str], faults: str) -> None:
        self._faults = Faults(faults)
        self.nodes = [_node(number, host) for number, host in enumerate(hosts, 1)]
        self._derived: list[str] = []

    @property
    def our_address(self) -> str:
        """The address at which the nodes reach this machine."""
        return our_address(self.nodes[0].address)

    # What is typed

    def run(self, *arguments: str, given: bytes | None = None, environ: Mapping[str, str] | None = None) -> str:
        """Run docker on the first manager that answers; ask again while the managers elect their leader."""
        deadline = time.monotonic() + PATIENCE
        while True:
            said = ""
            for node in self.nodes:
                try:
                    return node.run(*arguments, given=given, environ=environ, seconds=PATIENCE)
                except subprocess.CalledProcessError as error:
                    said = f"{node.name}: {error.stderr}"
                    if not any(passing in said for passing in PASSING):
                        raise AssertionError(f"docker {shlex.join(arguments)}: {said}") from error
            assert time.monotonic() < deadline, f"docker {shlex.join(arguments)}: {said}"
            time.sleep(1)

    def fault(self, what: str, node: Node, *more: str) -> None:
        """Have one of `kill`, `start`, `cut` (with `managers`, `outside` or `all`) and `heal` happen to a node."""
        self._faults(what, node.number, *more)

    # What is seen

    def leader(self) -> Node:
        lines = self.run("node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}").splitlines()
        name = next(line.split()[0] for line in lines if line.endswith("Leader"))
        return self.called(name)

    def called(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def wait_until_whole(self) -> None:
        """Wait until all nodes say that all nodes are ready, and can be managers."""
        for node in self.nodes:
            await_fact(lambda node=node: self._is_whole(node), f"{node.name} to see the whole swarm")

    def _is_whole(self, node: Node) -> bool:
        try:
            said = node.run("node", "ls", "--format", "{{.Status}} {{.ManagerStatus}}")
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
        lines = said.splitlines()
        return len(lines) == len(self.nodes) and set(lines) <= {"Ready Leader", "Ready Reachable"}

    def tasks(self, service: str) -> list[Task]:
        """Return the tasks of a service that shall run."""
        form = "{{.Name}}\t{{.Node}}\t{{.Image}}\t{{.CurrentState}}"
        said = self.run("service", "ps", service, "--no-trunc", "--filter", "desired-state=running", "--format", form)
        rows = [line.split("\t") for line in said.splitlines()]
        return [Task(int(name.split(".")[1]), node, image, state) for name, node, image, state in rows]

    def await_no_others(self, service: str) -> None:
        """Wait until each node runs one container of a service for each task that it has, and no other."""
        await_fact(partial(self._are_no_others, service), f"no container of {service} to run without a task")

    def _are_no_others(self, service: str) -> bool:
        running = {node.name: len(node.containers(service)) for node in self.nodes}
        wanted = Counter(task.node for task in self.tasks(service))
        return running == {node.name: wanted[node.name] for node in self.nodes}

    def busiest(self, service: str, among: Sequence[Node]) -> Node:
        """Return that of these nodes which has the most tasks of a service."""
        counts = Counter(task.node for task in self.tasks(service))
        found = max(among, key=lambda node: counts[node.name])
        assert counts[found.name], f"none of {[node.name for node in among]} has a task: {counts}"
        return found

    def followers(self) -> list[Node]:
        leader = self.leader()
        return [node for node in self.nodes if node != leader]

    def forget_label(self, node: Node, label: str) -> None:
        name = label.partition("=")[0]
        if self.run("node", "inspect", "--format", f'{{{{index .Spec.Labels "{name}"}}}}', node.name).strip():
            self.run("node", "update", "--label-rm", name, node.name)

    # Images

    def load(self, image: str, source: str) -> None:
        """Bring an image of the engine `source` to all nodes that lack it. There may be no registry."""
        identity = run_docker(source, "image", "inspect", "--format", "{{.Id}}", image).strip()
        lacking = [node for node in self.nodes if self._identity(node, image) != identity]
        if not lacking:
            return
        saved = subprocess.run(
            ["docker", "save", image], env={**os.environ, "DOCKER_HOST": source},
            stdout=subprocess.PIPE, check=True, timeout=SECONDS_FOR_AN_IMAGE,
        ).stdout  # fmt: skip
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda node: node.run("load", "-q", given=saved, seconds=SECONDS_FOR_AN_IMAGE), lacking))

    @staticmethod
    def _identity(node: Node, image: str) -> str:
        try:
            return node.run("image", "inspect", "--format", "{{.Id}}", image).strip()
        except subprocess.CalledProcessError:
            return ""

    def derive(self, image: str, base: str, *lines: str) -> None:
        """Make an image of another one on each node: `lines` of a Dockerfile are added."""
        self._derived.append(image)
        text = "\n".join([f"FROM {base}", *lines, ""]).encode()
        for node in self.nodes:
            node.run("build", "-q", "-t", image, "-", given=text, seconds=SECONDS_FOR_AN_IMAGE)

    def remove_derived(self) -> None:
        """Remove what `derive` has made. An engine keeps what a container of before still names."""
        for node in self.nodes:
            for image in self._derived:
                with suppress(subprocess.CalledProcessError):
                    node.run("rmi", "--force", image)


def _node(number: int, host: str) -> Node:
    said: dict[str, Any] = json.loads(run_docker(host, "info", "--format", "{{json .}}"))
    return Node(number, host, said["Name"], said["Swarm"]["NodeAddr"])
