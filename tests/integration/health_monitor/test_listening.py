"""Connections: how many there may be, and for how long."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web

from health_monitor import listening as bounds
from health_monitor.listening import listening


class Server:
    """A server of one small and one large page. `refused` are the addresses that it closed connections of."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        app = web.Application()
        app.router.add_get("/{size}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=0.5, shutdown_timeout=0.1)
        self.port = 0

    async def _answer(self, request: web.Request) -> web.Response:
        return web.Response(text="small" if request.match_info["size"] == "small" else "x" * 20_000_000)

    async def run(self, use: Callable[[], Coroutine[Any, Any, None]], **options: Any) -> None:
        await self._runner.setup()
        note = lambda address, _why: self.refused.append(address)  # noqa: E731
        async with listening(self._runner, "127.0.0.1", 0, note, **options) as self.port:
            await use()
        await self._runner.cleanup()

    async def connect(self, address: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))

    async def answer(self, address: str = "127.0.0.1") -> bytes:
        """Return the end of the answer to an ordinary request; empty if there is none."""
        reader, writer = await self.connect(address)
        try:
            writer.write(b"GET /small HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return (await reader.read())[-5:]
        except ConnectionError:
            return b""
        finally:
            writer.close()


@pytest.fixture
def server() -> Server:
    return Server()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Wait until the server has closed a connection."""
    try:
        return await asyncio.wait_for(reader.read(), 20) is not None
    except ConnectionError:
        return True


def test_idle_connections_from_everywhere_keep_no_newcomer_out(server, monkeypatch):
    monkeypatch.setattr(bounds, "MOST_CONNECTIONS", 20)
    monkeypatch.setattr(bounds, "MOST_OF_AN_ADDRESS", 8)

    async def use() -> None:
        held = [await server.connect(f"127.0.1.{number % 5 + 1}") for number in range(40)]
        assert await server.answer("127.0.2.1") == b"small"
        assert await server.answer("127.0.1.9") == b"small"
        # Who has the most makes room; who has one keeps it.
        assert server.refused
        assert set(server.refused) <= {f"127.0.1.{number + 1}" for number in range(5)}
        for _, writer in held:
            writer.close()

    asyncio.run(server.run(use))


def test_one_address_has_a_bound_of_its_own_and_a_proxy_has_none(server, monkeypatch):
    monkeypatch.setattr(bounds, "MOST_OF_AN_ADDRESS", 3)

    async def use() -> None:
        for address, answers in (("127.0.1.1", b""), ("127.0.1.2", b"small")):
            held = [await server.connect(address) for _ in range(3)]
            assert await server.answer(address) == answers
            assert await server.answer("127.0.1.3") == b"small"
            for _, writer in held:
                writer.close()
        assert server.refused == ["127.0.1.1"]

    asyncio.run(server.run(use, is_proxy=lambda address: address == "127.0.1.2"))


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_a_head_that_does_not_arrive_closes_its_connection(server, sent):
    async def use() -> None:
        reader, writer = await server.connect()
        writer.write(sent)
        assert await is_closed(reader)
        writer.close()

    asyncio.run(server.run(use))


def test_a_client_that_does_not_read_its_answer_is_let_go(server, monkeypatch, wait_until):
    monkeypatch.setattr(bounds, "STALLED_SECONDS", 0.3)
    monkeypatch.setattr(bounds, "LOOK_SECONDS", 0.1)

    async def use() -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", server.port))
        await loop.sock_sendall(sock, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        is_reset = lambda: sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0  # noqa: E731
        await asyncio.to_thread(wait_until, is_reset, "the connection to be closed")
        sock.close()

    asyncio.run(server.run(use))


def test_the_bound_leaves_descriptors_to_files_and_databases(server, monkeypatch):
    monkeypatch.setattr(bounds.resource, "getrlimit", lambda _what: (100, 100))
    assert bounds.Connections(asyncio.Protocol, lambda *_: None)._most == 50
