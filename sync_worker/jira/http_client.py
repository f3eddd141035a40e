"""The HTTP client that every request goes through: whom it trusts, what it shows, and by which proxy it goes.

Proxies and the usual authorities come from the environment, as for every program. What is special about a site is in
the `TlsFiles` of its connection. A file that has changed makes another client, so that a renewed certificate and a new
authority count without a restart, and one that was taken away counts no more.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from sync_model.accounts.lookup import TlsFiles
from sync_model.certificates import accept_private_authorities
from sync_model.environment import network_settings
from sync_worker.core.errors import NeedsOperator
from sync_worker.jira.deadlines import keep_to_deadlines

TIMEOUT = httpx.Timeout(20.0, connect=10.0)
JSON = "application/json"
HEADERS = {
    "Accept": JSON,
    "Accept-Encoding": "gzip",
    "Accept-Language": "en",
    "Cache-Control": "no-cache",  # a cache between us and Jira would show what is over
    "X-Force-Accept-Language": "true",
}
NO_FILES = TlsFiles()
CONTEXTS_KEPT = 8

FileStates = tuple[tuple[str, int, int], ...]
"""Name, time and inode of each file, and of the folder, that decides whom we trust and what we show."""


def new_http_client(tls: TlsFiles = NO_FILES) -> httpx.Client:
    """Return a client that follows no redirect, keeps no cookie and keeps to deadlines.

    Raises NeedsOperator when it cannot be made.

    A redirect would carry the request to a host that nobody configured. With the cookies of a session, Data Center may
    count requests against another limit.
    """
    jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    # The number of connections has no bound here: the callers decide how many requests there are at once. A file that
    # is copied holds two connections, and would wait for ever for the second one if there were none left.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=8)
    # httpx takes some addresses of proxies that are none, and what it says of others may hold a password.
    _refuse(network_settings.proxy_faults(os.environ))
    context = _ssl_context(tls, file_states(tls))
    try:
        client = httpx.Client(
            verify=context,
            timeout=TIMEOUT,
            limits=limits,
            cookies=jar,
            follow_redirects=False,
            headers={"User-Agent": "jira-sync"},
        )
    except (ValueError, httpx.InvalidURL):
        raise NeedsOperator("HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY cannot be used") from None
    keep_to_deadlines(client)
    return client


def _refuse(faults: Iterable[str]) -> None:
    if text := "; ".join(faults):
        raise NeedsOperator(text)


def file_states(tls: TlsFiles) -> FileStates:
    """Return what changes when one of the files does. A file that is not there has a state, too."""
    usual = [os.environ.get(name) for name in (network_settings.CA_FILE, network_settings.CA_FOLDER)]
    paths = [*usual, tls.authorities, tls.certificate, tls.key]
    return tuple(_file_state(path) for path in paths if path)


def _file_state(path: str) -> tuple[str, int, int]:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return path, 0, 0
    return path, found.st_mtime_ns, found.st_ino


@lru_cache(CONTEXTS_KEPT)
def _ssl_context(tls: TlsFiles, _states: FileStates) -> ssl.SSLContext:
    """Return the one context of this process for these files: its certificates take most of a megabyte.

    Raises NeedsOperator, which is not kept, when a file cannot be used.
    """
    _refuse(network_settings.certificate_faults(os.environ))
    with _NamesFile(network_settings.CA_FILE, os.environ.get(network_settings.CA_FILE, "")):
        context = httpx.create_ssl_context()
    accept_private_authorities(context)
    if tls.authorities:
        with _NamesFile("caFile", tls.authorities):
            context.load_verify_locations(tls.authorities)
    if tls.certificate:
        with _NamesFile("clientCertificate", tls.certificate):
            # Without a password, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(tls.certificate, tls.key, password="")
    return context


class _NamesFile:
    """Raises NeedsOperator with the field and the file in place of an error of TLS, which names neither."""

    def __init__(self, field: str, path: str) -> None:
        self._about = f"{field}: {path}"

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, ssl.SSLError):
            why = error.reason or "it is not in PEM format"
            raise NeedsOperator(f"{self._about} cannot be used ({why.replace('_', ' ').lower()})") from None
        if isinstance(error, OSError):
            raise NeedsOperator(f"{self._about} cannot be read: {error.strerror}") from None
