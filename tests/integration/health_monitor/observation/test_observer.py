"""What the monitor does to a group by itself, on a real supervisord."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile

import pytest

LARGE = 2 * 1024 * 1024


@pytest.fixture(scope="module")
def running_group(start_group) -> Iterator[object]:
    """A group whose monitor acts early."""
    with start_group(STUCK_AFTER="30", MAX_WORKER_MEMORY="1MB") as group:
        yield group


def remedies(group, name: str) -> list[str]:
    return [line["said"] for line in group.log() if line["event"] == "remedy" and line["program"] == name]


def test_a_worker_that_hangs_and_one_that_is_too_large_are_restarted_but_not_one_that_an_operator_stopped(group):
    before = {name: group.pid(name) for name in ("sync-a", "sync-c")}
    group.stop_sync("sync-b")
    for name in ("sync-a", "sync-b"):
        group.beat(name, sent=60, pid=before["sync-a"])
    worker = group.expect("sync-a", "stuck")
    assert (worker["status"], "silent for" in worker["why"], worker["pid"]) == ("error", True, before["sync-a"])

    def both_are_restarted() -> bool:
        group.beat("sync-c", memory=LARGE)
        return all(group.pid(name) not in (0, pid) for name, pid in before.items())

    group.wait_until(both_are_restarted, "the one that hangs and the one that is large to be restarted", 60)
    group.beat("sync-a")
    worker = group.expect("sync-a", "ok")
    assert worker["lastRemedy"]["reason"] == "stuck"
    assert worker["lastRemedy"]["text"].startswith("restarted: alive, but silent for")
    assert (group.worker("sync-b")["condition"], group.pid("sync-b")) == ("stopped", 0)
    assert [len(remedies(group, name)) for name in ("sync-a", "sync-b", "sync-c")] == [1, 0, 1]
    assert 'jira_sync_restarts_total{reason="stuck",sync="sync-a"} 1.0' in group.http.get("/metrics").text
    assert group.worker("sync-c")["lastRemedy"]["text"] == "restarted: it uses more memory than MAX_WORKER_MEMORY"
    group.supervisor.start("sync-b")


def test_a_program_that_supervisord_gave_up_on_is_started_again_even_by_the_next_monitor(group):
    """The backoff is a minute. The test shortens it in the file of records, which the next monitor reads."""
    starts, records = group.run_dir / "doomed", group.run_dir / "monitor.json"
    command = f"command=/bin/sh -c 'echo started >> {starts}; exit 1'"
    group.add_program("doomed", command, "autorestart=true", "startsecs=60", "startretries=0")

    def planned() -> str | None:
        programs = group.http.get("/api/syncs").json()["programs"]
        return next((program["nextStart"] for program in programs if program["name"] == "doomed"), None)

    next_start = datetime.fromisoformat(group.wait_until(planned, "another start to be planned"))
    assert 30 < (next_start - datetime.now(UTC)).total_seconds() < 80
    assert group.http.get("/health").json()["trouble"].startswith("doomed has failed (Exited too quickly")
    assert starts.read_text() == "started\n"
    workers = {name: group.pid(name) for name in ("sync-a", "sync-b", "sync-c")}
    known = json.loads(records.read_text())
    known["programs"]["doomed"]["nextStart"] = datetime.now(UTC).isoformat()
    taken = {"at": datetime.now(UTC).isoformat(), "reason": "stuck", "text": "restarted: it hung"}
    known["programs"]["sync-b"] = {"restarts": {"stuck": 7}, "deeds": [taken]}
    records.write_text(json.dumps(known))
    os.kill(group.pid("health-monitor"), signal.SIGKILL)
    group.wait_until(lambda: starts.read_text() == "started\nstarted\n", "doomed to be started again")
    group.wait_until(group.answers, "the monitor to be back")
    assert {name: group.pid(name) for name in workers} == workers
    assert group.worker("sync-b")["lastRemedy"]["reason"] == "stuck"
    assert 'jira_sync_restarts_total{reason="stuck",sync="sync-b"} 7.0' in group.http.get("/metrics").text
    second = datetime.fromisoformat(group.wait_until(planned, "the next start to be planned"))
    assert 90 < (second - datetime.now(UTC)).total_seconds() < 150


@pytest.fixture(params=["no folder", "no room"])
def heartbeats_that_cannot_be_written(request, group) -> Iterator[Callable[[], None]]:
    """Keep heartbeats from being written; the value is a function that makes them writable again."""
    folder, away = group.run_dir / "heartbeats", group.run_dir / "away"
    with ExitStack() as stack:
        if request.param == "no folder":
            folder.rename(away)
            away_file = stack.enter_context(NamedTemporaryFile(dir=group.run_dir))
            folder.symlink_to(away_file.name)
            mend = lambda: (folder.unlink(), away.rename(folder))  # noqa: E731
        else:
            mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(folder)]
            if subprocess.run(mount, check=False, capture_output=True).returncode:
                pytest.skip("nobody may mount here")
            stack.callback(subprocess.run, ["umount", str(folder)], check=True)
            group.beat("sync-a", sent=60)
            (folder / "full").write_bytes(bytes(100 * 1024))
            mend = (folder / "full").unlink
        yield mend


def test_no_worker_is_ended_because_its_heartbeats_cannot_be_written(group, heartbeats_that_cannot_be_written):
    before, told = group.pid("sync-a"), len(remedies(group, "sync-a"))
    worker = group.expect("sync-a", "needs a look")
    assert "no heartbeat can be written to" in worker["why"]
    assert group.pid("sync-a") == before
    health = group.http.get("/health")
    assert (health.status_code, "no heartbeat can be written" in health.json()["trouble"]) == (503, True)
    heartbeats_that_cannot_be_written()
    # Whoever is silent also afterwards hangs.
    group.beat("sync-a", sent=60)
    group.wait_until(lambda: group.pid("sync-a") not in (0, before), "the worker to be restarted")
    assert len(remedies(group, "sync-a")) == told + 1


def test_a_monitor_that_is_terminated_ends_promptly_and_logs_it(group):
    pid = group.pid("health-monitor")
    os.kill(pid, signal.SIGTERM)
    group.wait_until(lambda: group.pid("health-monitor") not in (0, pid), "another monitor", deadline=8)
    assert "monitor stopped" in [line["event"] for line in group.log()]
