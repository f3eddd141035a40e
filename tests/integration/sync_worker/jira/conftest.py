"""A simulated site, clients for it, and a server that sends whatever bytes a test wants."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from pydantic import SecretStr

from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from sync_model.accounts.connection import Connection
from sync_worker.jira import JiraClient

USER = {"name": "sync", "email": "sync@example.com", "token": "t"}


@pytest.fixture
def seed() -> Callable[..., dict[str, Any]]:
    """Describe a simulated site with two projects and one user."""

    def describe(**options: Any) -> dict[str, Any]:
        projects = [{"key": "SUP"}, {"key": "OTHER"}]
        return {"sites": [{"name": "site", "users": [USER], "projects": projects, **options}]}

    return describe


@pytest.fixture
def simulator(seed) -> Iterator[RunningSimulator]:
    """A Cloud site."""
    with RunningSimulator(Seed.model_validate(seed())) as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Callable[..., JiraClient]]:
    """Return a client for a site of a simulator at `url`; it is closed when the test ends."""
    clients = []

    def client(
        url: str,
        pause: Callable[[float], None] = lambda _seconds: None,
        *,
        cloud: bool = True,
        token: str | Callable[[], str] = "t",
        site: str = "site",
    ) -> JiraClient:
        email = "sync@example.com" if cloud else None

        def connection() -> Connection:
            secret = token if isinstance(token, str) else token()
            return Connection(f"{url}/{site}", f"{url}/{site}", SecretStr(secret), email)

        clients.append(JiraClient(connection, pause))
        return clients[-1]

    yield client
    for jira in clients:
        jira.close()


LARGE = 65536
LENGTH = re.compile(rb"Content-Length: (\d+)", re.IGNORECASE)
Answer = Callable[[bytes], "bytes | Iterator[bytes]"]


@pytest.fixture
def raw_site() -> Iterator[Callable[[Answer], str]]:
    """Return a function that starts a server and returns its address.

    It answers each request with the bytes that `answer` makes of it, and closes the connection. What is given in pieces
    is sent as it comes, until the other side hangs up. Of a large body it reads nothing.
    """
    with ExitStack() as stack:

        def start(answer: Answer) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            threading.Thread(target=serve, args=(listener, answer), daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        def serve(listener: socket.socket, answer: Answer) -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=reply, args=(connection, answer), daemon=True).start()

        def reply(connection: socket.socket, answer: Answer) -> None:
            with suppress(OSError), connection:
                request = b""
                while not is_whole(request):
                    request += connection.recv(65536)
                answered = answer(request)
                for piece in [answered] if isinstance(answered, bytes) else answered:
                    connection.sendall(piece)
                # Whoever closes while something is still to be read resets the connection.
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        def is_whole(request: bytes) -> bool:
            head, end, body = request.partition(b"\r\n\r\n")
            length = LENGTH.search(head)
            return bool(end) and (length is None or not len(body) < int(length[1]) < LARGE)

        yield start
