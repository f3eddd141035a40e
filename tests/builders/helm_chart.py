"""The Helm chart, rendered by a real Helm, and the schemas that hold for what it makes."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

REPO = Path(__file__).parents[2]
CHART = REPO / "deploy" / "chart"
VARIANTS = sorted(path.name.removesuffix("-values.yaml") for path in CHART.glob("ci/*-values.yaml"))
OPERATOR = ("monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com/v1/PrometheusRule")
MINIMUM = {"database": {"existingSecret": "jira-sync-database"}}
WORKLOADS = ("Deployment", "StatefulSet")

Manifest = dict[str, Any]


class Helm:
    """Helm, and what it makes of the chart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.render = functools.cache(self._render)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        home = {f"HELM_{name}_HOME": str(self.folder / name) for name in ("CACHE", "CONFIG", "DATA")}
        command = [os.environ.get("HELM", str(REPO / ".venv-chart" / "bin" / "helm")), *arguments]
        return subprocess.run(
            command, env={**os.environ, **home}, cwd=CHART, capture_output=True, text=True, check=False
        )

    def values(self, values: Mapping[str, Any]) -> str:
        """Return a file with `values`, for `--values`."""
        text = json.dumps(values)
        path = self.folder / f"{hash(text)}.json"
        path.write_text(text)
        return str(path)

    def template(self, *arguments: str, apis: Sequence[str] = OPERATOR) -> subprocess.CompletedProcess[str]:
        known = [option for api in apis for option in ("--api-versions", api)]
        return self.run("template", "rel", ".", "--namespace", "ns", *known, *arguments)

    def _render(self, variant: str, *arguments: str) -> list[Manifest]:
        """Return the objects of a variant in ci/."""
        return objects(self.template("--values", f"ci/{variant}-values.yaml", *arguments))

    def with_values(self, values: Mapping[str, Any], *arguments: str) -> list[Manifest]:
        """Return the objects that `values` make, besides the name of the database's Secret."""
        return objects(self.template("--values", self.values({**MINIMUM, **values}), *arguments))

    def refusal(self, values: Mapping[str, Any], **options: Any) -> str:
        """Return why these values are refused, on one line."""
        done = self.template("--values", self.values({**MINIMUM, **values}), **options)
        assert done.returncode != 0, done.stdout
        return " ".join(done.stderr.split())


class Schemas:
    """The strict schemas of one version of Kubernetes: what they do not name is a mistake."""

    def __init__(self, version: str) -> None:
        folder = REPO / ".venv-chart" / "kubernetes_validate"
        path = folder / "kubernetes-json-schema" / f"v{version}.0-local-strict" / "_definitions.json"
        document = json.loads(path.read_text())
        self._definitions = document["$defs"]
        self._registry = Registry().with_resource("/api/_definitions.json", Resource.from_contents(document))
        self._names = {
            (kind["group"], kind["version"], kind["kind"]): name
            for name, definition in document["$defs"].items()
            for kind in definition.get("x-kubernetes-group-version-kind", ())
        }

    def problems(self, manifest: Manifest) -> list[str]:
        schema = {"$ref": f"/api/_definitions.json#/$defs/{self._name(manifest)}"}
        found = Draft202012Validator(schema, registry=self._registry).iter_errors(manifest)
        return [f"{error.json_path}: {error.message}" for error in found]

    def ambiguous(self, manifest: Manifest) -> list[str]:
        """Return which items of lists a cluster cannot tell apart, by the fields that it does that by."""
        return list(self._ambiguous({"$ref": f"#/$defs/{self._name(manifest)}"}, manifest, manifest["kind"]))

    def _name(self, manifest: Manifest) -> str:
        group, _, version = manifest["apiVersion"].rpartition("/")
        return self._names[group, version, manifest["kind"]]

    def _ambiguous(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        schema = self._definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if isinstance(value, dict):
            for name, each in value.items():
                yield from self._ambiguous(schema.get("properties", {}).get(name, {}), each, f"{path}.{name}")
        elif isinstance(value, list):
            keys = schema.get("x-kubernetes-list-map-keys", ())
            seen = [tuple(each.get(key) for key in keys) for each in value] if keys else []
            yield from (f"{path}: several {found}" for found in sorted(set(seen)) if seen.count(found) > 1)
            for number, each in enumerate(value):
                yield from (f"{path}[{number}].{key}" for key in keys if key not in each)
                yield from self._ambiguous(schema.get("items", {}), each, f"{path}[{number}]")


def objects(done: subprocess.CompletedProcess[str]) -> list[Manifest]:
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] in kinds]


def templates(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return the pod templates of the workloads, each with metadata and spec."""
    return [each["spec"]["template"] for each in of_kind(manifests, *WORKLOADS)]


def pods(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return all that becomes a pod, that of `helm test` too."""
    return [*templates(manifests), *of_kind(manifests, "Pod")]


def container(pod: Manifest) -> Manifest:
    (only,) = pod["spec"]["containers"]
    return only


def environment(pod: Manifest) -> dict[str, str | None]:
    """Return the variables of a pod in their order; None for a value that the cluster puts in."""
    return {each["name"]: each.get("value") for each in container(pod)["env"]}


def does_select(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return selector.items() <= labels.items()


def strings(value: Any) -> Iterator[str]:
    """Yield each text in a tree of values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
