"""The MongoDB server with a sync's database, also while the group that it is part of does not run."""

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
LOOK_EVERY = 0.1


@contextmanager
def database(here: Target, name: str, *, is_needed: bool = False) -> Iterator[MongoClient[dict[str, Any]]]:
    """Connect to MongoDB on behalf of the sync `name`; while the group does not run, its embedded server is started.

    `is_needed`: what is written must last. Otherwise a server that has no data yet leaves none behind either. Raises
    Unusable when there is no server to connect to.
    """
    from sync_worker.database.connection import connect

    if not here.settings.embedded or here.is_running:
        with here.connect(name) as client:
            yield client
        return
    with _embedded(here, is_needed=is_needed) as url, connect(url, name) as client:
        yield client


def address_of(here: Target, client: MongoClient[dict[str, Any]]) -> str:
    """Return the URL of the server that `client` speaks to, its credentials included."""
    from sync_model.connection import database_url

    host, port = client.address or ("127.0.0.1", here.settings.mongodb_port)
    return database_url(here.environ) or f"mongodb://{host}:{port}"


@contextmanager
def _embedded(here: Target, *, is_needed: bool) -> Iterator[str]:
    """Start the group's own server on its data, on a port of its own, and stop it in the end."""
    from generator.deploy.programs import database_command
    from generator.running import mongod

    with ExitStack() as stack:
        folder = here.run_dir / "mongodb"
        if is_needed:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not folder.is_dir() or not any(folder.iterdir()):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jira-sync-")))
        port = _free_port()
        command = database_command(mongod.find(), folder, port)
        stack.enter_context(_ended_properly())
        stack.enter_context(_running(command, port))
        yield f"mongodb://127.0.0.1:{port}"


@contextmanager
def _running(command: tuple[str, ...], port: int) -> Iterator[None]:
    from generator.running.settings import Unusable

    # A session of its own: Ctrl-C is for us, and the server is stopped when we are done with it.
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        if not _answers(server, port):
            raise Unusable(f"the embedded MongoDB does not start: {_last_words(server)}")
        yield
    finally:
        server.terminate()
        server.communicate(timeout=SECONDS_TO_STOP)


def _answers(server: subprocess.Popen[str], port: int) -> bool:
    """Wait until the server takes connections; return False when it ends instead."""
    until = time.monotonic() + SECONDS_TO_START
    while server.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(LOOK_EVERY)
    return False


def _last_words(server: subprocess.Popen[str]) -> str:
    if server.poll() is None:
        return "it does not answer"
    said = (server.stdout.read() if server.stdout else "").strip().splitlines()
    if any("DBPathInUse" in line for line in said):
        return "another one uses its data"
    return said[-1][:300] if said else f"it ended with exit code {server.returncode}"


@contextmanager
def _ended_properly() -> Iterator[None]:
    """Have a signal that would end this command let it clean up first."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
