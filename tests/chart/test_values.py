"""What values may say: a misspelt one is refused, with its name, and so is a secret. The documents say the same."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from pydantic import SecretStr

from generator.running.settings.variables import VARIABLES
from helm_chart import CHART, MINIMUM, REPO, VARIANTS, environment, objects, templates
from sync_model import VERSION
from sync_model.definition.sync import Account

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
FREE = {"settings", "configs.files", "podSecurityContext", "securityContext", "resources.requests", "resources.limits"}
"""Values whose keys are not the chart's."""
NOT_FOR_PODS = {
    "CONFIG_DIR", "RUN_DIR", "BIND", "PORT",  # the image sets them
    "MONGODB_PORT", "LOG_DIR", "WORKER_USERS", "JIRA_SIMULATOR_PORT",  # what a pod has not
    "FORMER_DATABASE_URL",  # for one command
    "DATABASE_URL", "ADMIN_TOKEN", "VIEW_TOKEN", "NOTIFY_URL", "SMTP_URL", "JIRA_API_TOKEN", "JIRA_CLIENT_SECRET",
}  # fmt: skip


def paths(values, before=""):
    """Yield each value's path and default; what has keys of its own to explain is not split."""
    for name, value in values.items():
        path = f"{before}{name}"
        if isinstance(value, dict) and value and path not in FREE and not path.endswith(".labels"):
            yield from paths(value, f"{path}.")
        else:
            yield path, value


def nested(path, value):
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def closed_objects(schema, path=""):
    """Yield the path of each object of the schema that names its keys."""
    if schema.get("properties") and not path.endswith("[]"):
        yield path
    for name, each in schema.get("properties", {}).items():
        yield from closed_objects(each, f"{path}.{name}".strip("."))


def is_named(place, said):
    """Tell whether a refusal names the place: Helm 4 as /a/b, Helm 3 as a.b."""
    older = place.strip("/").replace("/", ".") or "(root)"
    return f"'{place}'" in said or f"'{place.rstrip('/')}'" in said or f"- {older}: " in said


@pytest.mark.parametrize("path", sorted(closed_objects(SCHEMA)))
def test_a_misspelt_value_is_refused_by_its_name(helm, path):
    said = helm.refusal(nested(f"{path}.mispelt".strip("."), "x"))
    assert re.search(r"additional propert(ies|y) '?mispelt'? (is )?not allowed", said, re.IGNORECASE), said
    assert is_named(f"/{path}".replace(".", "/"), said)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"shards": 0}, "/shards"),
        ({"shards": "two"}, "/shards"),
        ({"replicasPerShard": -1}, "/replicasPerShard"),
        ({"kind": "DaemonSet"}, "/kind"),
        ({"fleet": "Main_1"}, "/fleet"),
        ({"fleet": "x" * 64}, "/fleet"),
        ({"terminationGracePeriodSeconds": 30}, "/terminationGracePeriodSeconds"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"configs": {"source": "folder"}}, "/configs/source"),
        ({"configs": {"files": {"sync-ab.json": 5}}}, "/configs/files/sync-ab.json"),
        ({"settings": {"SYNC_INTERVAL": 5}}, "/settings"),
        ({"settings": {"ADMIN_TOKEN": "x"}}, "/settings"),
        ({"settings": {"STRICT": True}}, "/settings/STRICT"),
        ({"secrets": {"mountPath": "run/secrets"}}, "/secrets/mountPath"),
        ({"extraEnv": [{"name": "A", "vaule": "b"}]}, "/extraEnv/0"),
        ({"updateStrategy": {"type": "Rolling"}}, "/updateStrategy/type"),
        ({"service": {"port": 0}}, "/service/port"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_its_place(helm, values, named):
    assert is_named(named, helm.refusal(values))


def test_a_chart_without_the_secret_of_the_database_says_how_to_make_one(helm):
    done = helm.template("--values", helm.values({}))
    assert done.returncode != 0
    assert "database.existingSecret is empty" in done.stderr
    assert "kubectl create secret generic" in done.stderr


@pytest.mark.parametrize(
    ("configs", "said"),
    [
        ({"source": "database", "files": {"a.json": {}}}, "configs.files counts only with configs.source: configMap"),
        ({"source": "configMap", "existingConfigMaps": ["a"]}, "configs.existingConfigMaps counts only with"),
        ({"source": "existingConfigMap"}, "configs.existingConfigMaps is empty"),
        ({"files": {"a.json": "{"}}, "configs.files.a.json is no JSON object"),
        ({"files": {"a.json": "[]"}}, "configs.files.a.json is no JSON object"),
    ],
)
def test_files_that_could_not_count_are_refused(helm, configs, said):
    assert said in helm.refusal({"configs": configs})


@pytest.mark.parametrize(
    "name", ["sync-ab", "../sync-ab.json", ".sync-ab.json", "sync ab.json", "a.example.json", "a.schema.json", "a.JSON"]
)
def test_a_file_that_the_product_would_not_read_is_refused(helm, name):
    assert f"configs.files.{name}: a file of this name is not read" in helm.refusal({"configs": {"files": {name: {}}}})


def secret_fields():
    aliases = Account.model_json_schema(by_alias=True)["properties"]
    named = zip(Account.model_fields.values(), aliases, strict=True)
    return [alias for field, alias in named if SecretStr in getattr(field.annotation, "__args__", ())]


@pytest.mark.parametrize("field", secret_fields())
@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize("above", [["jira"], ["user", "jira"], ["sites", 0]])
@pytest.mark.parametrize("secret", ["s3cr3t", "a${NAME}", "${NAME}b", ""])
def test_a_secret_that_is_written_in_the_file_of_a_sync_is_refused_and_not_repeated(
    helm, field, is_text, above, secret
):
    content = {field: secret}
    for step in reversed(above):
        content = {step: content} if isinstance(step, str) else [content]
    files = {"sync-ab.json": json.dumps(content) if is_text else content}
    said = helm.refusal({"configs": {"files": files}})
    assert f"configs.files.sync-ab.json: {field} is written in the file itself" in said
    assert "s3cr3t" not in said


def test_the_chart_knows_each_secret_that_a_file_can_hold():
    assert secret_fields() == ["apiToken", "clientSecret"]


@pytest.mark.parametrize("reference", ["${JIRA_API_TOKEN}", "${file:/run/secrets/jira}"])
def test_a_reference_to_a_secret_is_taken(helm, reference):
    helm.with_values({"configs": {"files": {"sync-ab.json": {"jira": {"apiToken": reference}}}}})


@pytest.mark.parametrize("name", ["DATABASE_URL", "ADMIN_TOKEN", "JIRA_API_TOKEN", "NOTIFY_URL"])
@pytest.mark.parametrize("value", [{"value": "s3cr3t"}, {"valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}])
def test_a_secret_among_the_other_variables_is_refused_and_not_repeated(helm, name, value):
    said = helm.refusal({"extraEnv": [{"name": name, **value}]})
    assert f"extraEnv: {name} is a secret" in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize("name", ["SHARD", "WATCH", "RUN_DIR", "DATABASE_URL_FILE", "LOG_LEVEL"])
def test_a_variable_that_has_a_value_already_is_refused(helm, name):
    said = helm.refusal({"settings": {"LOG_LEVEL": "info"}, "extraEnv": [{"name": name, "value": "x"}]})
    assert f"extraEnv: {name} is set by the chart, or in settings" in said


def test_every_variable_of_the_product_is_a_setting_or_the_charts_or_not_for_pods(helm):
    """A new variable must not be forgotten here."""
    settings = set(SCHEMA["properties"]["settings"]["properties"])
    rendered = {name for variant in VARIANTS for pod in templates(helm.render(variant)) for name in environment(pod)}
    charts = {name for name in rendered - settings if name in VARIABLES}
    assert settings <= VARIABLES.keys()
    assert not settings & NOT_FOR_PODS
    assert settings | charts | NOT_FOR_PODS == VARIABLES.keys()


def meanings(schema, before=""):
    """Yield each value of the schema with its description."""
    for name, each in schema["properties"].items():
        path = f"{before}{name}"
        is_split = "properties" in each and path not in FREE
        yield from meanings(each, f"{path}.") if is_split else [(path, each.get("description"))]


def test_the_schema_explains_every_value_and_knows_no_other():
    explained = dict(meanings(SCHEMA))
    without_default = {"global", "enabled"} | {
        path for path in explained if re.match(r"\w+Probe\.(initialDelaySeconds|successThreshold)$", path)
    }
    assert explained.keys() - without_default == {path for path, _ in paths(VALUES)}
    assert [path for path, meaning in explained.items() if not meaning] == []


def test_the_readme_lists_every_value_with_its_default_and_its_meaning():
    explained = dict(meanings(SCHEMA))
    rows = re.findall(r"^\| `[\w.]+` \| `.*$", (CHART / "README.md").read_text(), re.MULTILINE)
    assert rows == [
        f"| `{path}` | `{json.dumps(value, ensure_ascii=False)}` | {explained[path]} |" for path, value in paths(VALUES)
    ]


def test_chart_and_product_have_one_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["There is no sync yet", "page is read only", "exec deploy/rel-jira-sync-shard-1 -- jira-sync status"]),
        ({"kind": "StatefulSet", "shards": 3}, ["3 shards", "exec pod/rel-jira-sync-0 -- jira-sync status"]),
        ({"replicasPerShard": 0}, ["Nothing runs"]),
        ({"configs": {"source": "database"}}, ["what `jira-sync push` has put into MongoDB"]),
        (
            {"ingress": {"enabled": True, "hosts": ["a.example.com"]}, "page": {"existingSecret": "page"}},
            ["http://a.example.com/", "page.viewTokenKey closes it", "settings.TRUSTED_PROXIES is not set"],
        ),
    ],
)  # fmt: skip
def test_the_notes_say_what_to_do_next_and_what_is_open(helm, values, expected):
    # Only an installation shows notes. A dry run of one needs no cluster, from Helm 4 on.
    given = helm.values({**MINIMUM, **values})
    done = helm.run("install", "rel", ".", "--namespace", "ns", "--dry-run=client", "--values", given)
    if "cluster unreachable" in done.stderr:
        pytest.skip("this Helm shows notes where there is a cluster only")
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    assert "port-forward service/rel-jira-sync 3000:3000" in notes
    assert "helm -n ns test rel" in notes
    assert [text for text in expected if text not in notes] == []


def documented():
    text = (REPO / "docs" / "kubernetes.md").read_text()
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("values", [each for each in documented() if "apiVersion" not in each])
def test_the_values_in_the_guide_are_taken(helm, values):
    assert templates(objects(helm.template("--values", helm.values(values))))


def test_the_guide_shows_values_of_each_kind():
    shown = {name for each in documented() for name in each}
    assert {"configs", "secrets", "page", "shards", "metrics", "ingress", "networkPolicy", "apiVersion"} <= shown


def test_make_docs_holds_the_copies_of_alerts_and_dashboard():
    for name in ("alerts.yml", "grafana-dashboard.json"):
        assert (CHART / "files" / name).read_bytes() == (REPO / "docs" / name).read_bytes()
