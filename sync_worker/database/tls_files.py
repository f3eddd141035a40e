"""The certificates that DATABASE_URL names, which are renewed now and then while a worker runs.

The driver reads them once. A connection that is made later would show an outdated certificate, or trust an authority
that nobody uses any more. What is no longer in a file is trusted until the worker starts anew.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pymongo import MongoClient

from sync_model.environment.mongodb_address import files_in, key_password
from sync_model.secrecy.secret_text import file_fault

States = Mapping[str, tuple[int, int]]


@dataclass
class _WatchedFiles:
    """The files by their options, the password of the key, and what the files were when they were read."""

    paths: Mapping[str, Path]
    password: str | None
    states: States


_watched: WeakKeyDictionary[ssl.SSLContext, _WatchedFiles] = WeakKeyDictionary()


def watch(client: MongoClient[dict[str, Any]], url: str) -> None:
    """Remember which files the TLS of `client` was made of."""
    paths, context = files_in(url), _context_of(client)
    if paths and context is not None:
        _watched[context] = _WatchedFiles(paths, key_password(url), _states_of(paths))


def take_over_renewed(client: MongoClient[dict[str, Any]]) -> None:
    """Have connections that `client` makes from now on use the files as they are now.

    A file that cannot be used is left alone: it may not be written to its end yet.
    """
    context = _context_of(client)
    files = _watched.get(context) if context is not None else None
    if context is None or files is None or (states := _states_of(files.paths)) == files.states:
        return
    if any(file_fault(str(path)) for path in files.paths.values()):
        return  # OpenSSL would wait for the other end of a pipe
    with suppress(OSError):
        if path := files.paths.get("tlsCAFile"):
            context.load_verify_locations(path)
        if path := files.paths.get("tlsCRLFile"):
            context.load_verify_locations(path)
        if path := files.paths.get("tlsCertificateKeyFile"):
            context.load_cert_chain(path, password=files.password or "")
        files.states = states


def _context_of(client: MongoClient[dict[str, Any]]) -> ssl.SSLContext | None:
    """Return what all TLS connections of `client` are made by; None without TLS."""
    # The driver has no public name for it. With PyOpenSSL, it is another class, which is left alone.
    context = client.options.pool_options._ssl_context  # noqa: SLF001
    return context if isinstance(context, ssl.SSLContext) else None


def _states_of(paths: Mapping[str, Path]) -> States:
    found = {}
    for option, path in paths.items():
        with suppress(OSError):
            stat = path.stat()
            found[option] = stat.st_mtime_ns, stat.st_ino
    return found
