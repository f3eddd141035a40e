"""A release of the chart in a cluster, as an operator sees it."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.rig.processes import SYNC_ACCOUNT
from helm_chart import Helm
from kubernetes_nodes import Cluster, Node, Pod
from watched_fleet import WatchedFleet

RELEASE = "jira-sync"
HELM_WAITS = "8m"


@dataclass(kw_only=True)
class Release(WatchedFleet):
    """The release as an operator sees it, and what is around it. Its namespace and its fleet are called `name`."""

    cluster: Cluster
    helm: Helm
    image: str
    values: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values = {
            **image_values(self.image),
            "shards": 3,
            "fleet": self.name,
            "database": {"existingSecret": "database"},
            "page": {"existingSecret": "page"},
            "secrets": {"existingSecrets": ["accounts"]},
            "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        }

    @property
    def pods_wanted(self) -> int:
        wanted: int = self.values["shards"] * self.values.get("replicasPerShard", 1)
        return wanted

    def make_secrets(self) -> None:
        self.cluster.run("create", "namespace", self.name)
        self.secrets = {
            "database": f"database_url={self.rig.database_url}",
            "page": f"admin_token={uuid.uuid4().hex}",
            "accounts": f"jira={SYNC_ACCOUNT['token']}",
        }
        for name, literal in self.secrets.items():
            self.cluster.run("create", "secret", "generic", name, f"--from-literal={literal}")

    def upgrade(self, *, refused: bool = False, wait: str = HELM_WAITS, **changes: Any) -> None:
        """Install or upgrade the release, with some values changed, and wait until the cluster has done all of it.

        `refused`: it must fail, and the values stay as they were.
        """
        values = {**self.values, **changes}
        files = {path.name: path.read_text() for path in (self.folder / "configs").glob("*.json")}
        given = ["--values", self.helm.values({**values, "configs": {"files": files}})]
        if more := os.environ.get("KUBE_VALUES"):
            given += ["--values", str(Path(more).absolute())]
        line = ["upgrade", "--install", RELEASE, ".", "--namespace", self.name, *given, "--wait", "--timeout", wait]
        done = self.helm.run(*line)
        assert (done.returncode != 0) == refused, done.stdout + done.stderr
        if not refused:
            self.values = values
            self.cluster.await_pods(self.pods_wanted)

    def run_helm(self, *arguments: str) -> str:
        done = self.helm.run(*arguments, "--namespace", self.name)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def inside(self, pod: Pod, *command: str) -> str:
        return self.cluster.run("exec", pod.name, "--", *command)

    def held_on(self, node: Node) -> set[str]:
        """Return the names of the syncs whose leases pods on this node hold."""
        return self.held_by(*[pod.name for pod in self.cluster.pods_on(node)])

    def busiest(self) -> Node:
        """Return the node whose pods hold the most leases."""
        held = {node: len(self.held_on(node)) for node in self.cluster.nodes}
        node = max(held, key=lambda node: held[node])
        assert held[node], "no pod holds a lease"
        return node

    def wait_until_whole(self) -> None:
        """Wait until all nodes are ready and take pods, the pods that shall run do and no other, and hold the syncs."""
        self.cluster.await_whole()
        self.cluster.await_pods(self.pods_wanted)
        self.await_shards(self.values["shards"], times=self.values.get("replicasPerShard", 1))
        self.await_holders()


def image_values(image: str) -> dict[str, Any]:
    repository, _, tag = image.rpartition(":")
    return {"image": {"repository": repository, "tag": tag}}
