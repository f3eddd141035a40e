"""A worker whose own clock is hours off works exactly as one whose clock is right: time is Jira's and MongoDB's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).parents[4]
SITECUSTOMIZE = """
import datetime, os, time

shift = float(os.environ["CLOCK_SHIFT"])
right_time, right_time_ns, Right = time.time, time.time_ns, datetime.datetime
time.time = lambda: right_time() + shift
time.time_ns = lambda: right_time_ns() + int(shift * 1e9)


class Kind(type):
    def __instancecheck__(cls, value):
        return isinstance(value, Right)


class Shifted(Right, metaclass=Kind):
    @classmethod
    def now(cls, tz=None):
        return Right.now(tz) + datetime.timedelta(seconds=shift)

    @classmethod
    def utcnow(cls):
        return Right.utcnow() + datetime.timedelta(seconds=shift)


datetime.datetime = Shifted
"""
CREATE = {"method": "POST", "path": "/issue(/bulk)?$"}
HOURS = pytest.mark.parametrize("hours", [-7, 7])


class Process:
    """The worker of a bench's sync, in a process of its own, with a clock that is so many hours off."""

    def __init__(self, bench, folder: Path, hours: float) -> None:
        (folder / "clock").mkdir()
        (folder / "clock/sitecustomize.py").write_text(SITECUSTOMIZE)
        path = os.pathsep.join([str(folder / "clock"), os.environ.get("PYTHONPATH", "")])
        own = {"PYTHONPATH": path, "CLOCK_SHIFT": str(hours * 3600), "DATABASE_URL": bench.mongo_url}
        self._environ = {**os.environ, **own}
        self._command = [sys.executable, "-m", "sync_worker", "--config", str(bench.folder / "sync-ab.json")]
        self._command += ["--run-dir", str(folder)]

    def once(self, code: int = 0) -> dict[str, Any]:
        """Run one cycle, which ends with this exit code; return what the worker logged last."""
        ran = subprocess.run(
            [*self._command, "--once"], env=self._environ, cwd=REPO, stdout=subprocess.PIPE, check=False, timeout=30
        )
        assert ran.returncode == code, ran.stdout
        return json.loads(ran.stdout.splitlines()[-1])


@pytest.fixture
def process(bench, tmp_path: Path, hours: float) -> Process:
    return Process(bench, tmp_path, hours)


@HOURS
def test_everything_is_done_once_and_what_is_uncertain_only_when_it_is_time(bench, process, hours):
    bench.start()
    bench.stop()
    key = bench.taken_on()
    bench.user.attach(key, "log.txt", b"log")
    bench.control.fault("two", "drop_before", times=1, **CREATE)
    said = process.once()
    off = datetime.fromisoformat(said["time"]) - datetime.now(UTC)
    assert off.total_seconds() == pytest.approx(hours * 3600, abs=60)
    assert (said["created"], said["failed"]) == (0, 1)
    for seconds, created in ((20, 0), (400, 1)):
        bench.pass_time(seconds)
        assert process.once()["created"] == created
    (dev,) = bench.devs()
    bench.dev.move(dev["key"], "Closed")
    assert process.once()["created"] == 0
    comments = [f"followed as {dev['key']}", f"finished {dev['key']}"]
    assert (bench.status(key), bench.comments(key)) == ("Resolved", comments)
    assert [each["filename"] for each in bench.devs()[0]["attachments"]] == ["log.txt"]


@HOURS
def test_whether_a_lease_has_run_out_is_seen_on_mongodb_s_clock(bench, process):
    """Its holder is on another machine, so that nobody here can tell whether it is alive."""
    bench.start()
    bench.pair()
    bench.stop()
    elsewhere = {**bench.database["lease"].find_one()["process"], "host": "elsewhere", "home": "elsewhere"}
    for seconds, code, event in ((15, 1, "standing by"), (-0.1, 0, "cycle completed")):
        expires = {"$add": ["$$NOW", seconds * 1000]}
        held = {"owner": "somebody", "process": {"$literal": elsewhere}, "expires": expires}
        bench.database["lease"].update_one({}, [{"$set": held}])
        assert process.once(code)["event"] == event
