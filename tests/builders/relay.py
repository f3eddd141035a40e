"""What stands between a worker and a Jira site: TLS, a demand for a certificate, a path of its own, a proxy."""

from __future__ import annotations

import base64
import http.client
import select
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-authorization", "proxy-connection", "transfer-encoding"})


class Authority:
    """A company's own authority, which signs certificates. It is made by the command openssl."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        self._new_key(self._key)
        _openssl("req", "-x509", "-key", self._key, "-out", self.certificate, "-days", "2", "-subj", f"/CN={name}")

    def sign(self, name: str) -> tuple[Path, Path]:
        """Return the files with a certificate for 127.0.0.1, and with its key."""
        key, request, certificate = (self._folder / f"{self._name}-{name}.{kind}" for kind in ("key", "csr", "crt"))
        extensions = self._folder / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1\n")
        self._new_key(key)
        _openssl("req", "-new", "-key", key, "-out", request, "-subj", f"/CN={name}")
        signer = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial")
        _openssl("x509", "-req", "-in", request, "-out", certificate, "-days", "2", *signer, "-extfile", extensions)
        return certificate, key

    @staticmethod
    def encrypt(key: Path) -> Path:
        """Return a file with the same key, which a password protects."""
        encrypted = key.with_suffix(".encrypted")
        _openssl("ec", "-in", key, "-out", encrypted, "-aes256", "-passout", "pass:something")
        return encrypted

    @staticmethod
    def _new_key(path: Path) -> None:
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def _openssl(*arguments: Any) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Relay:
    """Passes requests on to the simulator at `url`, until the context is left.

    `path`: only what is below this path is passed on, without it. `tls`: the server's side of TLS. A proxy passes
    on what names another host. `login`: the name and password without which nothing is passed on.

    `requests` are the paths of those that it has passed on, `heard` what was in their headers and bodies, `clients` the
    common names of the clients' certificates.
    """

    def __init__(
        self, url: str, *, path: str = "", tls: ssl.SSLContext | None = None, login: str | None = None
    ) -> None:
        self._target = urlsplit(url)
        self.path, self.login = path, login
        self.requests: list[str] = []
        self.heard: list[str] = []
        self.clients: list[str] = []
        self.tunnels: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.relay = self
        self._server.tls = tls
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}{path}"

    def __enter__(self) -> Relay:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def renew(self, tls: ssl.SSLContext) -> None:
        """Have other certificates count for new connections."""
        self._server.tls = tls

    def address_of(self, path: str) -> tuple[str, int, str] | None:
        """Return host, port and path to pass a request on to; None when it is for nobody here."""
        url = urlsplit(path)
        if url.netloc:  # for a proxy
            return url.hostname or "", url.port or 80, path.removeprefix(f"{url.scheme}://{url.netloc}")
        if not path.startswith(self.path):
            return None
        return self._target.hostname or "", self._target.port or 80, self._target.path + path.removeprefix(self.path)


def server_side(certificate: Path, key: Path, clients: Path | None = None) -> ssl.SSLContext:
    """Return a server's side of TLS; `clients` is the authority whose certificates clients must show."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    relay: Relay
    tls: ssl.SSLContext | None

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(OSError):  # the other side does not like us, or has gone
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
        request.close()

    def handle_error(self, _request: Any, _client_address: Any) -> None: ...


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        relay = self.server.relay
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._is_let_in():
            return
        address = relay.address_of(self.path)
        if address is None:
            self.send_error(404)
            return
        host, port, path = address
        relay.requests.append(path)
        relay.heard.append(f"{self.headers}{body.decode('latin-1')}")
        if isinstance(self.connection, ssl.SSLSocket) and (shown := self.connection.getpeercert()):
            relay.clients.append(dict(pair for (pair,) in shown["subject"])["commonName"])
        upstream = http.client.HTTPConnection(host, port, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            upstream.request(self.command, path, body, headers)
            self._pass_back(upstream.getresponse())
        finally:
            upstream.close()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def do_CONNECT(self) -> None:
        """Open a tunnel, through which TLS is spoken to the site itself."""
        if not self._is_let_in():
            return
        self.server.relay.tunnels.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            pair = [self.connection, upstream]
            while True:
                for end in select.select(pair, [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    pair[1 - pair.index(end)].sendall(data)

    def _is_let_in(self) -> bool:
        login = self.server.relay.login
        wanted = login and f"Basic {base64.b64encode(login.encode()).decode()}"
        if wanted in (None, self.headers.get("Proxy-Authorization")):
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def _pass_back(self, response: http.client.HTTPResponse) -> None:
        content = response.read()
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in {*HOP_BY_HOP, "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None: ...
