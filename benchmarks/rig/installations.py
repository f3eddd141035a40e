"""jira-sync as people install it: the wheel of some version, in an environment of its own.

What the wheel needs is linked from the environment of whoever runs this.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Collection, Mapping
from pathlib import Path

REPO = Path(__file__).parents[2]
BEFORE_RELEASES = "7225f2c5dd1ca32921436f06a507c955b8f4d5a6"
"""The version before, as long as none has a tag."""
OUR_OWN = ("jira_sync-", "__editable__", "_jira_sync", "_editable")


class NotInThisClone(LookupError):
    """A revision is neither in this clone nor at its origin."""


class Installation:
    """An environment with one wheel in it. `without` are beginnings of the names of packages that it lacks."""

    def __init__(self, folder: Path, wheel: Path, without: Collection[str] = ()) -> None:
        self.wheel, self.folder, needed = wheel, folder / "venv", folder / "needed"
        venv.create(self.folder, symlinks=True)
        needed.mkdir()
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if not path.name.startswith((*OUR_OWN, *without)):
                (needed / path.name).symlink_to(path)
        self.python = self.folder / "bin" / "python"
        place = subprocess.check_output(
            [self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        )
        (Path(place.strip()) / "needed.pth").write_text(f"{needed}\n")
        pip = [sys.executable, "-m", "pip", "--python", str(self.folder), "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)

    def run(
        self,
        *arguments: str,
        environ: Mapping[str, str],
        timeout: float = 120,
        cwd: Path | None = None,
        code: str = "",  # noqa: ARG002 - see below
    ) -> subprocess.CompletedProcess[str]:
        """Run `jira-sync`, in a folder where no checkout is. `code` is for whoever runs commands otherwise."""
        command = [str(self.folder / "bin" / "jira-sync"), *arguments]
        return subprocess.run(
            command, env=environ, capture_output=True, text=True, check=False, timeout=timeout, cwd=cwd or self.folder
        )


def wheel_of(revision: str | None, folder: Path) -> Path:
    """Build the wheel of a revision, or of the files as they are here; return it."""
    source = folder / "source"
    source.mkdir(parents=True)
    names = ["-z", "--cached", "--others", "--exclude-standard"]
    if revision is None:
        listed = subprocess.check_output(["git", "ls-files", *names], cwd=REPO)
        pack = ["tar", "--create", "--null", "--ignore-failed-read", "--files-from=-"]
        archive = subprocess.run(pack, cwd=REPO, input=listed, capture_output=True, check=True).stdout
    else:
        archive = subprocess.check_output(["git", "archive", "--format=tar", revision], cwd=REPO)
    packed = folder / "source.tar"
    packed.write_bytes(archive)
    with tarfile.open(packed) as tar:
        tar.extractall(source, filter="data")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), "-t", "wheel"]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def revision_before() -> str:
    """Return the version before this one: the latest tag, or what stands for it. Raises NotInThisClone."""
    tags = _git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").stdout.split()
    return fetched(next((tag for tag in tags if _git("diff", "--quiet", tag, "HEAD").returncode), BEFORE_RELEASES))


def fetched(revision: str) -> str:
    """Return this revision, which is in this clone then. Raises NotInThisClone."""
    if not has_file(revision):
        _git("fetch", "--quiet", "--depth=1", "origin", revision)  # a shallow clone
    if not has_file(revision):
        raise NotInThisClone(f"{revision} is neither in this clone nor at its origin")
    return revision


def has_file(revision: str, path: str = "") -> bool:
    """Tell whether a revision has this file; without a path, whether this clone has the revision."""
    return _git("cat-file", "-e", f"{revision}:{path}" if path else f"{revision}^{{commit}}").returncode == 0


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=REPO, capture_output=True, text=True, check=False, timeout=120)
