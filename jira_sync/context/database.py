"""Connects to the MongoDB server of a sync, and starts the embedded one if the group does not run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jira_sync.context.target import Target

if TYPE_CHECKING:
    from pymongo import MongoClient


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


def server_of(target: Target, client: MongoClient[dict[str, Any]]) -> str:
    """Return in words which server `client` is connected to. No credentials are in it."""
    from sync_model.accounts.connection import database_url
    from sync_worker.database.mongodb_errors import errors_translated

    if not target.settings.embedded and database_url(target.environ):
        with errors_translated():
            host, port = client.address or ("a server", None)
        return f"on {host}:{port}" if port else f"on {host}"
    folder = target.settings.database_folder
    if target.is_running:
        return f"on the group's own MongoDB in {folder}"
    if _has_data(folder):
        return f"on the MongoDB of the group that was here, in {folder}"
    return "which is empty: no group has run here, and DATABASE_URL is not set"


def url_of_server(target: Target, client: MongoClient[dict[str, Any]]) -> str:
    """Return the URL of the server that `client` is connected to, with its credentials.

    One that no variable names is the embedded one, which runs for this command.
    """
    from generator.running import mongod
    from sync_model.accounts.connection import database_url
    from sync_worker.database.mongodb_errors import errors_translated

    if url := database_url(target.environ):
        return url
    with errors_translated():
        socket, _ = client.address or ("", None)
    return mongod.address_of(socket)


def _has_data(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


@contextmanager
def _embedded_server(target: Target, *, is_needed: bool) -> Iterator[str]:
    """Run the embedded server on the group's data; yield its URL."""
    from generator.running import mongod
    from generator.running.temporary_mongod import temporary_mongod

    with ExitStack() as stack:
        folder = target.settings.database_folder
        if is_needed:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not _has_data(folder):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jira-sync-")))
        yield stack.enter_context(temporary_mongod(mongod.find(), folder))
