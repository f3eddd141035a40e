"""The metrics as Prometheus reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from sync_model.health.heartbeat import CallCount, Totals


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_the_metrics_have_what_the_heartbeat_and_the_judgement_say(group):
    totals = Totals(
        cycles=7,
        failed_cycles=2,
        actions={"create done": 3, "move failed": 1},
        calls=(CallCount(endpoint="search", status=200, count=9), CallCount(endpoint="search", status=0, count=1)),
        cooldown=1.5,
    )
    group.beat("sync-a", totals=totals, memory=1000, version="1.2", oldest_change=ago(50), queued=4)
    group.wait_until(lambda: group.worker("sync-a")["queued"] == 4, "the heartbeat to be read")
    response = group.http.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    found = {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name != "sync")): sample.value
        for family in text_string_to_metric_families(response.text)
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
