"""What the monitor does about a group by itself, on a real supervisord."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime

ENVIRON = {"STUCK_AFTER": "30", "MAX_WORKER_MEMORY": "1MB"}
LARGE = 2 * 1024 * 1024


def remedies(stage, name: str) -> list[str]:
    return [line["said"] for line in stage.log() if line["event"] == "remedy" and line["program"] == name]


def test_what_hangs_is_restarted_what_is_large_once_and_what_an_operator_stopped_not_at_all(stage):
    before = {name: stage.pid(name) for name in ("sync-a", "sync-c")}
    stage.supervisor.stop("sync-b")
    for name in ("sync-a", "sync-b"):
        stage.beat(name, sent=60, pid=before["sync-a"])
    told = stage.expect("sync-a", "stuck")
    assert (told["status"], "silent for" in told["why"], told["pid"]) == ("error", True, before["sync-a"])

    def both_are_restarted() -> bool:
        stage.beat("sync-c", memory=LARGE)
        return all(stage.pid(name) not in (0, pid) for name, pid in before.items())

    stage.wait_until(both_are_restarted, "the one that hangs and the one that is large to be restarted", 60)
    stage.beat("sync-a")
    told = stage.expect("sync-a", "ok")
    assert told["lastRemedy"]["reason"] == "stuck"
    assert told["lastRemedy"]["text"].startswith("restarted: alive, but silent for")
    assert (stage.worker("sync-b")["condition"], stage.pid("sync-b")) == ("stopped", 0)
    assert [len(remedies(stage, name)) for name in ("sync-a", "sync-b", "sync-c")] == [1, 0, 1]
    assert 'jira_sync_restarts_total{reason="stuck",sync="sync-a"} 1.0' in stage.http.get("/metrics").text
    assert stage.worker("sync-c")["lastRemedy"]["text"] == "restarted: it uses more memory than MAX_WORKER_MEMORY"
    stage.supervisor.start("sync-b")


def test_what_supervisord_gave_up_on_is_started_again_also_by_the_next_monitor(stage):
    """The pause is a minute; it is shortened in the file by which the next monitor knows of it."""
    marks, memory = stage.run_dir / "doomed", stage.run_dir / "monitor.json"
    command = f"command=/bin/sh -c 'echo started >> {marks}; exit 1'"
    stage.add_program("doomed", command, "autorestart=true", "startsecs=60", "startretries=0")

    def planned() -> str | None:
        programs = stage.http.get("/api/syncs").json()["programs"]
        return next((each["nextStart"] for each in programs if each["name"] == "doomed"), None)

    next_start = datetime.fromisoformat(stage.wait_until(planned, "another start to be planned"))
    assert 30 < (next_start - datetime.now(UTC)).total_seconds() < 80
    assert stage.http.get("/health").json()["trouble"].startswith("doomed has failed (Exited too quickly")
    assert marks.read_text() == "started\n"
    workers = {name: stage.pid(name) for name in ("sync-a", "sync-b", "sync-c")}
    known = json.loads(memory.read_text())
    known["programs"]["doomed"]["nextStart"] = datetime.now(UTC).isoformat()
    memory.write_text(json.dumps(known))
    os.kill(stage.pid("health-monitor"), signal.SIGKILL)
    stage.wait_until(lambda: marks.read_text() == "started\nstarted\n", "doomed to be started again")
    stage.wait_until(stage.answers, "the monitor to be back")
    assert {name: stage.pid(name) for name in workers} == workers
    assert stage.worker("sync-a")["lastRemedy"]["reason"] == "stuck"
    assert 'jira_sync_restarts_total{reason="stuck",sync="sync-a"} 1.0' in stage.http.get("/metrics").text
    second = datetime.fromisoformat(stage.wait_until(planned, "the next start to be planned"))
    assert 90 < (second - datetime.now(UTC)).total_seconds() < 150


def test_a_monitor_ends_promptly_and_with_a_word_when_it_is_told_to(stage):
    pid = stage.pid("health-monitor")
    os.kill(pid, signal.SIGTERM)
    stage.wait_until(lambda: stage.pid("health-monitor") not in (0, pid), "another monitor", deadline=8)
    assert "monitor stopped" in [line["event"] for line in stage.log()]
