"""`stop`, on a real supervisord with real workers."""

from __future__ import annotations

import os
import signal

import pytest

from generator.running.errors import NotRunning, SocketGone
from generator.running.supervision import supervisor_rpc
from generator.running.supervision.processes import is_supervisord


@pytest.mark.defect(25)
def test_nothing_is_left_after_stop_and_stop_may_be_repeated(group):
    group.write("sync-a.json")
    group.start()
    assert set(group.members()) == {group.supervisord, *group.pids().values()}
    assert group.run("stop").code == 0
    assert group.members() == []
    assert not (group.run_dir / "supervisor.sock").exists()
    ran = group.run("stop")
    assert (ran.code, ran.out) == (0, f"nothing was running in {group.run_dir}\n")


def test_what_a_killed_supervisord_leaves_behind_is_said_and_can_be_ended(group):
    group.write("sync-a.json")
    assert group.run("start", LOG_LEVEL="error").code == 0  # a worker that says something ends by that alone
    group.wait_until(lambda: "sync-a" in group.digests(), "the worker to have begun")
    worker, orphan, supervisord = group.pids()["sync-a"], group.pids()["health-monitor"], group.supervisord
    os.kill(supervisord, signal.SIGKILL)
    group.wait_until(lambda: supervisord not in group.members(), "supervisord to be gone")
    group.wait_until(lambda: worker not in group.members(), "the worker to end with it")
    said = f"supervisord was killed, and what it had started runs on (pid {orphan}): jira-sync start ends that, "
    ran = group.run("status")
    assert (ran.code, said in ran.err) == (1, True), ran
    ran = group.run("start")
    assert (ran.code, ran.out.splitlines()[0]) == (
        0,
        "supervisord was gone; ended 1 processes that it had left behind",
    )
    assert orphan not in group.members()
    os.kill(group.supervisord, signal.SIGKILL)
    group.wait_until(lambda: not any(map(is_supervisord, group.members())), "supervisord to be gone")
    assert group.run("stop").code == 0
    assert group.members() == []
    group.start()


def test_an_executed_worker_ends_with_its_supervisord_too(group):
    group.write("sync-a.json")
    assert group.run("start", SPAWN="exec", LOG_LEVEL="error").code == 0
    group.wait_until(lambda: "sync-a" in group.digests(), "the worker to have begun")
    worker = group.pids()["sync-a"]
    os.kill(group.supervisord, signal.SIGKILL)
    group.wait_until(lambda: worker not in group.members(), "the worker to end")


def test_a_supervisord_whose_socket_was_removed_is_said_to_run_and_can_be_ended(group):
    """A cleaner of temporary files does that."""
    group.write("sync-a.json")
    group.start()
    supervisord = group.supervisord
    (group.run_dir / "supervisor.sock").unlink()
    for command in ("status", "apply", "render"):
        ran = group.run(command)
        assert ran.code == 1
        assert f"supervisord runs (pid {supervisord}), but its socket is gone: jira-sync start ends it" in ran.err
        assert "does not run" not in ran.out + ran.err
    ran = group.run("stop")
    assert (ran.code, ran.out) == (0, "supervisord had lost its socket; ended it and all that it had started\n")
    assert group.members() == []
    group.start()
    (group.run_dir / "supervisor.sock").unlink()
    ran = group.run("start")
    assert ran.code == 0
    assert ran.out.startswith("supervisord had lost its socket; ended it and all that it had started\n")
    assert group.states()["sync-a"].state == "RUNNING"


def test_a_supervisord_whose_files_were_all_removed_is_known_by_its_age(group, monkeypatch):
    """A new one has no socket yet."""
    group.write("sync-a.json")
    group.start()
    for name in ("supervisor.sock", "supervisord.pid"):
        (group.run_dir / name).unlink()
    with pytest.raises(NotRunning):
        group.supervisor.states()
    monkeypatch.setattr(supervisor_rpc, "SECONDS_TO_LISTEN", 0.0)
    with pytest.raises(SocketGone, match=rf"pid {group.supervisord}"):
        group.supervisor.states()
