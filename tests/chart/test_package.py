"""The chart as a release has it."""

from __future__ import annotations

import os
import tarfile

import yaml

from helm_chart import REPO
from releasing import artifacts
from sync_model import VERSION


def test_the_package_of_a_release_is_the_chart_of_this_version_with_the_image_of_this_version(helm, tmp_path):
    release = artifacts.Release(VERSION, "0" * 40, 0, REPO, tmp_path)
    artifacts.make_chart(release, os.environ.get("HELM", str(REPO / ".venv-chart" / "bin" / "helm")))
    package = tmp_path / f"jira-sync-{VERSION}.tgz"
    assert (list(release.made), release.left_out) == ([package.name], {})
    with tarfile.open(package) as files:
        chart = yaml.safe_load(files.extractfile("jira-sync/Chart.yaml"))
        assert not [name for name in files.getnames() if name.startswith("jira-sync/ci/")]
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)
    assert f'image: "jira-sync:{VERSION}"' in helm.template("--values", "ci/default-values.yaml").stdout
