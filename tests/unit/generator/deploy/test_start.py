"""Starting a group whose supervisord does not stay."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from threading import Thread

import pytest

from generator.deploy.prepare import Prepared
from generator.deploy.start import start_in_background
from generator.running.errors import Unusable
from sync_model.files.loading import Loaded


class AnswersOnce(BaseHTTPRequestHandler):
    """Answers one call, as a supervisord that runs does, after which nobody listens on the socket any more."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = xmlrpc.client.dumps(({"statecode": 1, "statename": "RUNNING"},), methodresponse=True).encode()
        Path(str(self.server.server_address)).unlink()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def supervisord_that_ends(folder) -> Iterator[None]:
    with UnixStreamServer(str(folder.settings().socket), AnswersOnce) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        yield
        thread.join()


def prepared(folder, python: str) -> Prepared:
    settings = folder.settings(python=python)
    return Prepared(settings, Loaded(), {}, {}, folder.plan(wanted=settings), text="", warnings=())


def test_a_supervisord_that_ends_while_it_starts_is_said(folder, supervisord_that_ends):
    with pytest.raises(Unusable) as error:
        start_in_background(prepared(folder, python="/bin/true"), {})
    assert error.value.problems == ("supervisord ended meanwhile; its log says why",)


def test_what_a_supervisord_that_does_not_start_says_is_said(folder, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'Error: no such user' >&2\nexit 2\n")
    python.chmod(0o755)
    with pytest.raises(Unusable) as error:
        start_in_background(prepared(folder, python=str(python)), {})
    assert error.value.problems == ("supervisord does not start: Error: no such user",)
