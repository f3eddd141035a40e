"""The chart on a cluster whose nodes fail, one after the other, while customers report issues all the time.

Each test leaves the cluster whole and everything served. `figures` sees to that, and that nothing was lost or doubled.
"""

from __future__ import annotations

import json

import pytest

from failing_machines import await_fact
from helm_chart import VARIANTS
from installed_release import RELEASE, image_values
from kubernetes_nodes import SHARDS
from sync_model.shards import owner

NOT_EVERYWHERE = (
    "metrics.serviceMonitor.enabled=false",
    "metrics.prometheusRule.enabled=false",
    "metrics.dashboard.namespace=",
    "serviceAccount.create=false",
)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cluster_takes_what_each_variant_of_the_chart_makes(release, variant):
    """Schemas say less than a cluster: that two constraints of a pod are of one kind, none of them refuses."""
    options = [option for value in NOT_EVERYWHERE for option in ("--set", value)]
    values = ("--values", f"ci/{variant}-values.yaml", *options, "--kube-version", release.cluster.version())
    made = release.run_helm("template", "rel", ".", *values)
    release.cluster.run("apply", "--server-side", "--dry-run=server", "--filename", "-", given=made)


def test_each_shard_runs_its_syncs_and_each_pod_shows_all_of_them(release, figures):
    with figures.of("nothing"):
        release.await_shards(3)
        for sync in release.syncs:
            assert release.lease(sync).host.startswith(f"{RELEASE}-shard-{owner(sync.name, 3)}-")
        for pod in release.cluster.pods():
            said = json.loads(release.inside(pod, "jira-sync", "status", "--json"))
            assert {each["name"] for each in said["syncs"]} == {sync.name for sync in release.syncs}


def test_the_pods_of_a_release_are_spread_over_the_nodes(release):
    assert len({pod.node for pod in release.cluster.pods()}) == 3


def test_helm_test_asks_the_service_and_succeeds(release):
    assert "Succeeded" in release.run_helm("test", RELEASE, "--timeout", "4m")


SAY = "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/1/status; stat -c '%u:%g %a' /run/jira-sync/group-*"
TOUCH = (
    "for place in / /app /app/configs /run /run/secrets /run/group-secrets /usr/bin; do"
    " touch $place/x 2> /dev/null && echo $place; done; true"
)


def test_a_pod_gives_nothing_away_and_nothing_in_it_can_be_changed(release):
    pod, nothing = release.cluster.pods()[0], "0" * 16
    expected = [
        "10001",
        f"CapEff:\t{nothing}",
        f"CapBnd:\t{nothing}",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "10001:10001 2700",
    ]
    assert release.inside(pod, "sh", "-c", SAY).splitlines() == expected
    assert release.inside(pod, "sh", "-c", TOUCH) == ""
    known = release.inside(pod, "env") + release.cluster.run("get", "deployments,pods,configmaps", "--output", "yaml")
    values = [secret.partition("=")[2] for secret in release.secrets.values()]
    assert [value for value in values if value in known] == []
    with pytest.raises(AssertionError, match="No such file"):
        release.inside(pod, "ls", "/var/run/secrets/kubernetes.io")


def test_an_edited_file_reaches_the_pods_and_restarts_its_sync_alone(release, figures):
    edited, *others = release.syncs
    workers = {sync.name: release.lease(sync).pid for sync in release.syncs}
    pods = {pod.uid: pod.restarts for pod in release.cluster.pods()}
    release.edit(edited, description="edited")
    with figures.of("a file is edited, and followed by the pods"):
        release.upgrade()
        await_fact(lambda: release.lease(edited).pid != workers[edited.name], "the edited sync to be restarted")
    assert {sync.name: release.lease(sync).pid for sync in others} == {sync.name: workers[sync.name] for sync in others}
    assert {pod.uid: pod.restarts for pod in release.cluster.pods()} == pods


def test_a_node_that_is_cut_off_from_the_control_plane_goes_on_while_its_pods_run_elsewhere_too(release, figures):
    node = release.busiest()
    held = release.held_on(node)
    what = "a node is cut off from the control plane, and back"
    with figures.of(what), release.cut_off(release.cluster.fault, node, "managers"):
        release.cluster.await_pods_elsewhere(node, 3)
        release.traffic.wait_until_served()
        assert release.held_on(node) == held


def test_a_new_version_stands_by_before_the_old_one_is_stopped(release, images, figures):
    with figures.of("another version"):
        release.upgrade(**image_values(images[1]))
    assert {pod.image for pod in release.cluster.pods()} == {images[1]}


def test_a_version_that_does_not_come_up_stops_nothing_and_is_rolled_back(release, images, figures):
    pods = {pod.uid for pod in release.cluster.pods()}
    with figures.of("a version that does not come up, and the way back"):
        release.upgrade(refused=True, wait="30s", **image_values(f"{images[0]}-that-is-nowhere"))
        assert pods <= {pod.uid for pod in release.cluster.pods() if pod.is_ready and not pod.is_leaving}
        release.run_helm("rollback", RELEASE, "--wait")
    assert {pod.uid for pod in release.cluster.pods()} == pods


def test_a_node_that_dies_is_replaced(release, figures):
    node = release.busiest()
    with figures.of("a node dies"):
        release.cluster.fault("kill", node)
        release.cluster.await_pods_elsewhere(node, 3)
        release.traffic.wait_until_served()
        release.cluster.fault("start", node)


def test_a_node_that_is_cut_off_from_everything_is_replaced(release, figures):
    node = release.busiest()
    with figures.of("a node is cut off from everything"), release.cut_off(release.cluster.fault, node, "all"):
        release.cluster.await_pods_elsewhere(node, 3)
        release.traffic.wait_until_served()


def test_a_node_that_is_drained_hands_its_syncs_over(release, figures):
    node = release.busiest()
    with figures.of("a node is drained"):
        release.cluster.drain(node)
        release.cluster.await_pods_elsewhere(node, 3)
        release.cluster.run("uncordon", node.name)


def test_a_node_that_is_cut_off_from_mongodb_is_drained_by_a_person(release, figures):
    """The cluster sees a node that is well, and moves nothing by itself."""
    node = release.busiest()
    with figures.of("a node is cut off from MongoDB and Jira, without standbys, and a person drains it at once"):
        with release.cut_off(release.cluster.fault, node, "outside"):
            release.cluster.drain(node)
            release.cluster.await_pods_elsewhere(node, 3)
            release.traffic.wait_until_served()
        release.cluster.run("uncordon", node.name)


def test_another_number_of_shards_moves_syncs_and_loses_none(release, figures):
    """A second pod of each shard comes, too, and stands by."""
    assert [sync for sync in release.syncs if owner(sync.name, 3) != owner(sync.name, 4)]
    with figures.of("3 shards become 4, and each gets a standby"):
        release.upgrade(shards=4, replicasPerShard=2)
        release.await_shards(4, times=2)
    for sync in release.syncs:
        assert release.lease(sync).host.startswith(f"{RELEASE}-shard-{owner(sync.name, 4)}-")


def test_a_standby_is_on_another_node_than_what_it_stands_by_for(release):
    for shard in range(1, 5):
        pods = release.cluster.pods(f"{SHARDS},jira-sync/shard={shard}")
        assert len({pod.node for pod in pods}) == len(pods) == 2


def test_a_standby_takes_over_from_a_node_that_is_cut_off_from_mongodb(release, figures):
    """The cluster sees a node that is well, and moves nothing."""
    node = release.busiest()
    pods = {pod.uid: pod.restarts for pod in release.cluster.pods()}
    what = "a node is cut off from MongoDB and Jira; its standbys are elsewhere"
    with figures.of(what), release.cut_off(release.cluster.fault, node, "outside"):
        await_fact(lambda: not release.held_on(node), "the standbys to hold its syncs")
        release.traffic.wait_until_served()
    assert {pod.uid: pod.restarts for pod in release.cluster.pods()} == pods
    assert release.held_on(node) == set()


def test_a_standby_takes_over_from_a_node_that_dies(release, figures):
    node = release.busiest()
    with figures.of("a node dies; its standbys are elsewhere"):
        release.cluster.fault("kill", node)
        release.traffic.wait_until_served()
        release.cluster.fault("start", node)


def test_deployments_become_a_statefulset(release, figures):
    with figures.of("Deployments become a StatefulSet, without standbys"):
        release.upgrade(kind="StatefulSet", replicasPerShard=1)
        release.await_shards(4)
    for sync in release.syncs:
        assert release.lease(sync).host == f"{RELEASE}-{owner(sync.name, 4) - 1}"


def test_a_primary_of_mongodb_that_dies_costs_an_election(release, figures):
    hosts = {sync.name: release.lease(sync).host for sync in release.syncs}
    with figures.of("the primary of MongoDB dies"):
        release.rig.replica_set.primary().kill()
        release.traffic.wait_until_served()
        release.rig.replica_set.heal()
    assert {sync.name: release.lease(sync).host for sync in release.syncs} == hosts
