"""Time is Jira's and MongoDB's: neither the worker's own clock nor the time zone of its account matters."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from simulated_sites import CREATE
from warm_processes import WarmProcesses

SHIFTED_CLOCK = """
import datetime, os, time

right_time, right_time_ns, Right = time.time, time.time_ns, datetime.datetime
shift = lambda: float(os.environ.get("PYTHON_CLOCK_SHIFT", 0))
time.time = lambda: right_time() + shift()
time.time_ns = lambda: right_time_ns() + int(shift() * 1e9)


class Kind(type):
    def __instancecheck__(cls, value):
        return isinstance(value, Right)


class Shifted(Right, metaclass=Kind):
    @classmethod
    def now(cls, tz=None):
        return Right.now(tz) + datetime.timedelta(seconds=shift())

    @classmethod
    def utcnow(cls):
        return Right.utcnow() + datetime.timedelta(seconds=shift())


datetime.datetime = Shifted
"""
HOURS = pytest.mark.parametrize("hours", [-7, 7])


@pytest.fixture(scope="module")
def shifted_processes() -> Iterator[WarmProcesses]:
    """Processes whose clock is as many seconds off as PYTHON_CLOCK_SHIFT says."""
    with closing(WarmProcesses(SHIFTED_CLOCK)) as processes:
        yield processes


@pytest.fixture
def run_once(bench, shifted_processes, tmp_path, hours) -> Callable[..., dict[str, Any]]:
    """Run a cycle by a clock that is so many hours off, which ends with this exit code; return the last log line."""
    environ = {**os.environ, "PYTHON_CLOCK_SHIFT": str(hours * 3600), "DATABASE_URL": bench.mongo_url}
    arguments = ["--config", str(bench.folder / "sync-ab.json"), "--run-dir", str(tmp_path), "--once"]

    def run(code: int = 0) -> dict[str, Any]:
        process = shifted_processes.start(*arguments, environ=environ)
        out, err = process.communicate(timeout=30)
        assert process.wait() == code, out + err
        return json.loads(out.splitlines()[-1])

    return run


@HOURS
def test_a_worker_whose_clock_is_hours_off_does_everything_once_and_what_is_uncertain_in_time(bench, run_once, hours):
    bench.start()
    bench.stop()
    key = bench.taken_on_with({"log.txt": b"log"})
    bench.control.fault("two", "drop_before", times=1, **CREATE)
    said = run_once()
    off = datetime.fromisoformat(said["time"]) - datetime.now(UTC)
    assert off.total_seconds() == pytest.approx(hours * 3600, abs=60)
    assert (said["created"], said["failed"]) == (0, 1)
    for seconds, created in ((20, 0), (400, 1)):
        bench.pass_time(seconds)
        assert run_once()["created"] == created
    (dev,) = bench.devs()
    bench.dev.move(dev["key"], "Closed")
    assert run_once()["created"] == 0
    comments = [f"followed as {dev['key']}", f"finished {dev['key']}"]
    assert (bench.status(key), bench.comments(key)) == ("Resolved", comments)
    assert [file["filename"] for file in bench.devs()[0]["attachments"]] == ["log.txt"]


@HOURS
def test_a_lease_runs_out_by_mongodb_s_clock_and_not_by_the_worker_s(bench, run_once):
    """Its holder is on another machine, so that nobody here can tell whether it is alive."""
    bench.start()
    bench.pair()
    bench.stop()
    elsewhere = {**bench.database["lease"].find_one()["process"], "host": "elsewhere", "home": "elsewhere"}
    for seconds, code, event in ((15, 1, "standing by"), (-0.1, 0, "cycle completed")):
        expires = {"$add": ["$$NOW", seconds * 1000]}
        held = {"owner": "somebody", "process": {"$literal": elsewhere}, "expires": expires}
        bench.database["lease"].update_one({}, [{"$set": held}])
        assert run_once(code)["event"] == event


@pytest.mark.defect(2)
@pytest.mark.parametrize("hours", [-5, 5])
def test_a_worker_whose_clock_is_hours_off_from_that_of_the_sites_misses_and_repeats_nothing(bench, hours):
    bench.pass_time(hours * 3600)
    for _ in range(2):
        bench.pair()
    assert bench.cycle().actions["created"] == 0


@pytest.mark.defect(2)
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_the_time_zone_of_our_account_does_not_matter(bench, zone):
    for site in ("one", "two"):
        bench.control.time_zone(site, "sync", zone)
    for _ in range(2):
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        assert bench.status(key) == "Resolved"
