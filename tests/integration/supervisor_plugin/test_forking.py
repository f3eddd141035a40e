"""A worker is forked; everything else, and a worker when something is in the way, is executed as always."""

from __future__ import annotations

import os
import signal
import sys
import xmlrpc.client
from pathlib import Path

import pytest

from generator.running.supervision.processes import is_supervisord, members

WAIT = "import signal\nsignal.pause()"
SLOW_TO_LEAD = """
import os
from benchmarks.rig.waiting import wait_until
def wait_and_lead(stock=os.setpgrp):
    wait_until(lambda: os.path.exists("go"), "the word to go")
    stock()
os.setpgrp = wait_and_lead
"""
TITLES_FAIL = """
import setproctitle
stock = setproctitle.setproctitle
def fail(title):
    if "broken" in title:
        raise RuntimeError("no title for you")
    stock(title)
setproctitle.setproctitle = fail
"""


def test_only_the_exact_command_of_a_worker_is_forked(supervisord):
    supervisord.worker("ours", WAIT)
    supervisord.worker("one-more", WAIT, "--once")
    supervisord.add("other", sys.executable, "-c", "'import signal; signal.pause()'")
    supervisord.add("another-python", "/proc/self/exe", "-m", "sync_worker", "--config", "x", "--run-dir", "y")
    supervisord.start()
    supervisord.wait_until(lambda: supervisord.command_line("ours") == "jira-sync: ours", "it to be forked")
    supervisord.wait_until(lambda: "--once" in supervisord.command_line("one-more"), "the other to be executed")
    supervisord.wait_until(lambda: "signal.pause()" in supervisord.command_line("other"), "the third to be executed")
    assert "jira-sync" not in supervisord.command_line("other")
    pids = {supervisord.info(name)["pid"] for name in ("ours", "one-more", "other")}
    assert pids | {supervisord.pid} <= set(members(supervisord.folder)) | {supervisord.pid}
    assert [pid for pid in members(supervisord.folder) if is_supervisord(pid)] == [supervisord.pid]


def test_with_spawn_exec_the_same_conf_leaves_supervisord_unchanged(supervisord):
    supervisord.worker("ours", WAIT)
    supervisord.start(SPAWN="exec")
    supervisord.wait_until(lambda: "-m sync_worker" in supervisord.command_line("ours"), "it to be executed")
    assert "forked" not in supervisord.log


@pytest.mark.parametrize("kind", ["forked", "executed"])
def test_a_stop_right_after_the_start_reaches_the_program(supervisord, kind):
    """Here the program's process is held before it does anything for itself."""
    supervisord.warm_up(SLOW_TO_LEAD)
    if kind == "forked":
        supervisord.worker("ours", WAIT)
    else:
        supervisord.add("ours", sys.executable, "-c", "'import signal; signal.pause()'")
    supervisord.start()
    supervisord.wait_until(lambda: supervisord.info("ours")["pid"], "its process")
    supervisord.rpc("stopProcess", "ours", False)
    (supervisord.folder / "go").touch()
    supervisord.wait_until(lambda: supervisord.info("ours")["statename"] == "STOPPED", "it to be stopped")
    assert "stopped: ours (terminated by SIGTERM)" in supervisord.log


@pytest.mark.parametrize(
    # what runs before the fork                               what the log says is in the way
    ("script", "why"),
    [
        ("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True, name='left').start()", "left"),
        ("import socket\nglobal left\nleft = socket.socket()", "opened and not closed: socket:"),
    ],
    ids=["a thread", "a socket"],
)
def test_a_thread_or_descriptor_that_the_warm_up_leaves_prevents_forking(supervisord, script, why):
    supervisord.warm_up(script)
    supervisord.worker("ours", WAIT)
    supervisord.start()
    supervisord.wait_until(lambda: "-m sync_worker" in supervisord.command_line("ours"), "it to be executed")
    assert why in supervisord.log
    assert supervisord.end() == 0


def test_a_worker_that_cannot_be_imported_does_not_end_supervisord(supervisord):
    (supervisord.folder / "sync_worker/__main__.py").write_text("raise RuntimeError('a broken installation')")
    supervisord.worker("ours", WAIT)
    supervisord.start()
    assert supervisord.ended("ours")["exitstatus"] == 1
    assert "a broken installation" in supervisord.log
    assert supervisord.end() == 0


def test_workers_are_forked_also_after_a_warm_up_that_fails(supervisord):
    supervisord.warm_up("raise RuntimeError('forgot my words')")
    supervisord.worker("ours", WAIT)
    supervisord.start()
    supervisord.wait_until(lambda: supervisord.command_line("ours") == "jira-sync: ours", "it to be forked")
    assert "forgot my words" in supervisord.log


def test_a_child_that_cannot_be_reset_is_executed_and_logs_why(supervisord):
    supervisord.warm_up(TITLES_FAIL)
    supervisord.worker("broken", WAIT)
    supervisord.worker("whole", WAIT)
    supervisord.start()
    supervisord.wait_until(lambda: "-m sync_worker" in supervisord.command_line("broken"), "it to be executed")
    supervisord.wait_until(lambda: supervisord.command_line("whole") == "jira-sync: whole", "it to be forked")
    assert "no title for you" in supervisord.said("broken")


def test_after_a_reload_workers_are_forked_again(supervisord):
    supervisord.warm_up("with open('warm-ups', 'a') as file: file.write('.')")
    supervisord.worker("ours", WAIT)
    supervisord.start()
    before = supervisord.wait_until(lambda: supervisord.info("ours")["pid"], "it to run")
    os.kill(supervisord.pid, signal.SIGHUP)

    def came_back() -> bool:
        try:
            return supervisord.info("ours")["pid"] not in (0, before)
        except (OSError, xmlrpc.client.Fault):  # it is stopping, or not there yet
            return False

    supervisord.wait_until(came_back, "it to come back")
    supervisord.wait_until(lambda: supervisord.command_line("ours") == "jira-sync: ours", "its title")
    assert not Path(f"/proc/{before}").exists()
    # Nothing of the first life is left among the descriptors.
    assert supervisord.log.count("workers are forked") == 2
    assert supervisord.end() == 0
