"""The dashboard and the alerts use only metrics that exist, and the dashboard uses all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from health_monitor.fleet.look import FleetLook
from health_monitor.metrics import SyncCollector
from health_monitor.observation.remedy_records import Reason, RemedyRecord
from health_monitor.observation.snapshot import Snapshot, SyncView
from sync_model.health.heartbeat import CallCount, CycleSummary, Heartbeat, Phase, Totals
from sync_model.health.judgement import Condition, Facts, judge
from sync_model.shards import Shard
from sync_worker.database.shared.fleet import Container

DOCS = Path(__file__).parents[3] / "docs"
NOW = datetime.now(UTC)
TOTALS = Totals(actions={"create done": 1}, calls=(CallCount(endpoint="search", status=200, count=1),))
HEARTBEAT = Heartbeat(
    name="ab", pid=1, digest="d", phase=Phase.WAITING, since=NOW, sent=NOW, last_success=NOW, memory=1, totals=TOTALS,
    last_cycle=CycleSummary(started=NOW, duration=1.0), last_census=NOW,
)  # fmt: skip


def exposed() -> dict[str, set[str]]:
    """Return the labels of each metric, by its name."""
    facts = Facts("ab", heartbeat=HEARTBEAT)
    fleet = FleetLook("id", Shard(1, 2), (Container("id", "host", Shard(1, 2), "0.2.0"),))
    snapshot = Snapshot(NOW, (SyncView("ab", "ab.json", None, facts, judge(facts, NOW)),), fleet=fleet)
    registry = CollectorRegistry()
    registry.register(SyncCollector(lambda: snapshot, lambda _name: RemedyRecord()))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


def expressions(name: str) -> Iterator[str]:
    """Yield the queries of a document."""
    text = (DOCS / name).read_text()
    if name.endswith(".json"):
        panels = json.loads(text)["panels"]
        yield from (target["expr"] for panel in panels for target in panel.get("targets", ()))
    else:
        yield from re.findall(r"^ +expr: +(?:>-\n)?((?:.+\n)(?: {10}.+\n)*)", text, re.MULTILINE)


@pytest.mark.parametrize("document", ["grafana-dashboard.json", "alerts.yml"])
def test_dashboard_and_alerts_query_only_metrics_and_labels_that_exist(document):
    known = exposed()
    queries = list(expressions(document))
    assert len(queries) >= 10
    for expression in queries:
        used = re.findall(r"(jira_sync_\w+)(?:\{([^}]*)\})?", expression)
        assert used, expression
        for name, labels in used:
            assert name in known, expression
            assert set(re.findall(r"(\w+)[=!]", labels)) <= known[name], expression
        by = re.findall(r"(?:by|ignoring) \(([^)]*)\)", expression)
        wanted = {label.strip() for labels in by for label in labels.split(",")}
        assert wanted <= set.union(*(known[name] for name, _ in used)), expression


@pytest.mark.parametrize("document", ["grafana-dashboard.json", "alerts.yml"])
def test_dashboard_and_alerts_name_only_conditions_and_reasons_that_exist(document):
    text = "\n".join(expressions(document))
    for label, words in (("condition", Condition), ("reason", Reason)):
        named = {word for found in re.findall(rf'{label}(?:=~|!~|!=|=)"([^"]*)"', text) for word in found.split("|")}
        assert named <= {str(word) for word in words}
        assert named or (label, document) == ("reason", "grafana-dashboard.json")


def test_every_alert_has_a_summary_and_an_action():
    text = (DOCS / "alerts.yml").read_text()
    counts = {
        name: len(re.findall(rf"^ +(?:- )?{name}: .", text, re.MULTILINE)) for name in ("alert", "expr", "summary")
    }
    assert counts["alert"] == counts["expr"] == counts["summary"] == text.count("action: ") >= 10


def test_every_metric_of_a_sync_is_on_the_dashboard_or_listed_as_plain():
    """A new metric must not be forgotten there."""
    queried = set(re.findall(r"jira_sync_\w+", (DOCS / "grafana-dashboard.json").read_text()))
    plain = {
        "healthy",
        "interval_seconds",
        "build_info",
        "last_look_timestamp_seconds",
        "news_failing",
        "census_failures",
        "unknown_statuses",
        "shards_differ",
    }
    assert {name.removeprefix("jira_sync_") for name in set(exposed()) - queried} == plain
