"""The HTTP client that every request goes through."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

TIMEOUT = httpx.Timeout(20.0, connect=10.0)
JSON = "application/json"
HEADERS = {
    "Accept": JSON,
    "Accept-Encoding": "gzip",
    "Accept-Language": "en",
    "Cache-Control": "no-cache",  # a cache between us and Jira would show what is over
    "X-Force-Accept-Language": "true",
}
WRITTEN_AT_ONCE = 16 * 1024
"""Bytes after which a deadline is looked at again while something is sent."""


def new_http_client() -> httpx.Client:
    """Return a client that follows no redirect, keeps no cookie and keeps to the deadlines of `deadline`.

    A redirect would carry the request to a host that nobody configured. With the cookies of a session, Data Center may
    count requests against another limit.
    """
    jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    # The number of connections has no bound here: the callers decide how many requests there are at once. A file that
    # is copied holds two connections, and would wait for ever for the second one if there were none left.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=8)
    client = httpx.Client(
        verify=_ssl_context(),
        timeout=TIMEOUT,
        limits=limits,
        cookies=jar,
        follow_redirects=False,
        headers={"User-Agent": "jira-sync"},
    )
    keep_to_deadlines(client)
    return client


@cache
def _ssl_context() -> ssl.SSLContext:
    """Return the one context of this process: its certificates take most of a megabyte."""
    return httpx.create_ssl_context()


_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)
"""When the request of this thread must be over, on the monotonic clock."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Bound how long the request inside may take in all.

    The client's timeouts bound one read. A server that sends a byte now and then would never be over.
    """
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def keep_to_deadlines(client: httpx.Client) -> None:
    """Have every wait of `client` for the network end at the deadline."""
    # httpx has no option for it. The pool that it makes takes its connections from a network backend.
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool  # noqa: SLF001
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001


class _Backend(httpcore.NetworkBackend):
    """Makes connections that keep to the deadline."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _time_left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, left, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection of which every wait ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _time_left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), WRITTEN_AT_ONCE):
            left = _time_left(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[start : start + WRITTEN_AT_ONCE], left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _time_left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _time_left(timeout: float | None, too_late: type[httpcore.TimeoutException]) -> float | None:
    """Return how long one wait may take. Raises `too_late` when the deadline has passed."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise too_late("it takes too long in all")
    if left == math.inf:
        return timeout
    return left if timeout is None else min(timeout, left)
