"""An `apply` that ends or is suspended halfway. What it was about to do is on disk, and whoever comes next does it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from generator.running.settings.group import from_environ
from generator.running.state.intention import FILE, finish
from generator.running.state.manifest import read_manifest
from warm_processes import PROMPT

EDITED, STOPPED, UNTOUCHED, NEW = "sync-a", "sync-b", "sync-c", "sync-d"
DYING = """
import os, signal
from pathlib import Path
from generator.running.supervision.supervisor_rpc import Supervisor
steps = iter(range({steps}))
def dying(function):
    def call(*arguments, **named):
        if next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **named)
        if function is unlink and arguments[0].name == "apply.json":
            os._exit(0)
        return result
    return call
unlink = Path.unlink
Supervisor._call, Path.replace, Path.unlink = map(dying, (Supervisor._call, Path.replace, unlink))
"""
"""`apply` dies before a step: a request to supervisord, or a change on disk. It ends once the intention is gone."""
HALF_WAY = """
import os, signal
if signal.{signal} not in (signal.SIGKILL, signal.SIGSTOP):
    signal.signal(signal.{signal}, signal.SIG_DFL)  # a shell has what it runs in the background ignore some
from generator.running.supervision.supervisor_rpc import Supervisor
stock = Supervisor._multicall
def multicall(self, method, arguments):
    result = stock(self, method, arguments)
    if method.endswith("stopProcess"):
        os.kill(os.getpid(), signal.{signal})
    return result
Supervisor._multicall = multicall
"""


def edit(group, minutes: int) -> None:
    for name in (EDITED, STOPPED):
        group.write(f"{name}.json", syncIntervalMinutes=minutes)


def wanted(group) -> dict[str, str]:
    applied = read_manifest(from_environ(group.environ, log_to_files=True))
    return {name: sync.digest for name, sync in applied.items()}


def runs_what_was_applied(group, name: str) -> bool:
    state = group.states().get(name)
    path = group.run_dir / f"heartbeats/{name}.json"
    beat = json.loads(path.read_text()) if path.exists() else {"pid": 0, "digest": ""}
    said = (beat["pid"], beat["digest"])
    return state is not None and state.pid != 0 and said == (state.pid, wanted(group)[name])


@pytest.fixture
def started(group):
    for name in (EDITED, STOPPED, UNTOUCHED):
        group.write(f"{name}.json")
    group.start()
    group.supervisor.stop(STOPPED)
    group.wait_until(lambda: group.states()[STOPPED].state == "STOPPED", "it to be stopped by a person")
    return group


@pytest.mark.parametrize("spawn", ["fork", "exec"])
def test_wherever_an_apply_is_killed_the_next_one_to_come_finishes_it(started, spawn):
    if spawn == "exec":
        started.run("stop")
        assert started.run("start", SPAWN="exec").code == 0
        started.supervisor.stop(STOPPED)
        started.wait_until(lambda: started.states()[STOPPED].state == "STOPPED", "it to be stopped by a person")
    settings, untouched = from_environ(started.environ, log_to_files=True), started.pids()[UNTOUCHED]
    steps, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        edit(started, 10 + steps)
        if steps % 2:
            started.write(f"{NEW}.json")
        else:
            (started.configs / f"{NEW}.json").unlink(missing_ok=True)
        code = started.run_as(f"{DYING.format(steps=steps)}{PROMPT}", "apply").code
        finish(settings, started.supervisor, 30.0)
        where = f"after a death before step {steps}"
        conf = (started.run_dir / "supervisord.conf").read_text()
        # A new sync that did not get into the conf yet is said to be missing. Nobody has stopped it.
        for name in {name for name in wanted(started) if f"[program:{name}]" in conf} - {STOPPED}:
            started.wait_until(lambda name=name: runs_what_was_applied(started, name), f"{name} to follow {where}")
        states = started.states()
        assert (states[STOPPED].state, states[UNTOUCHED].pid) == ("STOPPED", untouched), where
        assert not (started.run_dir / FILE).exists(), where
        steps += 1 if spawn == "fork" else 4
    assert code == 0
    assert steps > 10, "so many steps has an apply"


def test_the_monitor_finishes_an_apply_that_was_killed(started):
    edit(started, 7)
    assert started.run_as(f"{HALF_WAY.format(signal='SIGKILL')}{PROMPT}", "apply").code == -signal.SIGKILL
    assert (started.run_dir / FILE).exists()
    ran = started.run("status")
    assert "an apply ended before it was done: jira-sync apply finishes it" in ran.out + ran.err
    started.wait_until(lambda: not (started.run_dir / FILE).exists(), "the monitor to finish it")
    started.wait_until(lambda: runs_what_was_applied(started, EDITED), "the edited sync to follow")
    assert started.states()[STOPPED].state == "STOPPED"
    assert "an apply had ended before it was done; it is done now" in started.log("health-monitor")


def test_the_next_apply_finishes_one_that_was_killed_and_knows_what_a_person_had_stopped(started):
    started.supervisor.stop("health-monitor")
    edit(started, 7)
    started.run_as(f"{HALF_WAY.format(signal='SIGKILL')}{PROMPT}", "apply")
    started.wait_until(lambda: started.states()[EDITED].state == "STOPPED", "the edited sync to be stopped")
    group_of_before = json.loads((started.run_dir / FILE).read_text())
    assert group_of_before == {"replaced": [EDITED, STOPPED], "stopped": ["health-monitor", STOPPED]}
    for name in (EDITED, STOPPED):  # as at first, so that supervisord sees no change
        started.write(f"{name}.json")
    ran = started.run("apply")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "+ sync-a started (an earlier apply had stopped it)")
    assert (started.states()[EDITED].state, started.states()[STOPPED].state) == ("RUNNING", "STOPPED")


def test_what_a_person_stops_after_an_apply_was_killed_stays_stopped(started):
    started.supervisor.stop("health-monitor")  # which would finish it
    edit(started, 7)
    started.run_as(f"{HALF_WAY.format(signal='SIGKILL')}{PROMPT}", "apply")
    assert started.run("stop", EDITED).code == 0
    assert started.run("apply").code == 0
    assert {started.states()[name].state for name in (EDITED, STOPPED)} == {"STOPPED"}
    assert started.supervisor.start(EDITED)
    started.wait_until(lambda: runs_what_was_applied(started, EDITED), "it to run what that apply was about")


@pytest.mark.parametrize("how", ["SIGHUP", "SIGTSTP", "SIGTERM", "SIGINT", "SIGQUIT"])
def test_a_closed_terminal_or_ctrl_z_takes_effect_only_when_nothing_is_half_done(started, how):
    started.supervisor.stop("health-monitor")  # which would finish it
    before = wanted(started)
    edit(started, 7)
    command = [sys.executable, "-c", f"{HALF_WAY.format(signal=how)}{PROMPT}", "apply"]
    # A shell has a process group for each command. In one without a shell, nobody could resume it: Ctrl-Z does nothing.
    applying = subprocess.Popen(
        command, env=started.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, process_group=0
    )
    try:
        started.wait_until(lambda: wanted(started)[EDITED] != before[EDITED], "the edit to be applied")
        started.wait_until(lambda: runs_what_was_applied(started, EDITED), "the edited sync to run again")
        assert started.states()[STOPPED].state == "STOPPED"

        def has_ended() -> bool:
            if how == "SIGTSTP":  # whether it was suspended yet or not
                applying.send_signal(signal.SIGCONT)
            return applying.poll() is not None

        started.wait_until(has_ended, "apply to end")
        assert (applying.returncode == 0) == (how == "SIGTSTP")
    finally:
        applying.kill()
        applying.communicate()


def test_a_suspended_apply_is_told_to_whoever_looks_or_waits_for_it(started):
    edit(started, 7)
    command = [sys.executable, "-c", f"{HALF_WAY.format(signal='SIGSTOP')}{PROMPT}", "apply"]
    applying = subprocess.Popen(command, env=started.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        os.waitid(os.P_PID, applying.pid, os.WSTOPPED | os.WNOWAIT)
        ran = started.run("status")
        said = f"an apply (pid {applying.pid}) is suspended half way: kill -CONT {applying.pid} lets it go on"
        assert said in ran.out + ran.err
        assert "an apply is replacing its process" in ran.out
        command = [sys.executable, "-c", PROMPT, "apply"]
        waiting = subprocess.Popen(command, env=started.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert waiting.stderr is not None
        said = waiting.stderr.readline().decode()
        assert said.startswith(f"another command (pid {applying.pid}) is at work on this group, but suspended")
        applying.send_signal(signal.SIGCONT)
        assert applying.wait(60) == 0
        assert waiting.wait(60) == 0
        waiting.stderr.close()
    finally:
        applying.kill()
        applying.wait()


def test_an_apply_says_what_it_waits_for(group):
    group.waits_as_usual = True
    group.write(f"{EDITED}.json")
    group.start()
    group.write(f"{EDITED}.json", syncIntervalMinutes=7)
    pid = group.pids()[EDITED]
    os.kill(pid, signal.SIGSTOP)  # it does not end when it is asked to
    command = [sys.executable, "-m", "generator", "apply"]
    applying = subprocess.Popen(command, env=group.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert applying.stderr is not None
    assert applying.stderr.readline().decode() == "waiting for the end of sync-a; at most 40 s …\n"
    os.kill(pid, signal.SIGCONT)
    said = applying.stderr.readline().decode()
    assert said == "waiting until supervisord counts as running: sync-a; at most 20 s …\n"
    applying.communicate(timeout=60)
    assert applying.returncode == 0
