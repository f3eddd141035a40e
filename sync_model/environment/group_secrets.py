"""The secrets of a group that no sync needs: what is printed, logged or shown repeats none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

from sync_model.accounts.connection import database_url
from sync_model.environment.mongodb_address import remember_secrets
from sync_model.secrecy.redaction import remember
from sync_model.secrecy.secret_text import FileFault, read_secret

SHORTEST_TOKEN = 16
"""Characters. A shorter one lets nobody act, and may be a word without which no text would be readable."""


def remember_group_secrets(environ: Mapping[str, str]) -> None:
    """Take note of the secrets in the environment of a group, and in the files that it names. Nothing is checked."""
    for token in _tokens(environ):
        if len(token) >= SHORTEST_TOKEN:
            remember(token)
    with suppress(FileFault):
        remember_secrets(database_url(environ) or "")
    for address in _addresses_of_news(environ):
        _remember_address(address)


def _tokens(environ: Mapping[str, str]) -> Iterator[str]:
    for name in ("ADMIN_TOKEN", "VIEW_TOKEN"):
        yield environ.get(name, "").strip()
        yield _content(environ.get(f"{name}_FILE", ""))
    for line in _content(environ.get("OPERATORS_FILE", "")).splitlines():
        yield from line.split()[1:]


def _addresses_of_news(environ: Mapping[str, str]) -> Iterator[str]:
    for name in ("NOTIFY_URL", "SMTP_URL"):
        yield environ.get(name, "").strip()
        yield _content(environ.get(f"{name}_FILE", ""))
    for line in _content(environ.get("NOTIFY_FILE", "")).splitlines():
        yield from line.split()[1:2]


def _remember_address(address: str) -> None:
    """Take note of what in an address lets somebody post: a password, or the path and what follows it."""
    _, has_scheme, rest = address.partition("://")
    if not has_scheme:
        return
    # Also of an address that cannot be used, because it holds a password that is not encoded.
    name, _, password = rest.rpartition("@")[0].partition(":")
    for secret in {password, unquote(password)} - {""}:
        remember(secret, unquote(name))
    with suppress(ValueError):
        url = urlsplit(address)
        path = f"{url.path}?{url.query}" if url.query else url.path
        # A short path is no secret, and may be a word of any text.
        for secret in (path, *url.path.split("/"), url.path, url.query, *(text for _, text in parse_qsl(url.query))):
            if len(secret) >= SHORTEST_TOKEN:
                remember(secret)
        if url.scheme in ("http", "https"):
            remember(address)


def _content(path: str) -> str:
    try:
        return read_secret(path.strip()) if path.strip() else ""
    except FileFault:
        return ""
