"""Runs one cycle in the process that all workers are forked from, before the first fork.

When something is used for the first time, Python imports, compiles or looks up what it needs. That costs each worker
time at its start, and memory of its own for as long as it runs. What was used before the fork, all workers share. So a
worker of a made-up sync runs here, against a fake Jira and a fake MongoDB that accept everything. No secret is read.
Afterwards nothing of it is left: no thread, no connection, no file.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from tempfile import TemporaryDirectory
from typing import Any

import bson
import structlog

from sync_model.files.loading import load_file
from sync_worker.database.connection import connect
from sync_worker.runtime.process import main
from sync_worker.runtime.wiring import read_only_view

LATE_IMPORTS = ("encodings.ascii", "encodings.idna", "encodings.utf_8_sig", "dns.resolver", "pymongo.synchronous.auth")
"""Modules that only some workers, or some answers, need."""
SECONDS_TO_END = 5.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""They are meant for the whole process. So they are blocked until the warm-up is over."""
NOW = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
RULE = {
    "sourceStatus": "Open",
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "addCrossLink": True, "addComment": True, "commentTemplate": "${targetKey}"},
}
ISSUE = {
    "id": "1",
    "key": "A-1",
    "changelog": {"histories": []},
    "properties": {},
    "fields": {
        "project": {"id": "1"},
        "issuetype": {"name": "Task"},
        "summary": "one",
        "status": {"name": "Open", "statusCategory": {"key": "new"}},
        "labels": [],
        "creator": {"accountId": "2"},
        "created": NOW,
        "updated": NOW,
        "attachment": [],
    },
}
JIRA_ANSWER = {
    **ISSUE,
    "deploymentType": "Cloud",
    "serverTime": NOW,
    "cloudId": "1",
    "accountId": "1",
    "issues": [ISSUE],
    "isLast": True,
    "values": [{"id": "1", "name": "Task", "fieldId": "summary"}],
}
OTHER_ANSWERS: dict[str, Any] = {
    "/properties/jira-sync": {"key": "jira-sync", "value": {}},
    "/issuetypes/1": {"values": [{"fieldId": "summary"}], "isLast": True},
    "/status": [{"id": "1", "name": "Open"}],
    "/statuses": [{"name": "Task", "statuses": [{"id": "1", "name": "Open"}]}],
    "/remotelink": [],
    "/comment": {"comments": [], "startAt": 0, "maxResults": 1, "total": 0},
}
"""Answers of another shape, by how their paths end."""
MONGODB_ANSWER = {
    "ok": 1,
    "helloOk": True,
    "isWritablePrimary": True,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "logicalSessionTimeoutMinutes": 30,
    "cursor": {"id": 0, "ns": "a.b", "firstBatch": []},
    "n": 1,
    "nModified": 1,
    "value": {"token": 1, "wake": 0, "fenced": 0},
}
AT_COMMAND, COUNT = 9, b"\x02count\0"
"""Where the name of the command begins in a message, and that of the command for which the answer is: none."""
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
"""Kinds of messages in MongoDB's wire protocol: the old answer, the old request, and the new one for both."""


def warm_up() -> None:
    """Do it. Raises whatever goes wrong."""
    for name in LATE_IMPORTS:
        importlib.import_module(name)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        with (
            TemporaryDirectory(prefix="jira-sync-") as folder,
            _fake_server(_FakeJira, _HttpServer) as jira_port,
            _fake_server(_FakeMongoDB, _MongoDBServer) as mongodb_port,
            Path(os.devnull).open("w", encoding="utf-8") as devnull,
            redirect_stdout(devnull),
            _no_proxy(),
        ):
            _run_cycle(Path(folder), jira_port, mongodb_port)
    finally:
        logging.root.handlers.clear()
        structlog.reset_defaults()
        _wait_for_threads()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _run_cycle(folder: Path, jira_port: int, mongodb_port: int) -> None:
    definition = folder / "sync.json"
    account = {"baseUrl": f"http://127.0.0.1:{jira_port}", "email": "nobody@example.com", "apiToken": "${NOTHING}"}
    projects = {"userProjectKey": "A", "devProjectKey": "B"}
    definition.write_text(json.dumps({"name": "warm-up", "jira": account, **projects, "rules": [RULE]}))
    environ = {"NOTHING": "nothing", "DATABASE_URL": f"mongodb://127.0.0.1:{mongodb_port}"}
    if main(["--config", str(definition), "--run-dir", str(folder), "--once"], environ):
        raise RuntimeError("the cycle of the warm-up failed")
    # The fake MongoDB remembers nothing, so that cycle delivered nothing. A dry run remembers, and delivers.
    (file,) = load_file(definition, environ).files
    with connect(environ["DATABASE_URL"], file.sync.name) as client, read_only_view(file, client, environ) as view:
        view.dry_run()


class _QuietAboutClients(TCPServer):
    """Says nothing of a client that has gone, or was silent for long: on a slow machine that is no fault."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _HttpServer(_QuietAboutClients, ThreadingHTTPServer):
    pass


class _MongoDBServer(_QuietAboutClients, ThreadingTCPServer):
    pass


@contextmanager
def _fake_server(handler: type[StreamRequestHandler], kind: type[TCPServer]) -> Iterator[int]:
    """Run a server with this handler; yield its port."""
    with kind(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _no_proxy() -> Iterator[None]:
    """Reach the fake servers directly, even if the environment names a proxy."""
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = "127.0.0.1"
    try:
        yield
    finally:
        del os.environ["no_proxy"]
        if before is not None:
            os.environ["no_proxy"] = before


class _FakeJira(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SECONDS_TO_END
    wbufsize = -1  # or the head goes by itself, and the body waits until that is acknowledged

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        answer = next((other for end, other in OTHER_ANSWERS.items() if path.endswith(end)), JIRA_ANSWER)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing."""


class _FakeMongoDB(StreamRequestHandler):
    """Just enough of https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ to accept everything."""

    timeout = SECONDS_TO_END

    def handle(self) -> None:
        done, counted = bson.encode(MONGODB_ANSWER), bson.encode({**MONGODB_ANSWER, "n": 0})
        while header := self.rfile.read(16):
            length, request, _, kind = struct.unpack("<iiii", header)
            body = counted if self.rfile.read(length - 16)[AT_COMMAND:].startswith(COUNT) else done
            head = struct.pack("<iqii", 8, 0, 0, 1) if kind == OP_QUERY else struct.pack("<IB", 0, 0)
            kind = OP_REPLY if kind == OP_QUERY else OP_MSG
            self.wfile.write(struct.pack("<iiii", 16 + len(head) + len(body), 0, request, kind) + head + body)


def _wait_for_threads() -> None:
    deadline = time.monotonic() + SECONDS_TO_END
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(deadline - time.monotonic(), 0))
