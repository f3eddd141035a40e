"""The image as a release has it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from releasing import artifacts
from sync_model import VERSION

REPO = Path(__file__).parents[2]


@pytest.fixture
def release(tmp_path):
    """A release to be, without a trace of its image afterwards."""
    name = f"jira-sync:{VERSION}"
    was_there = subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0
    yield artifacts.Release(VERSION, "0123456789abcdef" * 2, 1_800_000_000, REPO, tmp_path)
    if not was_there:
        subprocess.run(["docker", "image", "rm", name], capture_output=True, check=False)


def test_the_image_of_a_release_says_its_version_and_commit_and_is_noted_by_its_id(release, tmp_path):
    artifacts.make_image(release, None, is_saved=False)
    (path,) = tmp_path.iterdir()
    noted = json.loads(path.read_text())
    assert (noted, list(release.made), release.left_out) == (release.image, [path.name], {})
    labels = {name.rpartition(".")[2]: text for name, text in noted["labels"].items() if "opencontainers" in name}
    assert (labels["version"], labels["revision"]) == (VERSION, release.revision)
    assert labels["created"] == "2027-01-15T08:00:00Z"
    found = subprocess.check_output(["docker", "image", "inspect", "--format", "{{.Id}}", f"jira-sync:{VERSION}"])
    assert found.decode().strip() == noted["id"]
