"""What the monitor says of a group, over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from generator.running.settings import from_environ
from health_monitor import probe
from health_monitor.server import HEADERS
from health_monitor.snapshot import look
from sync_model.definition import Side
from sync_model.heartbeat import CallCount, Phase, Totals
from sync_worker.core.records import JournalEntry, PastCycle

REPO = Path(__file__).parents[3]
SYNCS = ("sync-a", "sync-b", "sync-c")
PATHS = ("/", "/health", "/health/live", "/health/ready", "/api/syncs", "/api/syncs/sync-a", "/metrics")


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


@pytest.mark.defect(13)
def test_health_says_lag_and_success_and_every_file_that_does_not_load(stage):
    stage.beat("sync-a", oldest_change=ago(100), queued=3, dead_letters=1)
    told = stage.expect("sync-a", "needs a look")
    assert (told["status"], told["pid"], told["queued"], told["deadLetters"]) == ("running", stage.pid("sync-a"), 3, 1)
    assert 100 <= told["lag"] < 200
    assert told["lastSuccess"] < told["lastHeartbeat"]
    answer = stage.http.get("/health")
    assert (answer.status_code, answer.json()["status"], answer.json()["trouble"]) == (200, "healthy", None)
    broken = stage.configs / "other.json"
    broken.write_text('{"name": "other",')
    try:
        told = stage.expect("other", "invalid")
        assert (told["status"], told["pid"], told["file"], len(told["problems"])) == ("error", None, "other.json", 1)
        assert told["problems"][0].startswith("line 1, column 18: is not valid JSON")
        answer = stage.http.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
        assert answer.json()["workers"][0]["name"] == "other"
    finally:
        broken.unlink()
    stage.expect("other", "not there")


def test_a_broken_file_is_said_beside_what_runs_whatever_its_name_is(stage):
    path, other = stage.configs / "sync-b.json", stage.configs / "sync-c.json"
    good = path.read_text()
    path.write_text("[]")
    other.write_text("{")  # sync-c itself comes from third.json
    try:
        told = stage.expect("sync-b", "invalid")
        assert "it runs as it was" in told["why"]
        assert (told["problems"], told["pid"]) == (["must hold one object, { … }"], stage.pid("sync-b"))
        assert stage.expect("sync-c.json", "invalid")["file"] == "sync-c.json"
        assert stage.worker("sync-c")["condition"] == "ok"
    finally:
        path.write_text(good)
        other.unlink()
    stage.expect("sync-b", "ok")


def test_an_edit_that_is_not_applied_is_said(stage):
    path = stage.configs / "sync-b.json"
    good = path.read_text()
    path.write_text(json.dumps({**json.loads(good), "syncIntervalMinutes": 9}))
    try:
        stage.wait_until(lambda: stage.worker("sync-b")["isEdited"], "the edit to be seen")
        assert not stage.worker("sync-a")["isEdited"]
    finally:
        path.write_text(good)


def test_a_folder_that_is_gone_is_trouble_of_the_group_and_of_no_sync(stage):
    away = stage.configs.with_name("away")
    stage.configs.rename(away)
    try:
        trouble = stage.wait_until(lambda: stage.http.get("/health").json()["trouble"], "the trouble")
        assert trouble == f"{stage.configs} cannot be read: No such file or directory"
        assert stage.http.get("/health").status_code == 503
        found = {(stage.worker(name)["status"], stage.worker(name)["isEdited"]) for name in SYNCS}
        assert found == {("running", False)}
    finally:
        away.rename(stage.configs)
    stage.wait_until(lambda: stage.http.get("/health").status_code == 200, "all to be well again")


def test_a_folder_without_a_sync_is_said(tmp_path):
    """More often it was not mounted than it is meant."""
    environ = {"CONFIG_DIR": str(tmp_path), "RUN_DIR": str(tmp_path / "run")}
    picture = look(from_environ(environ), environ)
    assert (picture.is_healthy, picture.silence) == (False, "supervisord does not run")
    assert f"no sync is there to be run: {tmp_path} holds none" in picture.trouble


def test_what_a_person_asked_for_is_no_error_but_a_stopped_sync_is_said(stage):
    stage.beat("sync-b", Phase.PAUSED, reason="paused by ann")
    assert stage.expect("sync-b", "paused")["status"] == "running"
    assert stage.http.get("/health").status_code == 200
    stage.supervisor.stop("sync-c")
    assert stage.expect("sync-c", "stopped")["status"] == "stopped"
    assert stage.http.get("/health").status_code == 503
    stage.supervisor.start("sync-c")
    stage.beat("sync-c", Phase.STARTING)
    assert stage.expect("sync-c", "starting")["status"] == "running"
    answer = stage.http.get("/health/ready")
    assert (answer.status_code, answer.json()["message"]) == (503, "not up yet: sync-c")
    stage.beat("sync-c")
    stage.expect("sync-c", "ok")
    assert stage.http.get("/health/ready").status_code == 200


@pytest.mark.defect(15)
def test_the_probe_of_a_container_needs_no_other_program(stage, free_port, capsys):
    environ = {"PORT": stage.environ["PORT"], "BIND": "0.0.0.0"}
    assert (probe.main([], environ), capsys.readouterr().out) == (0, "alive\n")
    assert (probe.main(["ready"], environ), capsys.readouterr().out) == (0, "ready\n")
    stage.beat("sync-c", Phase.STARTING)
    stage.expect("sync-c", "starting")
    assert (probe.main(["live"], environ), probe.main(["ready"], environ)) == (0, 1)
    assert capsys.readouterr().out == "alive\nnot up yet: sync-c\n"
    assert probe.main(["live"], {"PORT": str(free_port())}) == 1
    assert capsys.readouterr().out.startswith("no answer at 127.0.0.1, port ")
    assert probe.main(["lively"], environ) == 1


def test_one_sync_is_told_with_its_past(stage, journal):
    journal.record_cycle(PastCycle(ago(60), 1.5, {"created": 2}, error=None))
    journal.record_cycle(PastCycle(ago(30), 0.5, {}, error="no answer"))
    journal.record(
        [JournalEntry(ago(50), "worker", "create", side=Side.USER, issue="USYNCA-1", counterpart="DSYNCA-1")]
    )
    told = stage.http.get("/api/syncs/sync-a").json()
    history = told["history"]
    assert told["historyError"] is None
    assert [(each["duration"], each["error"]) for each in history["cycles"]] == [(0.5, "no answer"), (1.5, None)]
    (action,) = history["actions"]
    assert action["issueUrl"] == "https://jira.example.com/browse/USYNCA-1"
    assert action["counterpartUrl"] == "https://jira.example.com/browse/DSYNCA-1"
    assert (len(history["perHour"]), sum(history["perHour"]), history["failing"]) == (24, 1, [])
    assert told["configuration"]["jira"]["apiToken"] == "${JIRA_TOKEN}"
    assert stage.http.get("/api/syncs/sync-b").json()["configuration"]["jira"]["apiToken"] == "***"

    def hours() -> list[int]:
        syncs = stage.http.get("/api/syncs").json()["syncs"]
        return next(each["perHour"] for each in syncs if each["name"] == "sync-a")

    assert len(stage.wait_until(hours, "the throughput of the last day")) == 24


def test_what_is_measured_is_there_for_prometheus(stage):
    totals = Totals(
        cycles=7,
        failed_cycles=2,
        actions={"create done": 3, "move failed": 1},
        calls=(CallCount(endpoint="search", status=200, count=9), CallCount(endpoint="search", status=0, count=1)),
        cooldown=1.5,
    )
    stage.beat("sync-a", totals=totals, memory=1000, version="1.2", oldest_change=ago(50), queued=4)
    stage.wait_until(lambda: stage.worker("sync-a")["queued"] == 4, "the heartbeat to be read")
    answer = stage.http.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name != "sync")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.labels.get("sync") in (None, "sync-a")
    }
    expected = {
        ("jira_sync_cycles_total", "done"): 7,
        ("jira_sync_cycles_total", "failed"): 2,
        ("jira_sync_actions_total", "create", "done"): 3,
        ("jira_sync_actions_total", "move", "failed"): 1,
        ("jira_sync_api_calls_total", "search", "200"): 9,
        ("jira_sync_api_calls_total", "search", "none"): 1,
        ("jira_sync_cooldown_seconds_total",): 1.5,
        ("jira_sync_memory_bytes",): 1000,
        ("jira_sync_queue",): 4,
        ("jira_sync_dead_letters",): 0,
        ("jira_sync_build_info", "1.2"): 1,
        ("jira_sync_up",): 1,
        ("jira_sync_condition", "ok"): 1,
        ("jira_sync_condition", "stuck"): 0,
        ("jira_sync_restarts_total", "stuck"): 0,
        ("jira_sync_invalid_files",): 0,
        ("jira_sync_healthy",): 1,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert 50 <= found["jira_sync_lag_seconds",] < 100
    assert ago(60).timestamp() < found["jira_sync_last_success_timestamp_seconds",] < ago(0).timestamp()


def test_every_answer_tells_browsers_to_be_careful_and_none_holds_a_secret(stage):
    for path in (*PATHS, "/nothing"):
        answer = stage.http.get(path)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert "s3cr3t" not in answer.text
        assert (path, answer.status_code) == (path, 404 if path == "/nothing" else 200)
    assert answer.json() == {"error": "there is no /nothing here"}
    wrong = stage.http.post("/health")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET,HEAD")


@pytest.fixture
def other(stage, free_port, tmp_path) -> Iterator[httpx.Client]:
    """A monitor of its own beside the group's, which has nobody's address for MongoDB's, and its token from a file."""
    for name in ("syncs", "heartbeats", "supervisor.sock"):
        (tmp_path / name).symlink_to(stage.run_dir / name)
    port = str(free_port())
    environ = {name: value for name, value in stage.environ.items() if name != "ADMIN_TOKEN"}
    environ |= {"DATABASE_URL": "mongodb://127.0.0.1:1", "PORT": port, "RUN_DIR": str(tmp_path)}
    environ["ADMIN_TOKEN_FILE"] = str(tmp_path / "token")
    command = [sys.executable, "-m", "health_monitor"]
    process = subprocess.Popen(command, env=environ, cwd=REPO, stdout=subprocess.DEVNULL)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as http:
        stage.wait_until(lambda: is_ready(http), "the other monitor to be ready")
        yield http
    process.terminate()
    assert process.wait(20) == 0


def test_a_dead_database_costs_history_only_and_without_a_token_all_is_read_only(other, tmp_path):
    told = other.get("/api/syncs/sync-a").json()
    assert (told["history"], told["condition"]) == (None, "ok")
    assert told["historyError"].startswith("MongoDB: ")
    assert other.get("/health").status_code == 200
    for path in ("/api/syncs/sync-a/pause", "/session"):
        refused = other.post(path, headers={"Authorization": "Bearer late-token"})
        assert refused.status_code == 403
        assert refused.json()["error"].startswith("this page is read only: set ADMIN_TOKEN")
    (tmp_path / "token").write_text("late-token\n")
    refused = other.post("/api/syncs/sync-a/pause", headers={"Authorization": "Bearer late-token"})
    assert refused.status_code == 503
    assert refused.json()["error"].startswith("MongoDB: ")


@pytest.mark.parametrize(
    # what is wrong                  what is said
    ("environ", "said"),
    [
        ({}, "set PORT"),  # the group's own monitor listens there
        ({"STUCK_AFTER": "soon"}, "STUCK_AFTER is 'soon'; it must be a number of seconds, 30 or more"),
    ],
)
def test_what_keeps_a_monitor_from_starting_is_one_line(stage, tmp_path, environ, said):
    command = [sys.executable, "-m", "health_monitor"]
    environ = {**stage.environ, "RUN_DIR": str(tmp_path), **environ}
    done = subprocess.run(command, env=environ, cwd=REPO, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/health/ready").status_code == 200
    except httpx.HTTPError:
        return False
