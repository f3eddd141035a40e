"""A forked worker finds what an executed one would find. Each test is about a thing that `fork` leaves as it was."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LOOK = """
import json, os, signal, sys, time, threading, random, uuid, gc, logging
from supervisor.medusa import asyncore_25
from bson import ObjectId
taken = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2)
signals = {each.name: signal.getsignal(each) == signal.SIG_DFL for each in taken}
logging.getLogger().handle(logging.makeLogRecord({"msg": "a line of logging's", "levelno": logging.WARNING}))
found = {
    "signals": signals,
    "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "wakeup": signal.set_wakeup_fd(-1),
    "descriptors": sorted(int(each) for each in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{each}")),
    "streams": [[each.fileno(), each.line_buffering, each.buffer.raw.closefd, each.encoding]
                for each in (sys.stdin, sys.stdout, sys.stderr)],
    "same streams": (sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__),
    "environ": {name: os.environ.get(name) for name in ("COLOUR", "TZ", "SUPERVISOR_PROCESS_NAME", "SECRET_OF_GROUP")},
    "of its own": sorted(name for name in os.environ if name.startswith("SUPERVISOR_")),
    "from C": os.popen("echo $COLOUR").read().strip(),
    "zone": time.strftime("%Z", time.localtime(0)),
    "argv": sys.argv,
    "title": open("/proc/self/cmdline", "rb").read().rstrip(b"\\0").decode(),
    "mark": f"JIRA_SYNC_GROUP={os.environ['JIRA_SYNC_GROUP']}" in open("/proc/self/environ").read().split("\\0"),
    "umask": os.umask(0o077),
    "leads": os.getpgrp() == os.getpid(),
    "main": threading.current_thread() is threading.main_thread(),
    "watched": len(asyncore_25.socket_map),
    "frozen": gc.get_freeze_count() > 0,
    "chance": [random.random(), uuid.uuid4().hex, str(ObjectId())[8:18]],
    "parent": os.getppid(),
}
(folder / f"{name}.json").write_text(json.dumps(found))
print("to standard output")
print("to standard error", file=sys.stderr)
"""
ENDS = {
    "none": ("result = None", 0),
    "number": ("result = 7", 7),
    "large": ("result = 256 + 9", 9),
    "sentence": ("result = 'a sentence'", 1),
    "exit": ("raise SystemExit(3)", 3),
    "exit-sentence": ("raise SystemExit('last words')", 1),
    "error": ("{}['missing']", 1),
}
LAST = """
import atexit, threading, time
def work():
    while threading.main_thread().is_alive() and not (folder / "go on").exists(): pass
    (folder / "thread").write_text("done")
threading.Thread(target=work).start()
def at_exit(): (folder / "last").write_text((folder / "thread").read_text())
atexit.register(at_exit)
print("no end of line", end="")
(folder / "go on").touch()
"""


@pytest.fixture(scope="module")
def group(new_supervisord):
    """Programs that look at themselves, and programs that end in every way."""
    group = new_supervisord()
    group.warm_up("import bson, logging, sys; print('half a line', end=' ')")
    for name in ("sync-one", "sync-two"):
        group.worker(name, LOOK, more="environment=COLOUR=blue,TZ=Asia/Kolkata")
    for name, (script, _) in ENDS.items():
        group.worker(name, script)
    group.worker("last", LAST)
    group.worker("waits", "import signal\nsignal.pause()")
    group.start()
    return group


@pytest.fixture(scope="module")
def found(group):
    return group.noted("sync-one")


def test_a_forked_worker_is_a_child_and_a_copy_of_supervisord(group, found):
    assert found["parent"] == group.pid
    assert Path(f"/proc/{group.info('waits')['pid']}/exe").readlink() == Path(f"/proc/{group.pid}/exe").readlink()


def test_a_forked_worker_handles_signals_as_a_new_process_and_blocks_none(found):
    assert set(found["signals"].values()) == {True}
    assert (found["interrupt"], found["blocked"], found["wakeup"]) == (True, [], -1)


def test_a_forked_worker_without_a_handler_ends_by_the_signal_that_stops_it(group):
    group.wait_until(lambda: group.info("waits")["statename"] == "RUNNING", "it to run")
    group.rpc("stopProcess", "waits")
    assert "stopped: waits (terminated by SIGTERM)" in group.log


def test_a_forked_worker_has_three_descriptors_and_new_streams_for_them(found):
    assert found["descriptors"] == [0, 1, 2]
    assert [each[:3] for each in found["streams"]] == [[0, True, False], [1, True, False], [2, True, False]]
    assert found["same streams"] == [True, True]


def test_the_log_of_a_forked_worker_holds_what_it_prints_and_nothing_of_supervisords(group):
    group.ended("sync-one")
    assert group.said("sync-one").splitlines() == ["a line of logging's", "to standard output", "to standard error"]


def test_a_forked_worker_has_its_own_environment_in_python_and_in_c(found):
    given = {"COLOUR": "blue", "TZ": "Asia/Kolkata", "SUPERVISOR_PROCESS_NAME": "sync-one", "SECRET_OF_GROUP": "x"}
    assert (found["environ"], found["from C"], found["zone"]) == (given, "blue", "IST")
    assert {"SUPERVISOR_ENABLED", "SUPERVISOR_GROUP_NAME", "SUPERVISOR_SERVER_URL"} <= set(found["of its own"])


def test_a_forked_worker_has_its_own_arguments_and_title_and_the_mark_of_its_group(group, found):
    module = str(group.folder / "sync_worker/__main__.py")
    config = str(group.folder / "sync-one.py")
    assert found["argv"] == [module, "--config", config, "--run-dir", str(group.folder)]
    assert (found["title"], found["mark"]) == ("jira-sync: sync-one", True)


def test_a_forked_worker_is_the_main_thread_of_its_own_process_group(found):
    assert (found["main"], found["leads"], found["umask"]) == (True, True, 0o077)


def test_a_forked_worker_watches_and_collects_no_object_of_supervisords(found):
    assert (found["watched"], found["frozen"]) == (0, True)


def test_two_forked_workers_draw_different_random_numbers(group, found):
    other = group.noted("sync-two")["chance"]
    assert [mine == theirs for mine, theirs in zip(found["chance"], other, strict=True)] == [False, False, False]


@pytest.mark.parametrize("name", ENDS)
def test_a_forked_worker_has_the_exit_code_that_the_interpreter_gives(group, name):
    assert group.ended(name)["exitstatus"] == ENDS[name][1]


def test_last_words_and_tracebacks_of_a_forked_worker_show_no_line_of_supervisords(group):
    for name in ("sentence", "exit-sentence", "error"):
        group.ended(name)
    assert (group.said("sentence"), group.said("exit-sentence")) == ("a sentence\n", "last words\n")
    assert group.said("error").endswith("KeyError: 'missing'\n")
    assert "supervisor" not in group.said("error").replace("supervisor_plugin", "")


def test_a_forked_worker_waits_for_threads_then_runs_exit_functions_then_writes_what_was_printed(group):
    assert group.ended("last")["exitstatus"] == 0
    assert (group.folder / "last").read_text() == "done"
    assert group.said("last") == "no end of line"


def test_what_supervisord_printed_before_the_fork_is_written_once(group, found):
    # The warm-up runs twice. More is what a forked worker has written again.
    assert (group.folder / "supervisord.out").read_text().count("half a line") == 2


def test_no_forked_worker_ever_returns_to_supervisords_code(group):
    for name in (*ENDS, "last"):
        group.ended(name)
    assert "child process was not spawned" not in group.log + "".join(map(group.said, ENDS))
    assert len(re.findall(r"supervisord started with pid", group.log)) == 1
    assert Path(f"/proc/{group.pid}").exists()
