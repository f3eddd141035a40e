"""What git says of the project: whether all is committed, and the files of a commit."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryFile

from releasing.problems import NotReady

MOST_NAMED = 5


class Tree:
    """The checkout in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def problems(self, version: str) -> list[str]:
        """Return what keeps the checkout from being `version`, as sentences."""
        said: list[str] = []
        if changes := self._git("status", "--porcelain").splitlines():
            more = ", …" if len(changes) > MOST_NAMED else ""
            names = ", ".join(line[3:] for line in changes[:MOST_NAMED])
            said.append(f"not all is committed: {names}{more}: commit it, or put it away")
        tagged = self._git("tag", "--list", f"v{version}") and self._git("rev-parse", f"v{version}^{{commit}}")
        if tagged and tagged != self.revision():
            said.append(f"the tag v{version} is another commit, {tagged[:12]}: choose another version")
        return said

    def revision(self) -> str:
        return self._git("rev-parse", "HEAD")

    def time(self) -> int:
        """Return when the commit was made, in seconds since 1970."""
        return int(self._git("log", "-1", "--format=%ct"))

    def export(self, folder: Path) -> None:
        """Write the files of the commit to `folder`, and nothing else that is here."""
        with TemporaryFile() as archive:
            subprocess.run(["git", "archive", "--format=tar", "HEAD"], cwd=self.folder, stdout=archive, check=True)
            archive.seek(0)
            with tarfile.open(fileobj=archive) as tar:
                tar.extractall(folder, filter="data")

    def _git(self, *arguments: str) -> str:
        try:
            done = subprocess.run(["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise NotReady("there is no git: a release is made of a commit") from None
        if done.returncode:
            raise NotReady(f"a release is made of a commit, and git says: {done.stderr.strip()}")
        return done.stdout.rstrip()
