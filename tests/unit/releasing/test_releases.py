"""A release is made of what is committed, says one version everywhere, and is the same when it is made again.

Here it is made of a copy of this checkout, without an engine and helm; `tests/container` and `tests/chart` have them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from releasing import versions
from sync_model import VERSION

REPO = Path(__file__).parents[3]
NEXT = "77.0.1"
IDENTITY = {f"GIT_{who}_{what}": "ann@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Checkout:
    """A checkout of its own, with the files that are in this one, and what people type in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = self._run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", where=REPO).stdout
        for name in filter(None, names.split("\0")):
            if (REPO / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPO / name, folder / name)
        self.git("init", "--quiet")
        self.commit()

    def git(self, *arguments: str) -> str:
        done = self._run("git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "all")

    def type(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run one step of a release."""
        return self._run(sys.executable, "-m", "releasing", *arguments, **environ)

    def _run(self, *command: str, where: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(["/usr/bin", "/bin"])
        env = {**os.environ, **IDENTITY, "HELM": "no-helm", "DOCKER_HOST": "unix:///nowhere", "PATH": path, **environ}
        return subprocess.run(
            command, cwd=where or self.folder, env=env, capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Checkout:
    """A checkout whose version has been raised, and of which a release was made."""
    checkout = Checkout(tmp_path_factory.mktemp("checkout"))
    done = checkout.type("version", NEXT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "sync_model/__init__.py, deploy/chart/Chart.yaml, README.md, CHANGELOG.md: look at it, and commit it\n"
    )
    checkout.commit()
    # What nobody commits: of this one only the person's own git knows.
    (checkout.folder / "configs" / "sync-ab.json").write_text('{"apiToken": "s3cr3t"}')
    (checkout.folder / "sync_model" / "mine.py").write_text('TOKEN = "s3cr3t"\n')
    (checkout.folder / ".git" / "info" / "exclude").write_text("mine.py\n")
    done = checkout.type("build", NEXT)
    assert done.returncode == 0, done.stderr
    checkout.said = done.stdout
    return checkout


def files(checkout: Checkout) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (checkout.folder / "dist").iterdir()}


def test_all_places_say_the_version_of_this_checkout():
    assert versions.differences(REPO, VERSION) == []


def test_a_release_holds_everything_of_one_version_and_says_what_is_left_out_and_why(released):
    made = files(released)
    assert set(made) == {
        f"jira_sync-{NEXT}-py3-none-any.whl",
        f"jira_sync-{NEXT}.tar.gz",
        f"jira-sync-{NEXT}.cdx.json",
        "RELEASE_NOTES.md",
        "SHA256SUMS",
    }
    bom = json.loads(made[f"jira-sync-{NEXT}.cdx.json"])
    assert bom["metadata"]["component"]["version"] == NEXT
    sums = dict(reversed(line.split("  ")) for line in made["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in made.items() if name in sums}
    assert set(sums) == set(made) - {"SHA256SUMS"}
    notes = made["RELEASE_NOTES.md"].decode()
    assert notes.startswith(f"# jira-sync {NEXT}\n")
    assert "### Added" in notes
    assert released.git("rev-parse", "HEAD") in notes
    for part, why in {"the image": "no Docker engine answers", "the Helm chart": "there is no helm"}.items():
        assert f"Not in this release: {part}." in notes
        assert f"Left out: {part}: {why}" in released.said
    assert "Nothing was published. What comes next:" in released.said
    assert not list(released.folder.glob(".dist-*"))


def test_a_release_holds_what_is_committed_and_nothing_else_that_lies_there(released):
    folder = released.folder / "dist"
    with tarfile.open(folder / f"jira_sync-{NEXT}.tar.gz") as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"CHANGELOG.md", "deploy/chart/Chart.yaml", "docs/upgrading.md"} <= names
    assert {"configs/sync-ab.json", "sync_model/mine.py"}.isdisjoint(names)
    with zipfile.ZipFile(folder / f"jira_sync-{NEXT}-py3-none-any.whl") as wheel:
        tops = {name.partition("/")[0] for name in wheel.namelist()}
        assert "generator/templates/supervisord.conf.j2" in wheel.namelist()
        assert "sync_model/mine.py" not in wheel.namelist()
    assert {"tests", "releasing", "benchmarks"}.isdisjoint(tops)
    assert f"jira_sync-{NEXT}.dist-info" in tops


def test_a_release_that_is_made_again_elsewhere_is_the_same_byte_by_byte(released, tmp_path):
    again = tmp_path / "another folder"
    subprocess.run(["git", "clone", "--quiet", str(released.folder), str(again)], check=True, capture_output=True)
    other = object.__new__(Checkout)
    other.folder = again
    umask = os.umask(0o077)
    try:
        done = other.type("build", TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")
    finally:
        os.umask(umask)
    assert done.returncode == 0, done.stderr
    assert files(other) == files(released)


def test_all_that_keeps_a_checkout_from_being_released_is_said_at_once(released):
    checkout = released.folder
    readme, version = checkout / "README.md", checkout / "sync_model" / "__init__.py"
    before = readme.read_text(), version.read_text()
    try:
        readme.write_text(before[0].replace(NEXT, "77.0.0"))
        version.write_text(before[1].replace(NEXT, "77.0.2"))
        done = released.type("check")
        released.git("tag", "v77.0.2", "HEAD~1")
        tagged = released.type("build")
    finally:
        readme.write_text(before[0])
        version.write_text(before[1])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"error: deploy/chart/Chart.yaml says {NEXT}, not 77.0.2",
        f"error: deploy/chart/Chart.yaml says {NEXT}, not 77.0.2",
        "error: README.md says 77.0.0, not 77.0.2",
        "error: make version VERSION=77.0.2 has all say 77.0.2",
        "error: CHANGELOG.md has no section 77.0.2: make version VERSION=77.0.2 makes it of what is unreleased",
        "error: not all is committed: README.md, sync_model/__init__.py: commit it, or put it away",
    ]
    assert "the tag v77.0.2 is another commit, " in tagged.stderr
    assert files(released)  # what was made before stays


def test_files_that_are_no_checkout_are_refused_in_a_line(released, tmp_path):
    with tarfile.open(released.folder / "dist" / f"jira_sync-{NEXT}.tar.gz") as sdist:
        sdist.extractall(tmp_path, filter="data")
    other = object.__new__(Checkout)
    (other.folder,) = tmp_path.iterdir()
    done = other.type("build")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "error: a release is made of a commit, and git says: fatal: not a git repository" in done.stderr


@pytest.mark.parametrize("version", ["", "1.2", "v1.2.3", "1.2.3rc1", "1.2.3\n"])
def test_a_version_has_three_numbers(released, version):
    done = released.type("version", version)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "it must be like 0.2.0" in done.stderr
