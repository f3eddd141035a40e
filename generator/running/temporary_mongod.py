"""A MongoDB server that runs for as long as one command needs it. No other user can reach it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import AF_UNIX, socket

from generator.running.errors import Unusable
from generator.running.mongod import address_of, database_command
from sync_model.environment.harmless_variables import harmless
from sync_model.parent_process import end_with_parent

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 60.0
POLL_EVERY = 0.05


@contextmanager
def temporary_mongod(mongod: Path, folder: Path) -> Iterator[str]:
    """Run a server on the data in `folder`; yield its address. It asks for no password. Raises Unusable.

    Its socket is its own, so that it never takes that of a group away. It ends with this process, however that ends.
    """
    with tempfile.TemporaryDirectory(prefix="jira-sync-") as own, _signals_as_exits():
        path = Path(own) / "mongod.sock"
        with _running(database_command(mongod, folder, path), path):
            yield address_of(path)


@contextmanager
def _running(command: tuple[str, ...], path: Path) -> Iterator[None]:
    # In its own session the server does not get Ctrl-C, which is meant for this command.
    server = subprocess.Popen(
        command,
        env=harmless(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - it makes system calls alone, and takes no lock
    )
    try:
        if not _starts(server, path):
            raise Unusable(f"the embedded MongoDB does not start: {_why_not(server)}")
        yield
    finally:
        server.terminate()
        server.communicate(timeout=SECONDS_TO_STOP)


def _starts(server: subprocess.Popen[str], path: Path) -> bool:
    """Wait until the server accepts connections; return False if it ends or takes too long."""
    deadline = time.monotonic() + SECONDS_TO_START
    while server.poll() is None and time.monotonic() < deadline:
        with socket(AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(path))
            return True
        time.sleep(POLL_EVERY)
    return False


def _why_not(server: subprocess.Popen[str]) -> str:
    if server.poll() is None:
        return "it does not answer"
    output = (server.stdout.read() if server.stdout else "").strip().splitlines()
    if any("DBPathInUse" in line for line in output):
        return "another one uses its data"
    return output[-1][:300] if output else f"it ended with exit code {server.returncode}"


@contextmanager
def _signals_as_exits() -> Iterator[None]:
    """Turn signals that would kill this command into exits, so that the server is stopped too."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    handlers = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
