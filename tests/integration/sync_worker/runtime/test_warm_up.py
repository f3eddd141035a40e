"""What is shared by all workers is complete, leaves nothing behind, and asks nobody."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sync_worker.runtime import warm_up

REPO = Path(__file__).parents[4]
WARM_UP = """
import gc, json, os, signal, sys, tempfile, threading
addresses = []
sys.addaudithook(lambda event, given: addresses.append(given[1]) if event == "socket.connect" else None)
def state():
    gc.collect()
    handlers = [str(signal.getsignal(each)) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]
    descriptors = sorted(f"{each} {os.readlink('/proc/self/fd/' + each)}" for each in os.listdir("/proc/self/fd")[:-1])
    blocked = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    return [handlers, descriptors, blocked, sorted(os.environ), os.listdir(tempfile.gettempdir())]
before = state()
from sync_worker.runtime.warm_up import warm_up
warm_up()
after = state()
"""
LOOK = """
import logging
found = {
    "before": before,
    "after": after,
    "threads": [each.name for each in threading.enumerate()],
    "hosts": sorted({address[0] for address in addresses}),
    "loggers": logging.root.handlers,
}
print(json.dumps(found))
"""
LISTEN = """
import contextlib, json
from sync_worker.runtime import warm_up as module
plans, view = [], module.read_only_view
@contextlib.contextmanager
def heard(*arguments):
    with view(*arguments) as opened:
        yield opened
        plans.extend([str(step.verdict), step.what, step.text] for step in opened.dry_run())
module.read_only_view, module.redirect_stdout = heard, lambda _: contextlib.nullcontext()
module.warm_up()
print(json.dumps(plans))
"""
WORK = """
from sync_worker.__main__ import main  # as the parent of all workers does before it forks
known = set(sys.modules)
code = main(["--config", sys.argv[1], "--run-dir", sys.argv[2], "--once"])
print(json.dumps([code, sorted(set(sys.modules) - known)]))
"""


def _run(script: str, *arguments: str, **environ: str) -> Any:
    ran = subprocess.run(
        [sys.executable, "-c", WARM_UP + script, *arguments],
        env={**os.environ, **environ}, cwd=REPO, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ran.stderr == ""
    return json.loads(ran.stdout.splitlines()[-1])


def test_the_warm_up_leaves_nothing_behind_and_connects_to_nobody_outside(tmp_path):
    # Whoever is asked to pass requests on must not hear of these.
    found = _run(LOOK, TMPDIR=str(tmp_path), HTTP_PROXY="http://127.0.0.2:1", no_proxy="example.com")
    assert found["after"] == found["before"]
    assert (found["threads"], found["loggers"], found["hosts"]) == (["MainThread"], [], ["127.0.0.1"])


def test_the_cycle_of_the_warm_up_is_one_in_which_nothing_fails():
    """An answer that is not like Jira's would be asked for again and again, for a minute at each start of a group."""
    ran = subprocess.run(
        [sys.executable, "-c", LISTEN], cwd=REPO, capture_output=True, text=True, check=True, timeout=60
    )
    *said, plans = map(json.loads, ran.stdout.splitlines())
    assert [line for line in said if line["level"] not in ("debug", "info")] == []
    assert [line["event"] for line in said if "cannot" in line["event"]] == []
    assert [plan[:2] for plan in plans] == [["do", "create"], ["do", "link"], ["do", "comment"]]
    assert ran.stderr == ""


@pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
def test_a_worker_imports_nothing_that_the_warm_up_has_not_imported(bench):
    bench.taken_on()
    bench.start()
    bench.stop()
    code, late = _run(WORK, str(bench.folder / "sync-ab.json"), str(bench.folder), DATABASE_URL=bench.mongo_url)
    assert (code, late) == (0, [])
    assert len(bench.devs()) == 1


GONE = struct.pack("ii", 1, 0)
"""With SO_LINGER, closing a connection resets it."""


@pytest.mark.parametrize("server", ["_HttpServer", "_MongoDBServer"])
def test_a_client_that_has_gone_is_no_traceback_in_the_log(server, capfd):
    handler = {"_HttpServer": warm_up._FakeJira, "_MongoDBServer": warm_up._FakeMongoDB}[server]
    with warm_up._fake_server(handler, getattr(warm_up, server)) as port:
        for said in (b"", b"GET / HTTP/1.1\r\n"):
            client = socket.create_connection(("127.0.0.1", port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, GONE)
            client.sendall(said)
            client.close()
    assert capfd.readouterr().err == ""
