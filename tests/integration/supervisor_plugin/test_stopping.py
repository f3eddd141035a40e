"""All of one priority stop together, then those of the next lower one: at a shutdown, a reload, and `stop all`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

WORKERS = [f"worker-{number}" for number in range(6)]
# Each ends only when all the others have been told to stop as well: one after the other, they would be killed.
WORKER = """
import signal
from benchmarks.rig.waiting import wait_until
def stop(*_):
    (folder / f"{name}.told").touch()
    wait_until(lambda: len(list(folder.glob("worker-*.told"))) >= COUNT, "the others to be told")
    (folder / f"{name}.ended").touch()
    raise SystemExit(0)
signal.signal(signal.SIGTERM, stop)
(folder / f"{name}.ready").touch()
while True: signal.pause()
""".replace("COUNT", str(len(WORKERS)))
# What is below notes who was still there when it was told to stop.
BELOW = """
import json, signal
def stop(*_):
    there = sorted(each.stem for each in folder.glob("*.ready") if not each.with_suffix(".ended").exists())
    (folder / f"{name}.saw.json").write_text(json.dumps([each for each in there if each != name]))
    (folder / f"{name}.ended").touch()
    raise SystemExit(0)
signal.signal(signal.SIGTERM, stop)
(folder / f"{name}.ready").touch()
while True: signal.pause()
"""


def _shut_down(supervisord) -> None:
    assert supervisord.end() == 0


def _stop_all(supervisord) -> None:
    results = supervisord.rpc("stopAllProcesses")
    assert sorted(each["name"] for each in results) == sorted([*WORKERS, "monitor", "mongodb"])
    assert {each["description"] for each in results} == {"OK"}


def _restart_all(supervisord) -> None:
    """As a person types it."""
    conf = supervisord.folder / "supervisord.conf"
    with conf.open("a") as file:
        file.write(f"[supervisorctl]\nserverurl=unix://{supervisord.folder}/s.sock\n")
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(conf), "restart", "all"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert len(re.findall(": stopped", said)) == len(re.findall(": started", said)) == len(WORKERS) + 2


def _reload(supervisord) -> None:
    os.kill(supervisord.pid, signal.SIGHUP)
    supervisord.wait_until(lambda: supervisord.log.count("workers are forked") == 2, "supervisord to start over")


@pytest.mark.parametrize("stop", [_shut_down, _stop_all, _restart_all, _reload])
def test_workers_stop_together_then_the_monitor_then_the_database(supervisord, stop):
    supervisord.worker("mongodb", BELOW, more="priority=10")
    supervisord.worker("monitor", BELOW, more="priority=50")
    for name in WORKERS:
        supervisord.worker(name, WORKER, more="priority=100\nstopwaitsecs=20")
    supervisord.start()
    everybody = len(WORKERS) + 2
    supervisord.wait_until(lambda: len(list(supervisord.folder.glob("*.ready"))) == everybody, "all to be ready")
    stop(supervisord)
    seen = [json.loads((supervisord.folder / f"{name}.saw.json").read_text()) for name in ("monitor", "mongodb")]
    assert seen == [["mongodb"], []]
    assert "SIGKILL" not in supervisord.log


def test_a_program_that_ignores_the_signal_is_killed_before_the_next_priority_is_stopped(supervisord):
    supervisord.worker("mongodb", BELOW, more="priority=10")
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n(folder / f'{name}.ready').touch()\n"
    supervisord.worker("deaf", deaf + "while True: signal.pause()", more="stopwaitsecs=1")
    supervisord.start()
    supervisord.wait_until(lambda: len(list(supervisord.folder.glob("*.ready"))) == 2, "both to be ready")
    assert supervisord.end() == 0
    events = ["killing 'deaf' (", "stopped: deaf (terminated by SIGKILL)", "stopped: mongodb (exit status 0)"]
    positions = [supervisord.log.index(event) for event in events]
    assert positions == sorted(positions)


def test_a_program_that_waits_for_its_next_start_does_not_delay_the_stop_of_others(supervisord):
    supervisord.worker("mongodb", BELOW, more="priority=10")
    supervisord.worker("fails", "raise SystemExit(1)", more="startsecs=100\nstartretries=1000\nautorestart=true")
    supervisord.start()
    supervisord.wait_until(lambda: supervisord.info("fails")["statename"] == "BACKOFF", "it to have failed")
    supervisord.wait_until((supervisord.folder / "mongodb.ready").exists, "the other to be ready")
    assert supervisord.end() == 0
    assert "stopped: mongodb (exit status 0)" in supervisord.log


def test_after_an_error_of_the_plugin_supervisord_itself_stops_the_programs(supervisord):
    supervisord.warm_up(
        "from supervisor_plugin.stopping import PriorityInterface, PriorityShutdown\n"
        "def fail(*_): raise RuntimeError('a fault of ours')\n"
        "PriorityShutdown._highest = PriorityInterface._stop_by_priority = fail"
    )
    supervisord.worker("mongodb", BELOW, more="priority=10")
    supervisord.start()
    ready = supervisord.folder / "mongodb.ready"
    supervisord.wait_until(ready.exists, "it to be ready")
    assert [each["name"] for each in supervisord.rpc("stopAllProcesses")] == ["mongodb"]
    ready.unlink()
    supervisord.rpc("startProcess", "mongodb")
    supervisord.wait_until(ready.exists, "it to be ready")
    assert supervisord.end() == 0
    assert supervisord.log.count("stopped: mongodb (exit status 0)") == 2
    own_ways = ("stopping by priority", "ordered_stop_groups_phase_1", "ordered_stop_groups_phase_2")
    assert [way for way in own_ways if way not in supervisord.log] == []
