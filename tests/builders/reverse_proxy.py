"""What stands around a reverse proxy in front of the status page: a group as docs/deployment.md sets it, a certificate,
and a sign-on service.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

NAME = "sync.example.com"
GROUP = {
    "STUCK_AFTER": "86400",
    "ALLOWED_HOSTS": NAME,
    "TRUSTED_PROXIES": "127.0.0.1",
    "PROXY_USER_HEADER": "Remote-User",
    "PROXY_OPERATORS": "carla",
    "VIEW_TOKEN": "to-look-only-97531",
    "BASE_PATH": "/jira-sync",
}
"""The environment of the group. It is below a path."""


class SignOn(BaseHTTPRequestHandler):
    """The stand-in: whoever has a cookie `sign-on` has signed in by the name in it. A guest has no name."""

    def do_GET(self) -> None:
        found = re.search(r"sign-on=(\w+)", self.headers.get("Cookie", ""))
        self.send_response(200 if found else 401)
        if found and found[1] != "guest":
            self.send_header("Remote-User", found[1])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def sign_on_service() -> Iterator[int]:
    """Run the sign-on service; yield its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SignOn) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def write_certificate(folder: Path) -> Path:
    """Write a certificate for NAME as `cert`, and its key as `key`; return the first path."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    command += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", f"{folder}/key", "-out", f"{folder}/cert"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert"
