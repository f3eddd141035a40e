"""Connects to the MongoDB server of a sync, and starts the embedded one if the group does not run."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jira_sync.context.target import Target

if TYPE_CHECKING:
    from pymongo import MongoClient

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 60.0
POLL_EVERY = 0.1


@contextmanager
def database(target: Target, name: str, *, is_needed: bool = False) -> Iterator[MongoClient[dict[str, Any]]]:
    """Connect to MongoDB for the sync `name`. If the group does not run, its embedded server is started meanwhile.

    `is_needed` says that written data must be kept. Without it, a server that has no data yet runs on a temporary
    folder. Raises Unusable if there is no server.
    """
    from sync_worker.database.connection import connect

    if not target.settings.embedded or target.is_running:
        with target.connect(name) as client:
            yield client
        return
    with _embedded_server(target, is_needed=is_needed) as url, connect(url, name) as client:
        yield client


def url_of_server(target: Target, client: MongoClient[dict[str, Any]]) -> str:
    """Return the URL of the server that `client` is connected to, with its credentials."""
    from sync_model.connection import database_url
    from sync_worker.database.mongodb_errors import errors_translated

    if url := database_url(target.environ):
        return url
    with errors_translated():
        host, port = client.address or ("127.0.0.1", target.settings.mongodb_port)
    return f"mongodb://{host}:{port}"


@contextmanager
def _embedded_server(target: Target, *, is_needed: bool) -> Iterator[str]:
    """Run the embedded server on the group's data, on a free port; yield its URL."""
    from generator.running import mongod

    with ExitStack() as stack:
        folder = target.settings.database_folder
        if is_needed:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not folder.is_dir() or not any(folder.iterdir()):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jira-sync-")))
        port = _free_port()
        command = mongod.database_command(mongod.find(), folder, port)
        stack.enter_context(_signals_as_exits())
        stack.enter_context(_running(command, port))
        yield f"mongodb://127.0.0.1:{port}"


@contextmanager
def _running(command: tuple[str, ...], port: int) -> Iterator[None]:
    from generator.running.errors import Unusable

    # In its own session the server does not get Ctrl-C, which is meant for this command.
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        if not _starts(server, port):
            raise Unusable(f"the embedded MongoDB does not start: {_why_not(server)}")
        yield
    finally:
        server.terminate()
        server.communicate(timeout=SECONDS_TO_STOP)


def _starts(server: subprocess.Popen[str], port: int) -> bool:
    """Wait until the server accepts connections; return False if it ends or takes too long."""
    deadline = time.monotonic() + SECONDS_TO_START
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
