"""The secrets of a group that no sync needs: what is printed, logged or shown repeats none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from sync_model.connection import database_url
from sync_model.mongodb_address import remember_secrets
from sync_model.redaction import remember
from sync_model.secret_text import FileFault, read_secret

SHORTEST_TOKEN = 16
"""Characters. A shorter one lets nobody act, and may be a word without which no text would be readable."""


def remember_group_secrets(environ: Mapping[str, str]) -> None:
    """Take note of the secrets in the environment of a group, and in the files that it names. Nothing is checked."""
    for token in _tokens(environ):
        if len(token) >= SHORTEST_TOKEN:
            remember(token)
    with suppress(FileFault):
        remember_secrets(database_url(environ) or "")


def _tokens(environ: Mapping[str, str]) -> Iterator[str]:
    for name in ("ADMIN_TOKEN", "VIEW_TOKEN"):
        yield environ.get(name, "").strip()
        yield _content(environ.get(f"{name}_FILE", ""))
    for line in _content(environ.get("OPERATORS_FILE", "")).splitlines():
        yield from line.split()[1:]


def _content(path: str) -> str:
    try:
        return read_secret(path.strip()) if path.strip() else ""
    except FileFault:
        return ""
