"""The process of the monitor."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from generator.running.supervision.supervisor_rpc import Supervisor

REPO = Path(__file__).parents[3]


@pytest.mark.parametrize(
    # what is wrong                  the error
    ("environ", "error"),
    [
        ({"STUCK_AFTER": "soon"}, "STUCK_AFTER is 'soon'; it must be a number of seconds, 30 or more"),
    ],
)
def test_an_error_that_keeps_the_monitor_from_starting_is_one_line(group, tmp_path, environ, error):
    command = [sys.executable, "-m", "health_monitor"]
    environ = {**group.environ, "RUN_DIR": str(tmp_path), **environ}
    done = subprocess.run(command, env=environ, cwd=REPO, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert error in done.stderr


def status(group) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jira_sync", "status"]
    return subprocess.run(command, env=group.environ, cwd=REPO, capture_output=True, text=True, check=False, timeout=60)


def test_a_busy_port_does_not_end_the_monitor_it_heals_says_so_and_tries_again(start_group, wait_until):
    with start_group(STUCK_AFTER="30") as group:
        with socket.socket() as occupant:
            occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            group.supervisor.stop("health-monitor")
            wait_until(lambda: group.pid("health-monitor") == 0, "the monitor to be stopped")
            occupant.bind(("127.0.0.1", group.port))
            occupant.listen()
            group.supervisor.start("health-monitor")
            told = wait_until(lambda: "cannot be listened on" in (said := status(group).stderr) and said, "the status")
            assert f"127.0.0.1, port {group.port}, cannot be listened on (Address already in use)" in told
            assert "set PORT" in told
            before = group.pid("sync-a")
            for name in ("sync-a", "sync-b", "sync-c"):
                group.beat(name, sent=60 if name == "sync-a" else 0)
            wait_until(lambda: group.pid("sync-a") not in (0, before), "the one that hangs to be restarted")
            monitor = group.pid("health-monitor")
            assert Supervisor(group.run_dir / "supervisor.sock").states()["health-monitor"].state == "RUNNING"
        wait_until(group.answers, "the monitor to answer")
        assert group.pid("health-monitor") == monitor
        wait_until(lambda: group.http.get("/health").json()["trouble"] is None, "the trouble to be over")
        assert "cannot be listened on" not in status(group).stderr
        events = [line["event"] for line in group.log()]
        assert events.count("not reachable") == 1
        assert events.count("reachable again") == 1
