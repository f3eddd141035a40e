"""What the image contains of others: an SBOM says it, and it can be had for each kind of machine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

REPO = Path(__file__).parents[2]


def locked(name: str) -> dict[str, str]:
    """Return the versions of a lock by package, of those that Linux gets."""
    lines = (REPO / "requirements" / f"{name}.lock").read_text().splitlines()
    found = (re.match(r"([a-z0-9-]+)(?:\[\w+\])?==(\S+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def test_the_sbom_names_exactly_what_is_locked_for_the_image_with_versions_and_hashes(tmp_path):
    path = tmp_path / "jira-sync.cdx.json"
    subprocess.run(["make", "--silent", "sbom", f"SBOM={path}"], cwd=REPO, check=True, capture_output=True)
    bom = json.loads(path.read_text())
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", "jira-sync")
    assert {each["name"]: each["version"] for each in bom["components"]} == locked("runtime")
    hashes = [reference.get("hashes") for each in bom["components"] for reference in each["externalReferences"]]
    assert hashes
    assert all(hashes)


def test_the_image_contains_no_package_that_is_there_for_one_kind_of_machine_only():
    assert not [name for name in locked("runtime") if name.startswith("fiftyone")]
    embedded = re.search(r"^embedded = (.*)$", (REPO / "pyproject.toml").read_text(), re.MULTILINE)
    assert embedded
    assert "platform_machine == 'x86_64'" in embedded[1]
