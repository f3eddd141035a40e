"""A real group whose workers are forked, and the same group with workers that are executed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from generator.running.code import fingerprint
from generator.running.supervision.processes import command, is_supervisord, members
from generator.running.supervision.running_group import environment_of_group

FORKS = """
import os, sys
child = os.fork()
if child:
    print(child, flush=True)
sys.stdin.read()
if child:
    os.waitpid(child, 0)
"""
"""Forks once. Both processes end when what is written to them ends."""


def _memory(pid: int) -> bytes:
    """Return all that a process has in memory that it could have been given or have read."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            area, rights, *_ = line.split()
            if rights.startswith("rw"):
                start, end = (int(address, 16) for address in area.split("-"))
                memory.seek(start)
                found.append(memory.read(end - start))
    return b"".join(found)


def test_no_worker_finds_the_token_of_another_sync_in_its_memory(group):
    tokens = {name: f"t0ken-of-{name}-only" for name in ("sync-a", "sync-b")}
    for name, token in tokens.items():
        group.write(f"{name}.json", jira={"baseUrl": "http://127.0.0.1:1", "apiToken": token})
    group.start()
    group.wait_until(lambda: len(group.digests()) == 2, "both to have read what they are to do")
    pids = {name: group.pids()[name] for name in tokens}
    # Started again, it is forked from a supervisord that has seen others come and go.
    os.kill(pids["sync-b"], signal.SIGKILL)
    before = pids["sync-b"]
    pids["sync-b"] = group.wait_until(
        lambda: (pid := group.pids()["sync-b"]) not in (0, before) and pid, "it to be back"
    )
    (supervisord,) = [pid for pid in group.members() if is_supervisord(pid)]
    titles = {name: f"jira-sync: {name}" for name in tokens}
    group.wait_until(lambda: {name: command(pid) for name, pid in pids.items()} == titles, "both to be forked")
    for name, pid in pids.items():
        group.wait_until(lambda pid=pid, name=name: tokens[name].encode() in _memory(pid), f"{name} to know its own")
        others = [token for other, token in tokens.items() if other != name and token.encode() in _memory(pid)]
        assert others == []
    assert [token for token in tokens.values() if token.encode() in _memory(supervisord)] == []


def test_a_killed_worker_is_forked_again_and_the_others_do_not_notice(group):
    group.write("sync-a.json")
    group.write("sync-b.json")
    group.start()
    before = group.pids()
    os.kill(before["sync-a"], signal.SIGKILL)
    group.wait_until(lambda: group.pids()["sync-a"] not in (0, before["sync-a"]), "it to be back")
    after = group.pids()["sync-a"]
    group.wait_until(lambda: command(after) == "jira-sync: sync-a", "it to be forked")
    group.wait_until(
        lambda: f'"pid":{after}' in (group.run_dir / "heartbeats/sync-a.json").read_text(), "its heartbeat"
    )
    assert group.pids()["sync-b"] == before["sync-b"]


def test_a_forked_worker_is_a_member_of_its_group_but_not_its_supervisord(group):
    group.write("sync-a.json")
    group.start()
    worker = group.pids()["sync-a"]
    group.wait_until(lambda: not is_supervisord(worker), "it to be forked")
    assert worker in members(group.run_dir)
    environment = environment_of_group(group.run_dir)
    assert environment is not None
    assert (environment["RUN_DIR"], environment["CONFIG_DIR"]) == (str(group.run_dir), str(group.configs))


def test_a_worker_that_still_has_the_command_of_its_supervisord_is_none():
    """Between its fork and its own title a worker's command line is that of the process that forked it."""
    command_line = [sys.executable, "-c", FORKS, "-m", "supervisor.supervisord", "-c", "some.conf"]
    parent = subprocess.Popen(command_line, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    with parent:
        child = int(parent.stdout.readline())
        found = {pid: is_supervisord(pid) for pid in (parent.pid, child)}
        parent.stdin.close()
    assert found == {parent.pid: True, child: False}


def test_the_same_conf_runs_with_workers_that_are_executed(group):
    group.write("sync-a.json")
    forked = group.run("render", "--stdout").out
    assert group.run("start", SPAWN="exec").code == 0
    assert group.run("render", "--stdout").out == forked
    assert re.search(r" -m sync_worker --config .*/sync-a.json ", command(group.pids()["sync-a"]) + " ")
    group.write("sync-a.json", syncIntervalMinutes=7)
    assert group.run("apply").out == "~ sync-a restarted (config changed)\n"


def test_workers_of_an_older_version_are_not_taken_for_what_is_installed_now(group):
    group.write("sync-a.json")
    group.start()
    assert "has changed since" not in group.run("apply").err
    record = group.run_dir / "settings.json"
    record.write_text(record.read_text().replace(fingerprint(), "that of another version"))
    assert "jira-sync has changed since this group was started; to use that: jira-sync stop" in group.run("apply").err


@pytest.mark.parametrize("command", ["start", "render"])
def test_a_wrong_way_to_spawn_is_said(group, command):
    ran = group.run(command, SPAWN="spoon")
    assert (ran.code, ran.err) == (1, "error: SPAWN is 'spoon'; it must be one of fork, exec\n")


@pytest.fixture(params=["fork", "exec"])
def first_process(group, request):
    """What a container runs first."""
    group.write("sync-a.json")
    environ = {**group.environ, "SPAWN": request.param, "LOG_DIR": str(group.run_dir / "logs")}
    start = [sys.executable, "-m", "generator", "start", "--foreground"]
    process = subprocess.Popen(["env", "--block-signal=TERM", *start], env=environ)
    yield process
    process.terminate()
    assert process.wait(60) == 0


def test_a_sigterm_that_comes_before_the_process_is_supervisord_is_not_lost(group, first_process):
    group.wait_until(lambda: signal.SIGTERM in _blocked(first_process.pid), "it to have begun")
    first_process.terminate()
    assert first_process.wait(60) == 0
    assert "received SIGTERM indicating exit request" in (group.run_dir / "logs/supervisord.log").read_text()


def test_no_program_inherits_the_blocked_sigterm(group, first_process):
    group.wait_until(group.digests, "a worker to be at work")
    assert [pid for pid in (first_process.pid, *group.members()) if _blocked(pid)] == []


def test_short_of_memory_the_kernel_ends_a_worker_before_all_the_others(group, first_process):
    group.wait_until(group.digests, "a worker to be at work")
    scores = {pid: int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (first_process.pid, *group.members())}
    worker = group.pids()["sync-a"]
    assert [pid for pid in scores if scores[pid] >= scores[worker]] == [worker]


def _blocked(pid: int) -> set[int]:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk:"))
    return {number for number in signal.valid_signals() if mask >> (number - 1) & 1}
