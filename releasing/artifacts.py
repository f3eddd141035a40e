"""The parts of a release. Each is made of the files of the commit, which stand in a folder of their own.

What is made twice from one commit by the same tools is the same, byte by byte: the wheel, the sdist and the SBOM.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from releasing.problems import NotReady

SUMS = "SHA256SUMS"
NO_ENGINE = "no Docker engine answers: have one answer (docker version), and type make release again"
NO_HELM = "there is no helm: have it on PATH, or name it (make release HELM=/path/to/helm), and type make release again"


@dataclass
class Release:
    """What is being made: `version` of the commit `revision`, whose files are in `source`, into `target`.

    `made` says what each file is, `left_out` why a part is not there.
    """

    version: str
    revision: str
    time: int
    source: Path
    target: Path
    made: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    image: dict[str, Any] | None = None

    @property
    def created(self) -> str:
        return datetime.fromtimestamp(self.time, UTC).isoformat().replace("+00:00", "Z")


def make_packages(release: Release) -> None:
    """Make the wheel and the sdist."""
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(release.time)}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(release.target), "-t", "sdist", "-t", "wheel"]
    _run(command, release.source, environ)
    release.made[f"jira_sync-{release.version}-py3-none-any.whl"] = "the wheel, for pip and pipx"
    release.made[f"jira_sync-{release.version}.tar.gz"] = "the source"


def make_sbom(release: Release) -> Path:
    """Make the SBOM of the wheel and of what the image has from Python's packages; return its file."""
    name = f"jira-sync-{release.version}.cdx.json"
    path = release.target / name
    command = [
        sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "--pyproject", "pyproject.toml",
        "--output-reproducible", "--of", "JSON", "-o", str(path), "requirements/runtime.lock",
    ]  # fmt: skip
    _run(command, release.source)
    bom = json.loads(path.read_text(encoding="utf-8"))
    bom["metadata"]["component"]["version"] = release.version
    path.write_text(json.dumps(bom, indent=2) + "\n", encoding="utf-8")
    release.made[name] = (
        "the SBOM, as CycloneDX: packages of the image and of the wheel, with their versions and hashes"
    )
    return path


def make_chart(release: Release, helm: str | None) -> None:
    """Make the package of the Helm chart, where `helm` can be run."""
    program = shutil.which(helm or "helm")
    if program is None:
        release.left_out["the Helm chart"] = NO_HELM
        return
    with TemporaryDirectory() as home:
        homes = {f"HELM_{name}_HOME": f"{home}/{name}" for name in ("CACHE", "CONFIG", "DATA")}
        _run([program, "package", "deploy/chart", "-d", str(release.target)], release.source, {**os.environ, **homes})
    release.made[f"jira-sync-{release.version}.tgz"] = "the Helm chart"


def make_image(release: Release, base: str | None, *, is_saved: bool) -> None:
    """Build the image on the Docker engine that answers, and note what it is. `base` takes the place of its base image.

    With `is_saved`, it is written to a file as well.
    """
    if not _engine_answers():
        release.left_out["the image"] = NO_ENGINE
        return
    name = f"jira-sync:{release.version}"
    arguments = {"VERSION": release.version, "REVISION": release.revision, "CREATED": release.created}
    arguments |= {"PYTHON_IMAGE": base} if base else {}
    options = [option for pair in arguments.items() for option in ("--build-arg", "=".join(pair))]
    _run(["docker", "build", *options, "--tag", name, str(release.source)], release.source, is_shown=True)
    said = _run(["docker", "run", "--rm", "--entrypoint", "jira-sync", name, "--version"], release.source)
    if release.version not in said.split():
        raise NotReady(f"the image {name} says of itself: {said.strip()}")
    inspected = json.loads(_run(["docker", "image", "inspect", name], release.source))[0]
    release.image = {
        "name": name,
        "id": inspected["Id"],
        "platform": f"{inspected['Os']}/{inspected['Architecture']}",
        "labels": inspected["Config"]["Labels"],
    }
    _write(release, f"jira-sync-{release.version}.image.json", "name, id and labels of the image", release.image)
    if is_saved:
        file = f"jira-sync-{release.version}.image.tar"
        _run(["docker", "save", "-o", str(release.target / file), name], release.source)
        (release.target / file).chmod(0o644)
        release.made[file] = "the image, for docker load"


def _engine_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=60).returncode == 0


def _write(release: Release, name: str, what: str, content: Mapping[str, Any]) -> None:
    (release.target / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    release.made[name] = what


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of each file in `folder`, as `sha256sum -c` reads them."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    (folder / SUMS).write_text("".join(f"{_sum_of(path)}  {path.name}\n" for path in files), encoding="utf-8")


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(command: list[str], folder: Path, environ: Mapping[str, str] | None = None, *, is_shown: bool = False) -> str:
    """Run a command; return what it said. With `is_shown`, people see it instead. Raises NotReady when it fails."""
    output = None if is_shown else subprocess.PIPE
    errors = None if is_shown else subprocess.STDOUT
    done = subprocess.run(command, cwd=folder, env=environ, stdout=output, stderr=errors, text=True, check=False)
    if done.returncode:
        raise NotReady(f"{' '.join(command[:4])} … ended with {done.returncode}", *(done.stdout or "").splitlines())
    return done.stdout or ""
