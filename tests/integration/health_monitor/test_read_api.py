"""The routes that anybody may read: health, all syncs, and one sync with its history."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync_model.definition.sync import Side
from sync_model.health.heartbeat import Phase, UnprocessableRecord
from sync_worker.core.issues.causes import Failure
from sync_worker.core.records import JournalEntry, PastCycle
from sync_worker.core.unprocessable import UnprocessableIssue
from sync_worker.database.documents.conversion import from_unprocessable

REPO = Path(__file__).parents[3]
SYNCS = ("sync-a", "sync-b", "sync-c")


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_the_api_takes_the_parameters_of_the_page(group):
    group.beat("sync-a", dead_letters=1)
    group.expect("sync-a", "needs a look")
    for query, expected in (
        ("", ["sync-a", "sync-b", "sync-c"]),
        ("condition=attention", ["sync-a"]),
        ("condition=ok&q=usyncb", ["sync-b"]),
        ("site=jira.example.com&q=third", ["sync-c"]),
        ("site=JIRA.example.com&condition=needs-a-look&condition=stuck", ["sync-a"]),
        ("shard=1", []),
        ("condition=%00&page=x", []),
        ("page=7&rows=100", ["sync-a", "sync-b", "sync-c"]),
    ):
        found = group.http.get(f"/api/syncs?{query}").json()
        assert [sync["name"] for sync in found["syncs"]] == expected, query
        assert (found["matching"], found["total"], found["status"]) == (len(expected), 3, "healthy")
    group.beat("sync-a")
    group.expect("sync-a", "ok")


@pytest.mark.defect(13)
def test_health_has_the_lag_and_last_success_of_a_sync_and_every_file_that_does_not_load(group):
    group.beat("sync-a", oldest_change=ago(100), queued=3, dead_letters=1)
    worker = group.expect("sync-a", "needs a look")
    assert (worker["status"], worker["pid"], worker["queued"], worker["deadLetters"]) == (
        "running",
        group.pid("sync-a"),
        3,
        1,
    )
    assert 100 <= worker["lag"] < 200
    assert worker["lastSuccess"] < worker["lastHeartbeat"]
    response = group.http.get("/health")
    assert (response.status_code, response.json()["status"], response.json()["trouble"]) == (200, "healthy", None)
    broken = group.configs / "other.json"
    broken.write_text('{"name": "other",')
    try:
        worker = group.expect("other", "invalid")
        assert (worker["status"], worker["pid"], worker["file"], len(worker["problems"])) == (
            "error",
            None,
            "other.json",
            1,
        )
        assert worker["problems"][0].startswith("line 1, column 18: is not valid JSON")
        response = group.http.get("/health")
        assert (response.status_code, response.json()["status"]) == (503, "degraded")
        assert response.json()["workers"][0]["name"] == "other"
    finally:
        broken.unlink()
    group.expect("other", "not there")


def test_a_broken_file_is_reported_with_the_sync_that_still_runs_from_it_whatever_its_name(group):
    path, other = group.configs / "sync-b.json", group.configs / "sync-c.json"
    good = path.read_text()
    path.write_text("[]")
    other.write_text("{")  # sync-c itself comes from third.json
    try:
        worker = group.expect("sync-b", "invalid")
        assert "it runs as it was" in worker["why"]
        assert (worker["problems"], worker["pid"]) == (["must hold one object, { … }"], group.pid("sync-b"))
        assert group.expect("sync-c.json", "invalid")["file"] == "sync-c.json"
        assert group.worker("sync-c")["condition"] == "ok"
    finally:
        path.write_text(good)
        other.unlink()
    group.expect("sync-b", "ok")


def test_a_sync_whose_edited_file_is_not_applied_is_marked(group):
    path = group.configs / "sync-b.json"
    good = path.read_text()
    path.write_text(json.dumps({**json.loads(good), "syncIntervalMinutes": 9}))
    try:
        group.wait_until(lambda: group.worker("sync-b")["isEdited"], "the edit to be noticed")
        assert not group.worker("sync-a")["isEdited"]
    finally:
        path.write_text(good)


def test_a_missing_folder_is_trouble_of_the_group_and_no_error_of_its_syncs(group):
    away = group.configs.with_name("away")
    group.configs.rename(away)
    try:
        trouble = group.wait_until(lambda: group.http.get("/health").json()["trouble"], "the trouble")
        assert trouble == f"{group.configs} cannot be read: No such file or directory"
        assert group.http.get("/health").status_code == 503
        found = {(group.worker(name)["status"], group.worker(name)["isEdited"]) for name in SYNCS}
        assert found == {("running", False)}
    finally:
        away.rename(group.configs)
    group.wait_until(lambda: group.http.get("/health").status_code == 200, "the group to be healthy again")


def test_a_paused_sync_is_healthy_but_a_stopped_one_is_not(group):
    group.beat("sync-b", Phase.PAUSED, reason="paused by ann")
    assert group.expect("sync-b", "paused")["status"] == "running"
    assert group.http.get("/health").status_code == 200
    group.stop_sync("sync-c")
    assert group.expect("sync-c", "stopped")["status"] == "stopped"
    assert group.http.get("/health").status_code == 503
    group.supervisor.start("sync-c")
    group.beat("sync-c", Phase.STARTING)
    assert group.expect("sync-c", "starting")["status"] == "running"
    response = group.http.get("/health/ready")
    assert (response.status_code, response.json()["message"]) == (503, "not up yet: sync-c")
    group.beat("sync-c")
    group.expect("sync-c", "ok")
    assert group.http.get("/health/ready").status_code == 200


def test_one_sync_is_returned_with_its_history(group, journal):
    journal.record_cycle(PastCycle(ago(60), 1.5, {"created": 2}, error=None))
    journal.record_cycle(PastCycle(ago(30), 0.5, {}, error="no answer"))
    journal.record(
        [JournalEntry(ago(50), "worker", "create", side=Side.USER, issue="USYNCA-1", counterpart="DSYNCA-1")]
    )

    def with_cycles() -> dict[str, Any] | None:
        """Return the sync once the monitor, which keeps a history for a few seconds, has read this one."""
        document: dict[str, Any] = group.http.get("/api/syncs/sync-a").json()
        return document if len(document["history"]["cycles"]) == 2 else None

    worker = group.wait_until(with_cycles, "the history to be read")
    history = worker["history"]
    assert worker["historyError"] is None
    assert [(cycle["duration"], cycle["error"]) for cycle in history["cycles"]] == [(0.5, "no answer"), (1.5, None)]
    (action,) = history["actions"]
    assert action["issueUrl"] == "https://jira.example.com/browse/USYNCA-1"
    assert action["counterpartUrl"] == "https://jira.example.com/browse/DSYNCA-1"
    assert (len(history["perHour"]), sum(history["perHour"]), history["failing"]) == (24, 1, [])
    assert worker["configuration"]["jira"]["apiToken"] == "${JIRA_TOKEN}"
    assert group.http.get("/api/syncs/sync-b").json()["configuration"]["jira"]["apiToken"] == "***"

    def per_hour() -> list[int]:
        syncs = group.http.get("/api/syncs").json()["syncs"]
        return next(sync["perHour"] for sync in syncs if sync["name"] == "sync-a")

    assert len(group.wait_until(per_hour, "the actions per hour")) == 24


def test_who_was_refused_is_shown_apart_from_what_was_done(group, journal):
    journal.record_refusal(JournalEntry(ago(5), "api (192.0.2.66)", "restart", "refused", text="this is not the token"))

    def with_refusal() -> dict[str, Any] | None:
        history = group.http.get("/api/syncs/sync-a").json()["history"]
        return history if any(entry["who"] == "api (192.0.2.66)" for entry in history["refusals"]) else None

    assert group.wait_until(with_refusal, "the refusal to be read")["actions"] == []
    assert "api (192.0.2.66)" in group.http.get("/syncs/sync-a").text.partition('id="refusals"')[2]


def test_an_issue_that_cannot_be_handled_is_named_by_health_by_the_api_and_on_the_page(group, journal):
    bad = UnprocessableIssue(Side.USER, "7", "USYNCA-7", Failure("Not this one.", 2, ago(90), ago(30), ago(-30)))
    record = UnprocessableRecord(side="user", issue="USYNCA-7", since=ago(90), attempts=2, error="Not this one.")
    collection = journal._database["unprocessable"]
    collection.insert_one({"_id": "user:7", **from_unprocessable(bad, writer=1, number=1)})
    group.beat("sync-a", unprocessable=1, unprocessable_issues=(record,), last_census=ago(60))
    worker = group.expect("sync-a", "needs a look")
    assert (worker["unprocessable"], worker["unprocessableIssues"][0]["issue"]) == (1, "USYNCA-7")
    assert worker["why"] == "USYNCA-7 cannot be handled: Not this one."
    assert worker["lastCensus"] < worker["lastHeartbeat"]
    try:
        link = "https://jira.example.com/browse/USYNCA-7"
        page = group.wait_until(
            lambda: link in (text := group.http.get("/syncs/sync-a").text) and text, "the page to link to it"
        )
        assert "cannot be handled" in page
        (shown,) = group.http.get("/api/syncs/sync-a").json()["history"]["unprocessable"]
        assert (shown["issue"], shown["error"], shown["attempts"]) == ("USYNCA-7", "Not this one.", 2)
    finally:
        collection.delete_many({})


@pytest.fixture
def other(group, free_port, tmp_path) -> Iterator[httpx.Client]:
    """A second monitor of the same group. Its MongoDB does not answer, and it reads its token from a file."""
    for name in ("syncs", "heartbeats", "supervisor.sock"):
        (tmp_path / name).symlink_to(group.run_dir / name)
    port = str(free_port())
    environ = {name: value for name, value in group.environ.items() if name != "ADMIN_TOKEN"}
    environ |= {"DATABASE_URL": "mongodb://127.0.0.1:1", "PORT": port, "RUN_DIR": str(tmp_path)}
    environ["ADMIN_TOKEN_FILE"] = str(tmp_path / "token")
    command = [sys.executable, "-m", "health_monitor"]
    process = subprocess.Popen(command, env=environ, cwd=REPO, stdout=subprocess.DEVNULL)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as http:
        group.wait_until(lambda: is_ready(http), "the other monitor to be ready")
        yield http
    process.terminate()
    assert process.wait(20) == 0


def test_without_mongodb_only_the_history_is_missing_and_without_a_token_everything_is_read_only(other, tmp_path):
    worker = other.get("/api/syncs/sync-a").json()
    assert (worker["history"], worker["condition"]) == (None, "ok")
    assert worker["historyError"].startswith("MongoDB: ")
    assert other.get("/health").status_code == 200
    for path in ("/api/syncs/sync-a/pause", "/session"):
        refused = other.post(path, headers={"Authorization": "Bearer a-token-that-comes-late"})
        assert refused.status_code == 403
        assert refused.json()["error"].startswith("this page is read only: the monitor was given no ADMIN_TOKEN")
    (tmp_path / "token").write_text("weak\n")
    refused = other.post("/api/syncs/sync-a/pause", headers={"Authorization": "Bearer weak"})
    assert refused.status_code == 403
    assert "ADMIN_TOKEN has fewer than 16 characters; this makes a good one: openssl" in refused.json()["error"]
    assert "ADMIN_TOKEN has fewer than 16" in other.get("/session", headers={"Accept": "text/html"}).text
    (tmp_path / "token").write_text("a-token-that-comes-late\n")
    refused = other.post("/api/syncs/sync-a/pause", headers={"Authorization": "Bearer a-token-that-comes-late"})
    assert refused.status_code == 503
    assert refused.json()["error"].startswith("MongoDB: ")


def is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/health/ready").status_code == 200
    except httpx.HTTPError:
        return False
