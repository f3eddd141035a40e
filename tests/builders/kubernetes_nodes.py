"""The nodes of a Kubernetes cluster: what is typed about them, and how they fail."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from failing_machines import Faults, await_fact, our_address

SECONDS_TO_ANSWER = 120.0
SECONDS_TO_DRAIN = 300.0
SHARDS = "app.kubernetes.io/component=shard"


@dataclass(frozen=True)
class Node:
    """One node. `number` counts from 1, as the command for faults does."""

    number: int
    name: str
    address: str


@dataclass(frozen=True)
class Pod:
    """One pod of a shard. `uid` is never that of another pod; `restarts` counts those of its container."""

    name: str
    uid: str
    node: str
    image: str
    restarts: int
    is_ready: bool
    is_leaving: bool


class Cluster:
    """A cluster, by `kubectl` of this machine, in one namespace. `faults` is a command that kills, starts, cuts, heals.

    `names` are those of the nodes in the order in which the command counts them.
    """

    def __init__(self, namespace: str, faults: str, names: Sequence[str] = ()) -> None:
        self.namespace, self._faults = namespace, Faults(faults)
        found = {each["metadata"]["name"]: each for each in self._items("nodes")}
        chosen = list(names) or sorted(name for name, node in found.items() if "taints" not in node["spec"])
        self.nodes = [Node(number, name, _address(found[name])) for number, name in enumerate(chosen, 1)]

    @property
    def our_address(self) -> str:
        """The address at which the nodes reach this machine."""
        return our_address(self.nodes[0].address)

    def run(self, *arguments: str, given: str | None = None, seconds: float = SECONDS_TO_ANSWER) -> str:
        """Run kubectl. Raises AssertionError, with what it said."""
        command = [os.environ.get("KUBECTL", "kubectl"), "--namespace", self.namespace, *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def version(self) -> str:
        version: str = json.loads(self.run("version", "--output", "json"))["serverVersion"]["gitVersion"]
        return version

    def fault(self, what: str, node: Node, *more: str) -> None:
        """Have one of `kill`, `start`, `cut` (with `managers`, `outside` or `all`) and `heal` happen to a node."""
        self._faults(what, node.number, *more)

    def _items(self, *what: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("get", *what, "--output", "json"))["items"]
        return found

    def await_whole(self) -> None:
        await_fact(self._is_whole, "all nodes to be ready, and to take pods")

    def _is_whole(self) -> bool:
        nodes = self._items("nodes", *[node.name for node in self.nodes])
        return all(_is_true(node, "Ready") and not node["spec"].get("taints") for node in nodes)

    def pods(self, selector: str = SHARDS) -> list[Pod]:
        """Return the pods that have not ended, those that are leaving too."""
        pods = self._items("pods", "--selector", selector)
        return [_pod(each) for each in pods if each["status"].get("phase") not in ("Succeeded", "Failed")]

    def pods_on(self, node: Node) -> list[Pod]:
        return [pod for pod in self.pods() if pod.node == node.name]

    def await_pods(self, count: int) -> None:
        """Wait until so many pods are ready, and there is no other."""
        await_fact(lambda: self._are_ready(count), f"{count} pods to be ready, and no other")

    def drain(self, node: Node) -> None:
        """Have the pods of a node evicted, as the disruption budget allows, and no other come there."""
        options = ("--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={SECONDS_TO_DRAIN:.0f}s")
        self.run("drain", node.name, *options, seconds=SECONDS_TO_DRAIN + SECONDS_TO_ANSWER)

    def _are_ready(self, count: int) -> bool:
        pods = self.pods()
        return len(pods) == count and all(pod.is_ready and not pod.is_leaving for pod in pods)

    def await_pods_elsewhere(self, node: Node, count: int) -> None:
        """Wait until so many pods are ready on other nodes."""
        await_fact(lambda: self._elsewhere(node) == count, f"{count} pods to be ready elsewhere than on {node.name}")

    def _elsewhere(self, node: Node) -> int:
        return sum(pod.is_ready and not pod.is_leaving and pod.node != node.name for pod in self.pods())


def _pod(found: dict[str, Any]) -> Pod:
    metadata, spec = found["metadata"], found["spec"]
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        node=spec.get("nodeName", ""),
        image=spec["containers"][0]["image"],
        restarts=sum(each["restartCount"] for each in found["status"].get("containerStatuses", ())),
        is_ready=_is_true(found, "Ready"),
        is_leaving="deletionTimestamp" in metadata,
    )


def _is_true(found: dict[str, Any], condition: str) -> bool:
    conditions = found["status"].get("conditions", ())
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)


def _address(node: dict[str, Any]) -> str:
    address: str = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
    return address
