"""supervisorctl on logs: what needs a file is refused where there is none, and works where there is one."""

from __future__ import annotations

import subprocess
import sys

import pytest

WORKER = """
import signal, time
signal.signal(signal.SIGUSR1, lambda *_: print("a line", flush=True))
print("a line", flush=True)
while True: signal.pause()
"""
TO_STDOUT = "stdout_logfile=/dev/fd/1\nstdout_logfile_maxbytes=0"


@pytest.fixture(scope="module")
def both(new_supervisord):
    """A supervisord with a worker that logs to supervisord's standard output, and one that logs to a file."""
    supervisord = new_supervisord()
    supervisord.worker("to-stdout", WORKER, more=TO_STDOUT)
    supervisord.worker("to-file", WORKER)
    supervisord.start()
    supervisord.wait_until(lambda: said(supervisord) == 1, "its line")
    return supervisord


def said(supervisord) -> int:
    return (supervisord.folder / "supervisord.out").read_text().count("a line\n")


def supervisorctl(supervisord, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-s", f"unix://{supervisord.folder}/s.sock"]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout + done.stderr


def test_clear_is_refused_and_takes_no_log_away(both):
    code, out = supervisorctl(both, "clear", "to-stdout")
    assert (code != 0, "to-stdout: ERROR (failed)" in out) == (True, True)
    assert supervisorctl(both, "clear", "all")[1] == "to-file: cleared\nto-stdout: ERROR (failed)\n"
    assert "clear was refused: this group logs to standard output" in both.log
    before = said(both)
    both.rpc("signalProcess", "to-stdout", "USR1")
    both.wait_until(lambda: said(both) == before + 1, "the next line")


def test_tail_says_that_there_is_no_log_file_and_ends(both):
    assert supervisorctl(both, "tail", "to-stdout") == (1, "to-stdout: ERROR (no log file)\n")


def test_logs_in_files_are_read_and_cleared_as_always(both):
    both.rpc("signalProcess", "to-file", "USR1")
    both.wait_until(lambda: "a line" in supervisorctl(both, "tail", "to-file")[1], "its line")
    assert supervisorctl(both, "clear", "to-file") == (0, "to-file: cleared\n")
    assert supervisorctl(both, "maintail")[0] == 0


def test_a_group_that_logs_to_standard_output_has_no_log_to_follow(new_supervisord):
    supervisord = new_supervisord()
    supervisord.worker("to-stdout", WORKER, more=TO_STDOUT)
    conf = supervisord.folder / "supervisord.conf"
    text = conf.read_text().replace(f"logfile={supervisord.folder}/supervisord.log", "logfile=/dev/null")
    conf.write_text(text.replace("minfds", "logfile_maxbytes=0\nminfds", 1))
    supervisord.start()
    for arguments in (("tail", "-f", "to-stdout"), ("maintail", "-f")):
        assert "Cannot read, status code 404" in supervisorctl(supervisord, *arguments)[1], arguments
    assert supervisorctl(supervisord, "maintail") == (1, "supervisord: ERROR (no log file)\n")
    supervisord.wait_until(lambda: supervisord.info("to-stdout")["statename"] == "RUNNING", "it to run")
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-s", f"unix://{supervisord.folder}/s.sock"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, "fg", "to-stdout"], **pipes, text=True) as foreground:
        assert "Cannot read, status code 404" in foreground.stderr.readline()
        foreground.kill()
