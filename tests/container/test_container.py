"""What the container does in an operator's hands: its syncs work, follow edits, survive, and stop in time."""

from __future__ import annotations

import json
import re
import socket
import time
import uuid
from pathlib import Path

REPO = Path(__file__).parents[2]
FLOOD = "head -c 30000000 /dev/zero | tr '\\0' x | fold -w 1000 >/proc/1/fd/1"


def documented() -> list[str]:
    """Return the commands that the documents have an operator type, those for the container, in their order."""
    texts = [(REPO / name).read_text() for name in ("README.md", "docs/container.md")]
    blocks = re.findall(r"^```console\n(.*?)^```", "".join(texts), re.MULTILINE | re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("docker compose ")]


def test_without_any_configuration_it_stays_up_says_so_and_takes_the_first_one_on(deployment):
    deployment.clear()
    deployment.type("docker compose restart jira-sync")
    deployment.wait_until(lambda: "holds none" in (deployment.health().get("trouble") or ""), "/health to say so")
    deployment.wait_until(lambda: deployment.inspect()["State"]["Health"]["Status"] == "healthy", "Docker's check")

    deployment.write("AB")
    assert "+ sync-ab started" in deployment.apply()
    deployment.move_issues("AB")


def test_a_broken_configuration_is_shown_and_keeps_no_other_from_starting_unless_strict(deployment):
    deployment.put("configs/sync-cd.json", '{"name": "sync-cd"}')
    deployment.type("docker compose restart jira-sync")
    deployment.move_issues("AB")
    broken = deployment.wait_until(lambda: deployment.worker("sync-cd"), "sync-cd to be shown")
    assert (broken["condition"], broken["level"]) == ("invalid", "error")
    assert any("userProjectKey" in problem for problem in broken["problems"])

    # A folder that cannot be read is not an empty one: nothing is stopped for it.
    deployment.configs.chmod(0o700)
    assert "Permission denied" in deployment.apply(code=1)
    deployment.configs.chmod(0o755)
    deployment.move_issues("AB")

    said = deployment.type("docker compose run --rm --no-deps -e STRICT=1 jira-sync", code=1)
    assert "sync-cd.json" in said
    assert "nothing was started" in said


def test_configurations_are_added_edited_broken_and_removed_while_it_runs(deployment):
    others = [deployment.pid("sync-ab"), deployment.pid("sync-cd")]
    deployment.write("EF")
    assert "+ sync-ef started" in deployment.apply()
    deployment.move_issues("EF")

    deployment.write("EF", description="edited")
    assert "~ sync-ef restarted (config changed)" in deployment.apply()

    # A broken file changes nothing for its sync, which goes on as it was.
    edited = deployment.pid("sync-ef")
    deployment.put("configs/sync-ef.json", "{")
    assert "! sync-ef keeps running as it was" in deployment.apply(code=1)
    deployment.move_issues("EF")
    assert deployment.pid("sync-ef") == edited

    (deployment.configs / "sync-ef.json").unlink()
    assert "- sync-ef stopped" in deployment.apply()
    assert [deployment.pid("sync-ab"), deployment.pid("sync-cd")] == others


def test_a_killed_worker_and_a_killed_monitor_come_back_and_touch_nobody_else(deployment):
    before = {name: deployment.pid(name) for name in ("sync-ab", "sync-cd", "health-monitor")}
    deployment.kill("sync-ab")
    deployment.kill("health-monitor")
    deployment.move_issues("AB", "CD")
    deployment.await_healthy()
    assert [name for name in before if deployment.pid(name) == before[name]] == ["sync-cd"]


def test_a_mongodb_that_is_stopped_and_started_costs_nothing(deployment):
    workers = [deployment.pid("sync-ab"), deployment.pid("sync-cd")]
    deployment.type("docker compose stop mongo")
    deployment.report("AB", "while the database is away")
    deployment.wait_until(
        lambda: deployment.worker("sync-ab").get("condition") == "backing off", "/health to show that it is away"
    )
    deployment.type("docker compose start mongo")
    deployment.expect("AB", ["while the database is away"])
    assert [deployment.pid("sync-ab"), deployment.pid("sync-cd")] == workers


def test_docker_stop_lets_everybody_finish_in_time_and_nothing_is_lost_or_doubled(deployment):
    summaries = [f"at the end {number}" for number in range(20)]
    control = deployment.control
    before = control.counts("site-ab").get("DEVAB", 0)
    deployment.report("AB", *summaries)
    deployment.wait_until(lambda: control.counts("site-ab").get("DEVAB", 0) > before, "the first counterparts")
    slow = control.fault("site-cd", "delay", seconds=1)
    control.forget_calls("site-cd")
    deployment.wait_until(lambda: control.calls("site-cd"), "a worker that is always in the middle of a request")
    began = time.monotonic()
    deployment.type("docker compose stop jira-sync")
    took, stopped = time.monotonic() - began, deployment.inspect()
    assert (stopped["State"]["ExitCode"], stopped["State"]["OOMKilled"]) == (0, False)
    assert took < stopped["Config"]["StopTimeout"]

    lines = deployment.type("docker compose logs --no-log-prefix jira-sync").splitlines()
    said = [json.loads(line[line.index("{") :]) for line in lines if '"event"' in line]
    last = {each["sync"]: each["event"] for each in said}
    goodbyes = {"sync-ab": "worker stopped", "sync-cd": "worker stopped", "health-monitor": "monitor stopped"}
    assert goodbyes.items() <= last.items()

    control.heal("site-cd", slow)
    deployment.type("docker compose start jira-sync")
    deployment.let_requests_end("AB")
    deployment.expect("AB", summaries)


def test_a_container_that_is_stopped_while_it_starts_ends_in_order_too(settled):
    name = f"jira-sync-test-{uuid.uuid4().hex[:8]}"
    settled.type(f"docker run --detach --name {name} -e DATABASE_URL=mongodb://nowhere jira-sync")
    try:
        settled.type(f"docker stop --time 60 {name}")
        assert json.loads(settled.type(f"docker inspect {name}"))[0]["State"]["ExitCode"] == 0
    finally:
        settled.type(f"docker rm --force {name}")


def test_workers_are_forked_and_share_most_of_their_memory(settled):
    for name in ("sync-ab", "sync-cd"):
        process = f"/proc/$(supervisorctl pid {name})"
        assert settled.inside(f"tr -d '\\0' <{process}/cmdline") == f"jira-sync: {name}"
        sizes = dict(line.split()[:2] for line in settled.inside(f"tail -n +2 {process}/smaps_rollup").splitlines())
        assert int(sizes["Shared_Dirty:"]) > int(sizes["Private_Dirty:"]) + int(sizes["Private_Clean:"])


def test_the_group_of_a_container_is_stopped_from_outside_as_it_would_come_back_else(settled):
    said = settled.type("docker compose exec jira-sync jira-sync stop", code=1)
    assert "docker compose stop" in said


def test_a_log_that_nobody_reads_any_more_stops_nothing(settled):
    """The engine passes the log on to a server that accepts it and never reads a byte, in the mode of our compose
    file. Were it to wait for that server, supervisord would wait for the engine.
    """
    mode = settled.inspect()["HostConfig"]["LogConfig"]["Config"]["mode"]
    name = f"jira-sync-test-{uuid.uuid4().hex[:8]}"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        log = f"--log-driver syslog --log-opt syslog-address=tcp://127.0.0.1:{port} --log-opt mode={mode}"
        settled.type(f"docker run --detach --name {name} -e DATABASE_URL=mongodb://nowhere {log} jira-sync")
        try:
            settled.wait_until(lambda: "RUNNING" in settled.type(f"docker exec {name} supervisorctl status || true"))
            settled.type(f"timeout 30 docker exec {name} sh -c '{FLOOD.replace(chr(39), chr(34))}'")
            settled.type(f"timeout 30 docker exec {name} supervisorctl restart health-monitor")
        finally:
            server.close()
            settled.type(f"docker rm --force --volumes {name}")


def test_every_documented_command_works_as_typed(deployment):
    commands = documented()
    assert len(commands) > 5
    for command in commands:
        if re.search(r"\bpull\b", command) and not deployment.has_registry():
            continue
        is_endless = re.search(r" (-f|--follow|watch)\b", command)
        if is_endless:
            deployment.type(f"timeout 3 {command}", code=124)
        else:
            deployment.type(command)
    deployment.let_requests_end("AB")
    deployment.type("docker compose exec jira-sync jira-sync sync-now sync-ab")
    deployment.move_issues("AB", "CD")
