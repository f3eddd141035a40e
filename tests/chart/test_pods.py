"""What the pods are: restricted, probed for what a restart mends, and restarted by nothing that a sync's file says."""

from __future__ import annotations

import json

import pytest
import yaml

from helm_chart import CHART, VARIANTS, WORKLOADS, container, environment, of_kind, pods, strings, templates

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
SECRETS = {
    "DATABASE_URL", "ADMIN_TOKEN", "VIEW_TOKEN", "JIRA_API_TOKEN", "JIRA_CLIENT_SECRET", "NOTIFY_URL", "SMTP_URL",
    "FORMER_DATABASE_URL",
}  # fmt: skip


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_each_shard_of_n_is_run_by_exactly_one_deployment(helm, shards):
    manifests = helm.with_values({"shards": shards})
    named = [environment(pod)["SHARD"] for pod in templates(manifests)]
    assert named == [f"{number}/{shards}" for number in range(1, shards + 1)]
    deployments = of_kind(manifests, "Deployment")
    assert [each["spec"]["replicas"] for each in deployments] == [1] * shards
    assert [each["metadata"]["name"] for each in deployments] == [
        f"rel-jira-sync-shard-{number}" for number in range(1, shards + 1)
    ]


def test_a_statefulset_has_one_pod_for_each_shard_and_takes_its_number_from_its_name(helm):
    manifests = helm.render("statefulset")
    assert of_kind(manifests, "Deployment") == []
    (workload,) = of_kind(manifests, "StatefulSet")
    assert (workload["spec"]["replicas"], workload["spec"]["podManagementPolicy"]) == (3, "Parallel")
    variables = environment(workload["spec"]["template"])
    assert variables["SHARD"] == "$(POD_NAME)/3"
    # A variable can be referred to only after it.
    assert list(variables).index("POD_NAME") < list(variables).index("SHARD")
    services = {each["metadata"]["name"]: each for each in of_kind(manifests, "Service")}
    assert services[workload["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"


def test_a_standby_is_a_second_pod_of_the_same_shard_elsewhere(helm):
    manifests = helm.render("database")
    assert [each["spec"]["replicas"] for each in of_kind(manifests, "Deployment")] == [2] * 4
    for pod in templates(manifests):
        (shard,) = pod["spec"]["topologySpreadConstraints"]
        assert shard["topologyKey"] == "kubernetes.io/hostname"
        assert shard["labelSelector"]["matchLabels"] == pod["metadata"]["labels"]


OF_ZONES = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
OF_OURS = {**OF_ZONES, "topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"team": "support"}}}


@pytest.mark.parametrize(("given", "kept"), [([OF_ZONES], 2), ([OF_OURS], 1), ([OF_ZONES, OF_OURS], 2), ([], 1)])
def test_constraints_of_users_stay_beside_that_of_standbys_and_no_two_are_of_one_kind(helm, schemas, given, kept):
    manifests = helm.with_values({"replicasPerShard": 2, "topologySpreadConstraints": given})
    (deployment,) = of_kind(manifests, "Deployment")
    constraints = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert len(constraints) == kept
    assert all(any(wanted.items() <= found.items() for found in constraints) for wanted in given)
    assert schemas.ambiguous(deployment) == []


def test_a_statefulset_with_standbys_is_refused(helm):
    said = helm.refusal({"kind": "StatefulSet", "replicasPerShard": 2})
    assert "Standbys need kind: Deployment" in said


def test_a_new_pod_starts_beside_the_old_one_unless_values_say_otherwise(helm):
    (deployment,) = of_kind(helm.render("default"), "Deployment")
    assert deployment["spec"]["strategy"] == {
        "type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}
    }  # fmt: skip
    (deployment,) = of_kind(helm.with_values({"updateStrategy": {"type": "Recreate"}}), "Deployment")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_container_is_restricted_and_no_pod_has_a_token_of_the_cluster(helm, variant):
    for pod in pods(helm.render(variant)):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert container(pod)["securityContext"] == RESTRICTED
        assert all("hostPath" not in volume for volume in spec.get("volumes", ()))
    for account in of_kind(helm.render(variant), "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    assert not of_kind(helm.render(variant), "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret")


def test_the_pod_of_helm_test_finds_names_and_nodes_as_the_others_do(helm):
    """With `dnsPolicy: None` and no name server of its own, the cluster would refuse it."""
    first, *others = pods(helm.render("everything"))
    for name in ("dnsPolicy", "dnsConfig", "hostAliases", "nodeSelector", "affinity"):
        assert [pod["spec"][name] for pod in others] == [first["spec"][name]] * len(others)


def test_the_pod_of_helm_test_does_not_keep_away_from_the_other_pods(helm):
    term = {
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "jira-sync"}},
        "topologyKey": "kubernetes.io/hostname",
    }
    manifests = helm.with_values(
        {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    )
    shard, test = pods(manifests)
    assert "affinity" in shard["spec"]
    assert "affinity" not in test["spec"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_services_of_the_namespace_do_not_become_variables_that_syncs_may_refer_to(helm, variant):
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in pods(helm.render(variant)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_probes_ask_whether_the_monitor_works_and_never_how_the_syncs_are(helm, variant):
    for pod in templates(helm.render(variant)):
        asked = {name: container(pod)[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert asked == {
            "startupProbe": {"path": "/health/live", "port": "http"},
            "livenessProbe": {"path": "/health/live", "port": "http"},
            "readinessProbe": {"path": "/health/ready", "port": "http"},
        }


def test_values_cannot_turn_a_probe_to_health(helm):
    said = helm.refusal({"livenessProbe": {"httpGet": {"path": "/health", "port": 3000}}})
    assert "httpGet" in said


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_pod_changes_when_a_file_of_a_sync_is_edited_added_or_removed(helm, variant):
    values = yaml.safe_load((CHART / "ci" / f"{variant}-values.yaml").read_text())
    if values.get("configs", {}).get("source", "configMap") != "configMap":
        pytest.skip("its files are not in the values")
    before = helm.render(variant)
    for files in ({"sync-ab.json": {"name": "sync-ab", "rules": []}}, {"sync-zz.json": "{}"}):
        after = helm.with_values({**values, "configs": {"files": files}})
        changed = [new for new in after if new not in before]
        assert [each["kind"] for each in changed] == ["ConfigMap"]
    assert all("checksum" not in text for text in strings(before))


@pytest.mark.parametrize("variant", VARIANTS)
def test_files_of_syncs_are_a_whole_folder_and_followed_without_a_restart(helm, variant):
    for pod in templates(helm.render(variant)):
        mounts = {each["mountPath"]: each for each in container(pod)["volumeMounts"]}
        assert all("subPath" not in each for each in mounts.values())
        variables = environment(pod)
        if variables.get("CONFIG_SOURCE") == "database":
            assert "/app/configs" not in mounts
            assert "WATCH" not in variables
        else:
            assert mounts["/app/configs"]["readOnly"] is True
            assert (variables["WATCH"], "CONFIG_SOURCE" in variables) == ("1", False)


def test_the_files_of_several_config_maps_are_one_folder(helm):
    (pod,) = templates(helm.render("statefulset"))
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "configs")
    assert volume["projected"]["sources"] == [
        {"configMap": {"name": "syncs-of-team-a"}}, {"configMap": {"name": "syncs-of-team-b"}}
    ]  # fmt: skip


def test_files_reach_the_config_map_as_they_were_given(helm):
    (found,) = (
        each
        for each in of_kind(helm.render("everything"), "ConfigMap")
        if each["metadata"]["name"].endswith("-configs")
    )
    given = yaml.safe_load((CHART / "ci" / "everything-values.yaml").read_text())["configs"]["files"]
    assert {name: json.loads(text) for name, text in found["data"].items()} == {
        name: json.loads(content) if isinstance(content, str) else content for name, content in given.items()
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_secret_is_the_value_of_a_variable_and_each_is_a_file_of_a_secret(helm, variant):
    for pod in templates(helm.render(variant)):
        variables = environment(pod)
        assert not SECRETS & variables.keys()
        (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "group-secrets")
        files = {
            f"/run/group-secrets/{item['path']}"
            for source in volume["projected"]["sources"]
            for item in source["secret"]["items"]
        }
        assert {value for value in variables.values() if value and value.startswith("/run/group-secrets/")} == files
        named = {name for name, value in variables.items() if value in files}
        assert "DATABASE_URL_FILE" in named
        assert all(name.endswith("_FILE") for name in named)
        assert not [each for each in container(pod)["env"] if "secretKeyRef" in each.get("valueFrom", {})]
        assert "envFrom" not in container(pod)


def test_the_secrets_of_the_group_are_in_no_folder_that_syncs_may_refer_to(helm):
    for pod in templates(helm.render("everything")):
        assert environment(pod)["SECRETS_DIR"] == "/run/secrets"
        mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
        assert (mounts["secrets"], mounts["group-secrets"]) == ("/run/secrets", "/run/group-secrets")
        (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "secrets")
        assert [source["secret"]["name"] for source in volume["projected"]["sources"]] == [
            "jira-accounts",
            "more-accounts",
        ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_written_to_is_in_memory_and_bounded(helm, variant):
    for pod in templates(helm.render(variant)):
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        mounts = {each["mountPath"]: each["name"] for each in container(pod)["volumeMounts"]}
        for path in ("/run/jira-sync", "/tmp"):
            folder = volumes[mounts[path]]["emptyDir"]
            assert folder["medium"] == "Memory"
            assert folder["sizeLimit"].endswith("Mi")


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_pod_leaves_a_dead_node_soon_has_time_to_stop_and_memory_that_is_its_own(helm, variant):
    for pod in templates(helm.render(variant)):
        spec = pod["spec"]
        seconds = {
            each["key"]: each["tolerationSeconds"] for each in spec["tolerations"] if "tolerationSeconds" in each
        }
        assert seconds == {"node.kubernetes.io/not-ready": 30, "node.kubernetes.io/unreachable": 30}
        assert spec["terminationGracePeriodSeconds"] >= 60
        resources = container(pod)["resources"]
        assert resources["requests"]["memory"] == resources["limits"]["memory"]
        assert "cpu" not in resources["limits"]
        constraints = spec["topologySpreadConstraints"]
        assert {each["topologyKey"] for each in constraints} == {"kubernetes.io/hostname"}


def test_one_disruption_budget_is_about_all_shards_together(helm):
    (budget,) = of_kind(helm.render("database"), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    assert "jira-sync/shard" not in budget["spec"]["selector"]["matchLabels"]


def test_the_names_by_which_the_service_and_the_ingress_are_asked_are_allowed(helm):
    (pod,) = templates(helm.render("ingress"))
    variables = environment(pod)
    service = "rel-jira-sync"
    assert variables["ALLOWED_HOSTS"].split(",") == [
        service, f"{service}.ns", f"{service}.ns.svc", f"{service}.ns.svc.cluster.local", "sync.example.com"
    ]  # fmt: skip
    (ingress,) = of_kind(helm.render("ingress"), "Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert (rule["host"], rule["http"]["paths"][0]["path"]) == ("sync.example.com", variables["BASE_PATH"])
    everything = environment(templates(helm.render("everything"))[0])["ALLOWED_HOSTS"]
    assert everything.split(",")[-2:] == ["sync.example.com", "sync.internal"]


def test_a_number_reaches_its_variable_as_it_was_written(helm):
    variables = environment(templates(helm.render("everything"))[0])
    assert (variables["STUCK_AFTER"], variables["SYNC_INTERVAL_MINUTES"]) == ("1000000", "5")


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_variable_is_given_twice(helm, variant):
    for pod in templates(helm.render(variant)):
        names = [each["name"] for each in container(pod)["env"]]
        assert len(names) == len(set(names))


def test_what_changes_with_a_version_only_is_in_no_selector_and_no_label_of_a_pod(helm):
    """A selector cannot be changed, and a label that changes restarts every pod."""
    for workload in of_kind(helm.render("default"), *WORKLOADS):
        labels = {
            **workload["spec"]["selector"]["matchLabels"],
            **workload["spec"]["template"]["metadata"]["labels"],
        }
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & labels.keys()
