"""What the chart renders is what Kubernetes takes, and holds together."""

from __future__ import annotations

import hashlib
import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from helm_chart import (
    CHART,
    MINIMUM,
    OPERATOR,
    REPO,
    VARIANTS,
    WORKLOADS,
    does_select,
    objects,
    of_kind,
    pods,
    templates,
)
from helm_chart import container as container_of

OWN_RESOURCES = {
    "ServiceMonitor": {"selector", "endpoints", "podTargetLabels"},
    "PrometheusRule": {"groups"},
}
"""What the Prometheus Operator knows of the fields that the chart uses."""
ENDPOINT = {
    "port", "path", "interval", "scrapeTimeout", "authorization", "relabelings", "metricRelabelings"
}  # fmt: skip
RULE = {"alert", "expr", "for", "labels", "annotations"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_lint_finds_nothing_in_any_variant(helm, variant):
    done = helm.run("lint", ".", "--strict", "--values", f"ci/{variant}-values.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


def test_helm_lint_finds_nothing_without_any_values(helm):
    done = helm.run("lint", ".", "--strict")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_fits_the_strict_schema_of_two_versions_of_kubernetes(helm, kubernetes, schemas, variant):
    manifests = helm.render(variant, "--kube-version", kubernetes)
    known = [each for each in manifests if each["kind"] not in OWN_RESOURCES]
    assert of_kind(known, *WORKLOADS)
    assert {f"{each['kind']} {each['metadata']['name']}": schemas.problems(each) for each in known} == {
        f"{each['kind']} {each['metadata']['name']}": [] for each in known
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_items_of_lists_name_all_fields_that_tell_them_apart_and_no_two_are_the_same(helm, schemas, variant):
    """Each cluster refuses two that are the same, and no schema says so. 1.20 knows no defaults of these fields."""
    known = [each for each in helm.render(variant) if each["kind"] not in OWN_RESOURCES]
    assert [found for each in known for found in schemas.ambiguous(each)] == []


def test_a_misspelt_field_does_not_fit_the_strict_schema(helm, schemas):
    deployment = json.loads(json.dumps(of_kind(helm.render("default"), "Deployment")[0]))
    container = container_of(deployment["spec"]["template"])
    container["readynessProbe"] = container.pop("readinessProbe")
    assert "readynessProbe" in "\n".join(schemas.problems(deployment))


def test_objects_of_the_prometheus_operator_have_only_fields_that_it_knows(helm):
    manifests = helm.render("everything")
    for kind, fields in OWN_RESOURCES.items():
        (manifest,) = of_kind(manifests, kind)
        assert manifest["spec"].keys() <= fields
    (monitor,), (rules,) = of_kind(manifests, "ServiceMonitor"), of_kind(manifests, "PrometheusRule")
    assert all(endpoint.keys() <= ENDPOINT for endpoint in monitor["spec"]["endpoints"])
    assert all(rule.keys() <= RULE for group in rules["spec"]["groups"] for rule in group["rules"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_field_of_an_object_is_null(helm, variant):
    def nulls(value):
        if isinstance(value, dict):
            return [f".{name}{rest}" for name, each in value.items() for rest in nulls(each)]
        if isinstance(value, list):
            return [f"[{i}]{rest}" for i, each in enumerate(value) for rest in nulls(each)]
        return [""] if value is None else []

    assert [nulls(each) for each in helm.render(variant)] == [[] for _ in helm.render(variant)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_object_has_a_name_of_its_own_a_namespace_and_the_usual_labels(helm, variant):
    manifests = [each for each in helm.render(variant) if not each["metadata"]["name"].endswith("-more")]
    named = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(named) == len(set(named))
    for manifest in manifests:
        assert manifest["metadata"]["namespace"] in ("ns", "monitoring")
        usual = {"name", "instance", *(("version", "managed-by") if manifest["kind"] != "Pod" else ())}
        assert {f"app.kubernetes.io/{label}" for label in usual} <= manifest["metadata"]["labels"].keys()


@pytest.mark.parametrize("variant", VARIANTS)
def test_selectors_match_the_pods_of_the_shards_and_not_that_of_the_test(helm, variant):
    manifests = helm.render(variant)
    shards = [pod["metadata"]["labels"] for pod in templates(manifests)]
    (test,) = of_kind(manifests, "Pod")
    selectors = [each["spec"]["selector"] for each in of_kind(manifests, "Service")]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in of_kind(manifests, "PodDisruptionBudget")]
    selectors += [each["spec"]["podSelector"]["matchLabels"] for each in of_kind(manifests, "NetworkPolicy")]
    assert len(selectors) >= 2
    for selector in selectors:
        assert all(does_select(selector, labels) for labels in shards)
        assert not does_select(selector, test["metadata"]["labels"])
    for workload in of_kind(manifests, *WORKLOADS):
        own = workload["spec"]["selector"]["matchLabels"]
        selected = [labels for labels in shards if does_select(own, labels)]
        assert selected == [workload["spec"]["template"]["metadata"]["labels"]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_releases_in_one_namespace_share_no_object_and_select_no_pod_of_each_other(helm, variant):
    ours = helm.render(variant)
    others = objects(
        helm.run("template", "other", ".", "--namespace", "ns", "--values", f"ci/{variant}-values.yaml",
                 *(option for api in OPERATOR for option in ("--api-versions", api)))
    )  # fmt: skip
    assert not {(each["kind"], each["metadata"]["name"]) for each in ours} & {
        (each["kind"], each["metadata"]["name"]) for each in others
    }
    for service in of_kind(ours, "Service"):
        assert not [
            pod for pod in templates(others) if does_select(service["spec"]["selector"], pod["metadata"]["labels"])
        ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_ports_are_named_and_lead_to_the_one_of_the_container(helm, variant):
    manifests = helm.render(variant)
    for pod in templates(manifests):
        assert container_of(pod)["ports"] == [{"name": "http", "containerPort": 3000, "protocol": "TCP"}]
    services = of_kind(manifests, "Service")
    assert {port["targetPort"] for service in services for port in service["spec"]["ports"]} == {"http"}
    (page,) = (each for each in services if each["metadata"]["labels"]["app.kubernetes.io/component"] == "page")
    for ingress in of_kind(manifests, "Ingress"):
        backends = [path["backend"]["service"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        assert backends == [{"name": page["metadata"]["name"], "port": {"name": "http"}}]
    for monitor in of_kind(manifests, "ServiceMonitor"):
        assert does_select(monitor["spec"]["selector"]["matchLabels"], page["metadata"]["labels"])
        selected = [
            each
            for each in services
            if does_select(monitor["spec"]["selector"]["matchLabels"], each["metadata"]["labels"])
        ]
        assert selected == [page]


def test_prometheus_asks_each_pod_for_its_own_syncs_with_the_token_to_look(helm):
    (monitor,) = of_kind(helm.render("everything"), "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics/container")
    assert endpoint["authorization"]["credentials"] == {"name": "jira-sync-page", "key": "view_token"}
    (open_to_all,) = of_kind(helm.with_values({"metrics": {"serviceMonitor": {"enabled": True}}}), "ServiceMonitor")
    assert "authorization" not in open_to_all["spec"]["endpoints"][0]


def test_the_alerts_and_the_dashboard_are_those_of_the_documents(helm):
    manifests = helm.render("everything")
    (rules,) = of_kind(manifests, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((REPO / "docs" / "alerts.yml").read_text())
    (dashboard,) = (each for each in of_kind(manifests, "ConfigMap") if each["metadata"]["name"].endswith("-dashboard"))
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = dashboard["data"].values()
    assert json.loads(text) == json.loads((REPO / "docs" / "grafana-dashboard.json").read_text())


@pytest.mark.parametrize("kind", ["serviceMonitor", "prometheusRule"])
def test_an_object_that_the_cluster_does_not_know_is_refused_in_place_of_being_left_out(helm, kind):
    said = helm.refusal({"metrics": {kind: {"enabled": True}}}, apis=())
    assert f"metrics.{kind}.enabled: this cluster knows no {kind[0].upper()}{kind[1:]}" in said
    assert "--api-versions monitoring.coreos.com/v1/" in said


@pytest.mark.parametrize(
    ("version", "api", "evicts_what_is_not_ready"),
    [("1.20", "policy/v1beta1", False), ("1.21", "policy/v1", False), ("1.27", "policy/v1", True)],
)
def test_a_cluster_gets_the_disruption_budget_that_its_version_knows(helm, version, api, evicts_what_is_not_ready):
    (budget,) = of_kind(helm.render("default", "--kube-version", version), "PodDisruptionBudget")
    assert budget["apiVersion"] == api
    assert ("unhealthyPodEvictionPolicy" in budget["spec"]) is evicts_what_is_not_ready


def test_the_network_policy_lets_in_prometheus_and_the_test_and_out_to_names_mongodb_and_jira(helm):
    manifests = helm.render("everything")
    (policy,), (test,) = of_kind(manifests, "NetworkPolicy"), of_kind(manifests, "Pod")
    (way_in,) = policy["spec"]["ingress"]
    first, second = way_in["from"]
    assert does_select(first["podSelector"]["matchLabels"], test["metadata"]["labels"])
    assert second == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ways_out = [([port["port"] for port in each["ports"]], each.get("to")) for each in policy["spec"]["egress"]]
    mongodb = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    assert ways_out == [([53, 53], None), ([27017], mongodb), ([443], None), ([587], None)]


def test_helm_test_asks_the_service_whether_it_is_ready_with_the_image_itself(helm):
    manifests = helm.render("everything")
    (test,), (service, *_) = of_kind(manifests, "Pod"), of_kind(manifests, "Service")
    container = container_of(test)
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert container["image"] == container_of(templates(manifests)[0])["image"]
    assert container["command"] == ["python", "-m", "health_monitor.probe", "ready"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert variables == {"BIND": service["metadata"]["name"], "PORT": str(service["spec"]["ports"][0]["port"])}


def test_a_long_release_name_leaves_room_for_shards_and_pods(helm):
    long = "a-release-with-a-name-as-long-as-helm-allows-for-one"
    done = helm.run("template", long, ".", "--values", helm.values({**MINIMUM, "shards": 100}))
    manifests = objects(done)
    names = [each["metadata"]["name"] for each in manifests]
    assert len(of_kind(manifests, "Deployment")) == 100
    # A ReplicaSet's pods have 17 characters more.
    assert max(map(len, names)) <= 63 - 11
    assert len({(each["kind"], each["metadata"]["name"]) for each in manifests}) == len(manifests)


def test_the_same_values_give_the_same_objects(helm):
    """Else each upgrade would restart pods for nothing."""
    texts = {
        hashlib.sha256(helm.template("--values", "ci/everything-values.yaml").stdout.encode()).hexdigest() for _ in "12"
    }
    assert len(texts) == 1


def test_the_schema_of_the_values_is_a_schema():
    schema = json.loads((CHART / "values.schema.json").read_text())
    Draft202012Validator.check_schema({key: value for key, value in schema.items() if key != "$schema"})


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_pod_runs_the_same_image_by_digest_where_one_is_named(helm, variant):
    images = {container_of(pod)["image"] for pod in pods(helm.render(variant))}
    assert len(images) == 1
    assert ("@sha256:" in images.pop()) == (variant == "everything")
