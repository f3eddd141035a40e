"""A worker is tried out, on a stage: in the process that all workers are forked from, before the first of them.

Whatever Python imports, compiles or looks up when something is used for the first time costs each worker time at its
start, and memory of its own for as long as it runs. What has been used before the fork, all workers share. So a worker
of a made-up sync is run here, against stand-ins for Jira and MongoDB that say yes to everything. No secret is read, and
nothing of it is left afterwards: no thread, no connection, no file.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from tempfile import TemporaryDirectory
from typing import Any

import bson
import structlog

from sync_model.loading import load_file
from sync_worker.database.connection import connect
from sync_worker.runtime.process import main
from sync_worker.runtime.wiring import read_only

LATE_IMPORTS = ("encodings.ascii", "encodings.idna", "encodings.utf_8_sig", "dns.resolver", "pymongo.synchronous.auth")
"""What only some workers, or some answers, need."""
SECONDS_TO_END = 5.0
STOPPING = (signal.SIGTERM, signal.SIGINT)
"""They are meant for the whole process, and wait until this is over."""
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
JIRA_SAYS = {
    "deploymentType": "Cloud",
    "accountId": "1",
    "id": "1",
    "key": "A",
    "issues": [ISSUE],
    "isLast": True,
    "values": [{"id": "1", "name": "Task", "fieldId": "summary"}],
}
MONGODB_SAYS = {
    "ok": 1,
    "helloOk": True,
    "isWritablePrimary": True,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "cursor": {"id": 0, "ns": "a.b", "firstBatch": []},
    "n": 1,
    "nModified": 1,
    "value": {"token": 1, "wake": 0},
}
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


@cache
def warm_up() -> None:
    """Do it, once in the life of this process. Raises whatever goes wrong on the stage."""
    for name in LATE_IMPORTS:
        importlib.import_module(name)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        with (
            TemporaryDirectory(prefix="jira-sync-") as folder,
            _stage(_Jira, ThreadingHTTPServer) as jira,
            _stage(_MongoDB, ThreadingTCPServer) as mongodb,
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            redirect_stdout(nowhere),
            _no_proxy(),
        ):
            _try_out(Path(folder), jira, mongodb)
    finally:
        logging.root.handlers.clear()
        structlog.reset_defaults()
        _wait_for_threads()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _try_out(folder: Path, jira: int, mongodb: int) -> None:
    definition = folder / "sync.json"
    account = {"baseUrl": f"http://127.0.0.1:{jira}", "email": "nobody@example.com", "apiToken": "${NOTHING}"}
    projects = {"userProjectKey": "A", "devProjectKey": "B"}
    definition.write_text(json.dumps({"name": "warm-up", "jira": account, **projects, "rules": [RULE]}))
    environ = {"NOTHING": "nothing", "DATABASE_URL": f"mongodb://127.0.0.1:{mongodb}"}
    if main(["--config", str(definition), "--run-dir", str(folder), "--once"], environ):
        raise RuntimeError("the cycle of the warm-up failed")
    # What MongoDB's stand-in has been told it does not remember. So an issue is carried out where nothing is kept.
    (file,) = load_file(definition, environ).files
    with connect(environ["DATABASE_URL"], file.sync.name) as client, read_only(file, client, environ) as seen:
        seen.dry_run()


@contextmanager
def _stage(part: type[StreamRequestHandler], kind: type[TCPServer]) -> Iterator[int]:
    """Have somebody play `part`; give the port."""
    with kind(("127.0.0.1", 0), part) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _no_proxy() -> Iterator[None]:
    """Speak to the stand-ins themselves, whatever the environment says about how to reach others."""
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = "127.0.0.1"
    try:
        yield
    finally:
        del os.environ["no_proxy"]
        if before is not None:
            os.environ["no_proxy"] = before


class _Jira(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SECONDS_TO_END

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps(JIRA_SAYS).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_arguments: Any) -> None:
        """Nobody is to hear of it."""


class _MongoDB(StreamRequestHandler):
    """Just enough of https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ to say yes."""

    timeout = SECONDS_TO_END

    def handle(self) -> None:
        says = bson.encode(MONGODB_SAYS)
        while header := self.rfile.read(16):
            length, request, _, kind = struct.unpack("<iiii", header)
            self.rfile.read(length - 16)
            answer = struct.pack("<iqii", 8, 0, 0, 1) if kind == OP_QUERY else struct.pack("<IB", 0, 0)
            kind = OP_REPLY if kind == OP_QUERY else OP_MSG
            self.wfile.write(struct.pack("<iiii", 16 + len(answer) + len(says), 0, request, kind) + answer + says)


def _wait_for_threads() -> None:
    deadline = time.monotonic() + SECONDS_TO_END
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(deadline - time.monotonic(), 0))
