"""What leads to the embedded MongoDB server: the file with its address, and the user whose password the file holds."""

from __future__ import annotations

import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from generator.running.files import write_if_changed
from generator.running.mongod import address_of
from generator.running.settings.group import Settings
from generator.running.temporary_mongod import temporary_mongod

USER = "jira-sync"
MARK = "jira-sync.user"
"""The file beside the data that says which password the user in these data has: a digest of it."""
USER_EXISTS = 51003


def write_address(settings: Settings) -> None:
    """Write the file with the address of the embedded server. A password that it holds already stays."""
    if not settings.embedded:
        return
    credentials = f"{USER}:{_password(settings) or secrets.token_hex(32)}" if settings.mongodb_port else ""
    write_if_changed(settings.database_url_file, f"{address_of(settings.database_socket, credentials)}\n")


def create_user(settings: Settings) -> None:
    """See that the data know the user, with the password in the file, where the server is to ask for it.

    The server of the group does not run. Data that know it already cost nothing. Whoever is killed meanwhile leaves
    nothing behind but what the next start does again: the mark is written last. Raises Unusable.
    """
    password = _password(settings) if settings.embedded else None
    if password is None or settings.mongod is None:
        return
    mark, digest = settings.database_folder / MARK, sha256(password.encode()).hexdigest()
    if mark.exists() and mark.read_text(encoding="utf-8") == digest:
        return
    with temporary_mongod(Path(settings.mongod), settings.database_folder) as url:
        _set_password(url, password)
    write_if_changed(mark, digest)


def _set_password(url: str, password: str) -> None:
    # Heavy, and needed once in the life of a group that has a port.
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure

    user: dict[str, Any] = {"pwd": password, "roles": ["root"], "writeConcern": {"w": 1, "j": True}}
    with MongoClient[dict[str, Any]](url) as client:
        try:
            client.admin.command("createUser", USER, **user)
        except OperationFailure as error:
            if error.code != USER_EXISTS:
                raise
            client.admin.command("updateUser", USER, **user)


def _password(settings: Settings) -> str | None:
    """Return the password in the file; None without a file, or without a password."""
    try:
        return urlsplit(settings.database_url_file.read_text(encoding="utf-8").strip()).password
    except (OSError, ValueError):
        return None
