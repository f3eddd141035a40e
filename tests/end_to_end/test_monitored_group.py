"""A group at night: what hangs is seen and mended, what a person did is respected, and the monitor itself may die."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import httpx


def asked(group, path: str) -> Any:
    """Return what the monitor answers, or an empty object while it does not."""
    try:
        return httpx.get(f"{group.monitor_url}{path}", timeout=20, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return {}


def told(group, name: str) -> dict[str, Any]:
    """Return what the monitor says of one sync."""
    workers = asked(group, "/health").get("workers", ())
    return next((each for each in workers if each["name"] == name), {"condition": "not told"})


def expect(group, name: str, condition: str) -> dict[str, Any]:
    def is_so() -> dict[str, Any] | None:
        found = told(group, name)
        return found if found["condition"] == condition else None

    return group.wait_until(is_so, f"{name} to be {condition}")


def test_a_group_is_watched_and_mended_through_everything_that_happens_to_it(group):
    group.environ["STUCK_AFTER"] = "30"
    for letter in "ABC":
        group.write(letter)
    group.run("start")
    group.wait_until(lambda: asked(group, "/health/ready").get("status") == "ok", "the group to have come up")
    group.wait_until(lambda: asked(group, "/health").get("status") == "healthy", "the group to be well")
    workers = {name: group.pid(name) for name in ("sync-a", "sync-b", "sync-c")}
    monitor = group.pid("health-monitor")
    assert group.run("apply") == "= 3 unchanged\n"
    assert group.pid("health-monitor") == monitor

    # The monitor dies: no worker notices, and its picture is whole again as soon as it is back.
    os.kill(monitor, signal.SIGKILL)
    group.next_pid("health-monitor", monitor)
    for name, pid in workers.items():
        assert expect(group, name, "ok")["pid"] == pid

    # One hangs. Until it is given up on, others have troubles of their own.
    os.kill(workers["sync-a"], signal.SIGSTOP)

    group.supervisor.stop("sync-b")
    assert expect(group, "sync-b", "stopped")["status"] == "stopped"
    (group.configs / "sync-c.json").write_text("{")
    broken = expect(group, "sync-c", "invalid")
    assert (broken["status"], broken["pid"]) == ("error", workers["sync-c"])
    group.wait_until(lambda: asked(group, "/api/syncs/sync-c").get("history"), "history")

    # A dead MongoDB costs the history, not the health.
    group.supervisor.stop("mongodb")
    group.wait_until(lambda: asked(group, "/api/syncs/sync-c").get("historyError"), "no history")
    assert asked(group, "/api/syncs/sync-c")["history"] is None
    group.wait_until(lambda: told(group, "sync-c")["phase"] == "backing off", "sync-c to say that it waits")
    group.supervisor.start("mongodb")
    group.write("C")
    expect(group, "sync-c", "ok")

    # What hangs is ended, at last by force, and works again; what an operator stopped stays stopped.
    def is_mended() -> dict[str, Any] | None:
        found = told(group, "sync-a")
        return found if found["condition"] == "ok" and found["pid"] not in (None, workers["sync-a"]) else None

    mended = group.wait_until(is_mended, "the one that hangs to be replaced", 120)
    assert mended["lastRemedy"]["reason"] == "stuck"
    assert "alive, but silent for" in mended["lastRemedy"]["text"]
    lines = [json.loads(line) for line in (group.run_dir / "logs/health-monitor.log").read_text().splitlines()]
    said = [line["said"] for line in lines if line["event"] == "remedy" and line["program"] == "sync-a"]
    assert [sentence.partition(":")[0] for sentence in said] == ["restarted", "killed"]
    group.report("A", "after the night")
    group.expect("A", "after the night")
    assert told(group, "sync-b")["condition"] == "stopped"
    assert group.pid("sync-b") == 0
