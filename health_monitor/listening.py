"""The port: how many connections are held, for how long, and what happens when there are more.

The HTTP server holds whatever connects to it. A client that opens many connections, sends nothing, or does not read
its answers, must not keep the others out. Each connection passes through a protocol that counts it.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from health_monitor.access.attempts import host_of

MOST_CONNECTIONS = 256
MOST_OF_AN_ADDRESS = 64
HEAD_SECONDS = 15.0
"""From the opening of a connection, or from its last answer, to the end of the next request's head."""
LINGER_SECONDS = 2.0
"""For what a client still sends after its answer."""
STALLED_SECONDS = 20.0
"""A connection whose client takes nothing of its answer for so long is closed."""
LOOK_SECONDS = 5.0
RETRY_SECONDS = 5.0
"""Between two attempts to get a port that something else has."""
NO_LINGER = struct.pack("ii", 1, 0)
DESCRIPTORS_KEPT = 2
"""The connections take one descriptor in so many: files, supervisord and MongoDB need some, too."""


@dataclass(eq=False)
class _Connection:
    """An open connection. `unsent` bytes wait for the client since `stalled_since`."""

    host: str
    transport: asyncio.Transport
    unsent: int = 0
    stalled_since: float = 0.0


class Connections:
    """Holds the open connections within their bounds. `make` makes the protocol that serves one.

    `refused` is called with the address of each that is closed because of a bound. `is_proxy` tells whether an address
    connects for many others.
    """

    def __init__(
        self,
        make: Callable[[], asyncio.Protocol],
        refused: Callable[[str, str], object],
        is_proxy: Callable[[str], bool] = lambda _address: False,
    ) -> None:
        self._make, self._refused, self._is_proxy = make, refused, is_proxy
        self._most = min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // DESCRIPTORS_KEPT)
        self._open: dict[_Connection, None] = {}
        self._by_host: Counter[str] = Counter()

    def protocol(self) -> asyncio.Protocol:
        """Return the protocol of a connection that is about to be made."""
        return _Counted(self._make(), self)

    def add(self, transport: asyncio.Transport) -> _Connection | None:
        """Return the connection if it is within the bounds; else it is closed."""
        address = _address(transport)
        host = host_of(address)
        if self._by_host[host] >= MOST_OF_AN_ADDRESS and not self._is_proxy(address):
            _reset(transport)
            self._refused(address, "too many connections from one address")
            return None
        if len(self._open) >= self._most:
            self._close_one()
        connection = _Connection(host, transport)
        self._open[connection] = None
        self._by_host[host] += 1
        return connection

    def remove(self, connection: _Connection) -> None:
        if connection not in self._open:
            return
        del self._open[connection]
        self._by_host[connection.host] -= 1
        if not self._by_host[connection.host]:
            del self._by_host[connection.host]

    async def close_stalled(self) -> None:
        """Close again and again what no client reads any more. Never returns."""
        while True:
            now = time.monotonic()
            for connection in list(self._open):
                if _is_stalled(connection, now):
                    _reset(connection.transport)
            await asyncio.sleep(LOOK_SECONDS)

    def _close_one(self) -> None:
        """Make room: close the oldest connection of whoever has the most, so that newcomers always get in."""
        (host, _), *_ = self._by_host.most_common(1)
        oldest = next(connection for connection in self._open if connection.host == host)
        self.remove(oldest)
        _reset(oldest.transport)
        self._refused(host, "too many connections in all")


@asynccontextmanager
async def listening(
    served: web.AppRunner,
    address: str,
    port: int,
    refused: Callable[[str, str], object],
    is_proxy: Callable[[str], bool] = lambda _address: False,
) -> AsyncIterator[int]:
    """Serve at a port within the bounds, until the context is left; the value is the port. Raises OSError."""
    make = served.server
    if make is None:
        raise RuntimeError("the server is not set up")
    connections = Connections(make, refused, is_proxy)
    server = await asyncio.get_running_loop().create_server(connections.protocol, address, port)
    looking = asyncio.ensure_future(connections.close_stalled())
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        looking.cancel()
        server.close()


async def keep_listening(
    served: web.AppRunner,
    address: str,
    port: int,
    refused: Callable[[str, str], object],
    note: Callable[[str | None], None],
    is_proxy: Callable[[str], bool] = lambda _address: False,
) -> None:
    """Serve at a port until this is cancelled. While the port cannot be had, `note` why, and try again and again."""
    while True:
        try:
            async with listening(served, address, port, refused, is_proxy):
                note(None)
                await asyncio.Event().wait()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error
            why = f"{address}, port {port}, cannot be listened on ({reason})"
            note(f"the status page cannot be reached: {why}; it is tried again; or set PORT")
        await asyncio.sleep(RETRY_SECONDS)


class _Counted(asyncio.Protocol):
    """Passes on to `_protocol` what happens to a connection, if it is within the bounds."""

    def __init__(self, protocol: asyncio.Protocol, connections: Connections) -> None:
        self._protocol, self._connections = protocol, connections
        self._connection: _Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._connection = self._connections.add(transport)
        if self._connection:
            self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection:
            self._connections.remove(self._connection)
            self._protocol.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._connection:
            self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received() if self._connection else None

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


def _reset(transport: asyncio.Transport) -> None:
    """Close a connection at once. The kernel would keep what is unsent for many minutes."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()


def _is_stalled(connection: _Connection, now: float) -> bool:
    unsent = connection.transport.get_write_buffer_size()
    if unsent == 0 or unsent != connection.unsent:
        connection.unsent, connection.stalled_since = unsent, now
    return unsent > 0 and now - connection.stalled_since >= STALLED_SECONDS


def _address(transport: asyncio.BaseTransport) -> str:
    peer: Any = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""
