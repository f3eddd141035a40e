"""Deadlines: how long a request may take in all, however steadily something comes."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

WRITTEN_AT_ONCE = 16 * 1024
"""Bytes after which a deadline is looked at again while something is sent."""

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
