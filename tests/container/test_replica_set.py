"""The compose file with its override for three MongoDB servers, of which one dies."""

from __future__ import annotations

MONGOSH = "docker compose exec -T {server} mongosh --quiet --eval"
SERVERS = ("mongo", "mongo-2", "mongo-3")


def state(deployment, server: str) -> int:
    """Return the state of a server, as MongoDB numbers it: 1 is the primary, 2 a secondary."""
    said = deployment.type(f"{MONGOSH.format(server=server)} 'rs.status().myState'")
    return int(said.splitlines()[-1])  # before it, the shell may complain that it can keep no history


def test_the_primary_of_three_servers_dies_and_the_syncs_go_on(replicated_deployment):
    deployment = replicated_deployment
    # One server at first: what it holds stays.
    deployment.write("AB")
    alone = {"COMPOSE_FILE": "docker-compose.yml:docker-compose.override.yml"}
    three, deployment.environ = deployment.environ, {**deployment.environ, **alone}
    deployment.type("docker compose up -d")
    deployment.wait_until(lambda: deployment.worker("sync-ab").get("condition") == "ok", "the sync to be well")
    deployment.move_issues("AB")

    deployment.environ = three
    deployment.type("docker compose up -d")
    deployment.move_issues("AB")
    deployment.wait_until(lambda: sorted(state(deployment, each) for each in SERVERS) == [1, 2, 2], "a whole set")

    worker = deployment.pid("sync-ab")
    primary = next(each for each in SERVERS if state(deployment, each) == 1)
    deployment.type(f"docker compose kill {primary}")
    deployment.let_requests_end("AB")
    deployment.move_issues("AB")
    assert deployment.pid("sync-ab") == worker

    deployment.type("docker compose up -d")
    deployment.wait_until(lambda: state(deployment, primary) == 2, "the dead one to be a secondary")
    deployment.move_issues("AB")


def test_each_of_the_three_servers_is_as_closed_as_the_one(replicated_deployment):
    deployment = replicated_deployment
    for server in SERVERS:
        found = deployment.inspect(server)
        assert found["HostConfig"]["ReadonlyRootfs"]
        assert found["HostConfig"]["Memory"] > 0
        assert found["HostConfig"]["CapDrop"] == ["ALL"]
        assert not any(found["NetworkSettings"]["Ports"].values())
        assert [name.rpartition("_")[2] for name in found["NetworkSettings"]["Networks"]] == ["database"]
