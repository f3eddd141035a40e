"""An error that nobody has caught is told without secrets and steers no terminal, wherever in a process it comes up."""

from __future__ import annotations

import subprocess
import sys

import pytest

SECRET = "s3cr3t-of-the-group"
START = f"""
import asyncio, sys, threading
from functools import partial
from sync_model.secrecy import redaction, uncaught
redaction.remember({SECRET!r}, "ann")
QUOTED = "cannot send {SECRET} in hex \\x1b]52;c;aGk=\\x07\\u202e\\x9b31m"
def fail(*_):
    try:
        raise ValueError(QUOTED)
    except ValueError as error:
        raise RuntimeError(QUOTED) from error
class Broken:
    __del__ = fail
    def __repr__(self):
        return QUOTED
"""
WORKER = "import sync_worker.__main__ as worker; worker.process.main = fail"
PLACES = {
    "the main thread": "uncaught.install(); fail()",
    "another thread": "uncaught.install(); t = threading.Thread(target=fail, name=QUOTED); t.start(); t.join()",
    "a finaliser": "uncaught.install(); Broken()",
    "an executed worker": f"{WORKER}; sys.exit(worker.main(['--config', 'x']))",
    "a forked worker": f"{WORKER}; from supervisor_plugin import child; child.run(partial(worker.main, ['--config']))",
    "a command": "from jira_sync import __main__ as it; it._spell_commands = fail; sys.argv = ['x', 'schema']; "
    "it.main()",
    "a task of the monitor": "from sync_worker.runtime import logs; logs.configure('monitor', 'info', sys.stderr)\n"
    "async def serve():\n"
    "    asyncio.get_running_loop().call_soon(fail)\n"
    "    task = asyncio.ensure_future(asyncio.to_thread(fail)); await asyncio.wait([task]); del task\n"
    "    await asyncio.sleep(0)\n"
    "asyncio.run(serve())",
}


@pytest.mark.parametrize("place", PLACES)
def test_an_uncaught_error_is_told_without_secrets_and_steers_no_terminal(place):
    ran = subprocess.run(
        [sys.executable, "-c", f"{START}\n{PLACES[place]}"], capture_output=True, text=True, check=False, timeout=60
    )
    assert SECRET not in ran.stdout + ran.stderr
    assert "…" in ran.stderr.encode().decode("unicode_escape" if place.endswith("monitor") else "utf-8")
    assert [each for each in ran.stderr if not each.isprintable() and each != "\n"] == []
    if not place.endswith(("monitor", "finaliser")):
        assert "RuntimeError" in ran.stderr
