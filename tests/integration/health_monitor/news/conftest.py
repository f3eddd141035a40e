"""A real receiver of webhooks, and a real mail server."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from receivers import Mailroom, MailServer, Receiver, ReceiverServer, authenticate
from relay import Authority


@pytest.fixture(name="new_receiver")
def _new_receiver() -> Iterator[Callable[[], Receiver]]:
    servers: list[ReceiverServer] = []

    def new() -> Receiver:
        servers.append(ReceiverServer())
        return servers[-1].receiver

    yield new
    for server in servers:
        server.close()


@pytest.fixture
def receiver(new_receiver: Callable[[], Receiver]) -> Receiver:
    return new_receiver()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "company")


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> tuple[Path, Path]:
    return authority.sign("mail")


@pytest.fixture
def start_mail_server(
    certificate: tuple[Path, Path], free_port: Callable[[], int]
) -> Iterator[Callable[..., MailServer]]:
    """Return a function that starts a mail server, which is `encrypted` with "starttls", "tls" or not at all."""
    controllers: list[Controller] = []

    def start(encrypted: str = "starttls", *, signs_in: bool = False) -> MailServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        room = Mailroom()
        more: dict[str, Any] = {"tls_context": context, "require_starttls": True} if encrypted == "starttls" else {}
        if signs_in:
            more |= {
                "authenticator": authenticate,
                "auth_required": encrypted == "starttls",
                "auth_require_tls": encrypted == "starttls",
            }
        port = free_port()
        controller = Controller(
            room,
            hostname="127.0.0.1",
            port=port,
            ssl_context=context if encrypted == "tls" else None,
            **more,
        )
        controller.start()
        controllers.append(controller)
        return MailServer(port, room)

    yield start
    for controller in controllers:
        controller.stop()
