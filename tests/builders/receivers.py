"""A real receiver of webhooks, and a real mail server, which both can be as bad as those outside."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "s3cr3t p@ss/w#rd"


@dataclass
class Receiver:
    """A receiver of webhooks. It answers `answer`, for as long as it is not told otherwise."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    hangs: bool = False
    trickles: bool = False
    got: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook-s3cr3t-of-receiver"

    @property
    def changes(self) -> list[tuple[str, str]]:
        return [(change["sync"], change["turn"]) for message in self.got for change in message.get("changes", ())]


class Handler(BaseHTTPRequestHandler):
    """Answers for the receiver to which its server belongs."""

    def do_POST(self) -> None:
        receiver = self.receiver
        content = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.paths.append(self.path)
        if receiver.hangs:
            receiver.released.wait()
            return
        if receiver.status < 300:
            receiver.got.append(json.loads(content))
        with suppress(OSError):
            self.answer()

    @property
    def receiver(self) -> Receiver:
        assert isinstance(self.server, ReceiverServer)
        return self.server.receiver

    def answer(self) -> None:
        receiver = self.receiver
        self.send_response(receiver.status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        if not receiver.trickles:
            self.send_header("Content-Length", str(len(receiver.body)))
        self.end_headers()
        if not receiver.trickles:
            self.wfile.write(receiver.body)
        while receiver.trickles and not receiver.released.wait(0.05):
            self.wfile.write(b"x")

    def log_message(self, *_: Any) -> None: ...


class ReceiverServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.receiver = Receiver(self.server_port)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.receiver.released.set()
        self.shutdown()
        self.server_close()


class Mailroom:
    """What a mail server has taken, and whom it refuses."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.refused: set[str] = set()
        self.encrypted: list[bool] = []

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return f"550 no such user {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 OK"


@dataclass
class MailServer:
    port: int
    room: Mailroom

    @property
    def mails(self) -> list[Envelope]:
        return self.room.mails


def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
    is_known = isinstance(given, LoginPassword) and (given.login, given.password) == (b"ann", PASSWORD.encode())
    return AuthResult(success=is_known, handled=False, message=None if is_known else "535 wrong: s3cr3t p@ss/w#rd")
