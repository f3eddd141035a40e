"""The stack on a swarm whose machines fail, one after the other, while customers report issues all the time.

Each test leaves the swarm whole and everything served. `figures` sees to that, and that nothing was lost or done twice.
"""

from __future__ import annotations

import json

from failing_machines import await_fact
from sync_model.shards import owner

LABEL = "jira-sync=standby"


def test_each_shard_runs_its_syncs_and_each_container_shows_all_of_them(stack, figures):
    with figures.of("nothing"):
        stack.await_containers()
        for sync in stack.syncs:
            assert stack.lease(sync).host == f"jira-sync-{owner(sync.name, 3)}"
        for node in stack.swarm.nodes:
            said = json.loads(stack.inside(node, "jira-sync", "status", "--json"))
            assert {each["name"] for each in said["syncs"]} == {sync.name for sync in stack.syncs}


SAY = "id -u; grep -E '^(CapEff|CapBnd)' /proc/1/status; stat -c '%u %a' /run/secrets/* /tmp/jira-sync"
TOUCH = "for place in / /app /run/jira-sync /run/secrets /usr/bin; do touch $place/x && echo $place; done 2> /dev/null"


def test_a_container_gives_nothing_away_and_nothing_in_it_can_be_changed(stack):
    node = stack.swarm.nodes[0]
    nothing = "0" * 16
    expected = ["10001", f"CapEff:\t{nothing}", f"CapBnd:\t{nothing}", *["10001 400"] * 3, "10001 700"]
    assert stack.inside(node, "sh", "-c", SAY).splitlines() == expected
    assert stack.inside(node, "sh", "-c", f"{TOUCH}; true") == ""
    said = stack.swarm.run("service", "inspect", stack.service)
    assert [secret for secret in stack.secrets.values() if secret in said] == []
    service = json.loads(said)[0]
    assert service["Endpoint"].get("Ports", []) == []
    limits = service["Spec"]["TaskTemplate"]["Resources"]["Limits"]
    assert (limits["MemoryBytes"], limits["Pids"]) == (512 * 2**20, 2048)


def test_a_node_that_is_cut_off_from_the_managers_goes_on_until_its_tasks_run_elsewhere(stack, figures):
    node = stack.swarm.busiest(stack.service, stack.swarm.followers())
    with figures.of("a node is cut off from the managers"), stack.cut_off(stack.swarm.fault, node, "managers"):
        stack.await_no_task_on(node)
        stack.traffic.wait_until_served()


def test_an_edit_that_is_pushed_reaches_all_containers_and_restarts_its_sync_alone(stack, figures):
    edited, *others = stack.syncs
    workers = {sync.name: stack.lease(sync).pid for sync in stack.syncs}
    versions = {container.files for container in stack.containers()}
    stack.edit(edited, description="edited")
    with figures.of("a sync is edited and pushed"):
        stack.push()
        await_fact(lambda: stack.lease(edited).pid != workers[edited.name], "the edited sync to be restarted")
        await_fact(lambda: versions.isdisjoint({each.files for each in stack.containers()}), "all to have the version")
    assert {sync.name: stack.lease(sync).pid for sync in others} == {sync.name: workers[sync.name] for sync in others}


def test_another_number_of_shards_moves_syncs_and_loses_none(stack, figures):
    """A second container of each shard comes, too, and stands by."""
    moving = [sync for sync in stack.syncs if owner(sync.name, 3) != owner(sync.name, 4)]
    assert moving
    apart = stack.swarm.followers()[0]
    stack.swarm.run("node", "update", "--label-add", LABEL, apart.name)
    with figures.of("3 shards become 4"):
        stack.deploy(SHARDS="4", STANDBYS="4", UPDATE_FAILURE_ACTION="continue")
    assert stack.slots_on(apart) == set()
    for sync in stack.syncs:
        assert stack.lease(sync).host.endswith(f"-{owner(sync.name, 4)}")


def test_a_standby_takes_over_from_a_node_that_is_cut_off_from_mongodb(stack, figures):
    """The swarm sees a node that is well, and moves nothing."""
    node = max(stack.swarm.followers(), key=lambda node: len(stack.held_on(node)))
    held, slots = stack.held_on(node), stack.slots_on(node)
    assert held
    what = "a node is cut off from MongoDB and Jira; its standbys are elsewhere"
    with figures.of(what), stack.cut_off(stack.swarm.fault, node, "outside"):
        await_fact(lambda: not stack.held_on(node), "the standbys to hold its syncs")
        stack.traffic.wait_until_served()
    assert stack.slots_on(node) == slots
    assert stack.held_on(node) == set()


def test_a_new_version_stands_by_before_the_old_one_is_stopped(stack, figures):
    """The standbys go at the same time."""
    new = f"{stack.image}-next"
    stack.swarm.derive(new, stack.image, "LABEL next=1")
    with figures.of("another version"):
        stack.deploy(IMAGE=new, STANDBYS="0", UPDATE_FAILURE_ACTION="rollback")
    for node in stack.swarm.nodes:
        stack.swarm.forget_label(node, LABEL)
    assert {task.image for task in stack.tasks()} == {new}


def test_a_version_that_does_not_come_up_stops_nothing(stack, figures):
    before, broken = stack.settings["IMAGE"], f"{stack.image}-broken"
    stack.swarm.derive(broken, stack.image, 'ENTRYPOINT ["false"]')
    with figures.of("a version that does not come up"):
        stack.deploy(IMAGE=broken)
    stack.settings["IMAGE"] = before
    assert {task.image for task in stack.tasks()} == {before}


def test_the_leader_of_the_managers_dies_and_its_shards_run_elsewhere(stack, figures):
    leader = stack.swarm.busiest(stack.service, [stack.swarm.leader()])
    with figures.of("the node of the managers' leader dies"):
        stack.swarm.fault("kill", leader)
        stack.await_no_task_on(leader)
        stack.traffic.wait_until_served()
        stack.swarm.fault("start", leader)


def test_a_node_that_is_cut_off_from_everything_is_replaced(stack, figures):
    node = stack.swarm.busiest(stack.service, stack.swarm.followers())
    with figures.of("a node is cut off from everything"), stack.cut_off(stack.swarm.fault, node, "all"):
        stack.await_no_task_on(node)
        stack.traffic.wait_until_served()


def test_a_node_that_is_drained_hands_its_syncs_over(stack, figures):
    node = stack.swarm.busiest(stack.service, stack.swarm.nodes)
    with figures.of("a node is drained"):
        stack.swarm.run("node", "update", "--availability", "drain", node.name)
        stack.await_no_task_on(node)
    stack.swarm.run("node", "update", "--availability", "active", node.name)


def test_a_primary_of_mongodb_that_dies_costs_an_election(stack, figures):
    hosts = {sync.name: stack.lease(sync).host for sync in stack.syncs}
    with figures.of("the primary of MongoDB dies"):
        stack.rig.replica_set.primary().kill()
        stack.traffic.wait_until_served()
        stack.rig.replica_set.heal()
    assert {sync.name: stack.lease(sync).host for sync in stack.syncs} == hosts
