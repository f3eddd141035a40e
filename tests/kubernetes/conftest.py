"""The image and the chart on a real Kubernetes cluster, whose nodes fail.

KUBECONFIG     the cluster, for kubectl and helm. What is tried stands in a namespace of its own
KUBE_FAULTS    a command that makes nodes fail: `kill NODE`, `start NODE`, `cut NODE managers|outside|all` and
               `heal NODE`. NODE counts from 1, in the order of KUBE_NODES; `managers` are the control plane and the
               other nodes, `outside` is this machine, which has MongoDB and the simulated sites
KUBE_NODES     the names of three nodes or more, with spaces between. Without it: all that have no taint, sorted
KUBE_IMAGE     an image that the nodes have, or can pull
KUBE_NEXT_IMAGE  another one, to which it is updated: another version, or the same one by another name
KUBE_LOAD      a command that loads the file of a `docker save` into all nodes. In place of the two images: they are
               built on the Docker engine that answers here
KUBE_VALUES    a file with further values of the chart, for what this cluster needs. They win

This machine must be one that the pods reach by its address, and none of the nodes. With names that the pods cannot look
up, `helm test` fails.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from docker_images import SECONDS_FOR_AN_IMAGE, build_image, run_docker
from helm_chart import Helm
from installed_release import RELEASE, Release
from kubernetes_nodes import Cluster
from outage_figures import Figures
from watched_fleet import syncs_and_their_surroundings


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    faults = os.environ.get("KUBE_FAULTS", "")
    if not faults or not os.environ.get("KUBECONFIG"):
        pytest.exit("KUBECONFIG and KUBE_FAULTS must be set: tests/kubernetes/conftest.py says to what")
    found = Cluster(f"jira-sync-test-{uuid.uuid4().hex[:6]}", faults, os.environ.get("KUBE_NODES", "").split())
    if len(found.nodes) < 3:
        pytest.exit(f"three nodes are needed, or more; there are {[node.name for node in found.nodes]}")
    found.await_whole()
    return found


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The image that all nodes have, and the next one."""
    if given := os.environ.get("KUBE_IMAGE"):
        return given, os.environ.get("KUBE_NEXT_IMAGE", "")
    load = shlex.split(os.environ.get("KUBE_LOAD", ""))
    if not load:
        pytest.exit("KUBE_IMAGE or KUBE_LOAD must be set: tests/kubernetes/conftest.py says to what")
    host, name = os.environ.get("DOCKER_HOST", ""), build_image()
    following = f"{name}-next"
    tar = tmp_path_factory.mktemp("image") / "image.tar"
    try:
        run_docker(host, "tag", name, following)
        run_docker(host, "save", "--output", str(tar), name, following, seconds=SECONDS_FOR_AN_IMAGE)
    finally:
        run_docker(host, "rmi", name, following)
    subprocess.run([*load, str(tar)], check=True, timeout=SECONDS_FOR_AN_IMAGE)
    tar.unlink()
    return name, following


@pytest.fixture(scope="session")
def release(
    cluster: Cluster, images: tuple[str, str], data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Release]:
    """The release, installed and at work, while customers report issues all the time."""
    folder, helm = data_folder / "kubernetes", Helm(tmp_path_factory.mktemp("helm"))
    surroundings = syncs_and_their_surroundings(folder, cluster.our_address, "${file:/run/secrets/jira}")
    with surroundings as (rig, traffic):
        found = Release(
            cluster=cluster, helm=helm, rig=rig, traffic=traffic, folder=folder, image=images[0], name=cluster.namespace
        )
        try:
            found.make_secrets()
            found.upgrade()
            found.start_traffic()
            yield found
        finally:
            traffic.stop()
            _remove(found)


def _remove(release: Release) -> None:
    """Leave the cluster whole, and nothing in it but the image."""
    for node in release.cluster.nodes:
        release.cluster.fault("start", node)
        release.cluster.fault("heal", node)
    with suppress(AssertionError):
        release.cluster.run("uncordon", *[node.name for node in release.cluster.nodes])
        release.run_helm("uninstall", RELEASE)
    release.cluster.run("delete", "namespace", release.name, seconds=SECONDS_FOR_AN_IMAGE)


@pytest.fixture(scope="session")
def figures(release: Release, pytestconfig: pytest.Config) -> Iterator[Figures]:
    found = Figures(release.traffic, release.wait_until_whole)
    yield found
    found.show(pytestconfig)
