"""The command `python -m jira_simulator`."""

from __future__ import annotations

import pickle
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jira_simulator.client import SimulatorControl
from jira_simulator.hosting.kept_sites import KeptSites

REPO = Path(__file__).parents[3]


def test_the_command_prints_its_address_and_ends_with_sigterm(free_port, wait_until):
    port = free_port()
    command = [sys.executable, "-m", "jira_simulator", "--demo", "--port", str(port)]
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == f"jira-simulator: http://127.0.0.1:{port} serves acme, globex, initech\n"
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_port_that_is_taken_is_one_line_and_exit_code_1():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "jira_simulator", "--demo", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def run(port: int, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "jira_simulator", "--demo", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("jira-simulator: ")
    return process


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    process.send_signal(number)
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_kept_sites_have_all_that_anybody_was_told_of_after_the_simulator_was_ended(free_port, tmp_path, number):
    port, keep = free_port(), ("--keep", str(tmp_path / "sites"))
    process = run(port, *keep)
    with closing(SimulatorControl(f"http://127.0.0.1:{port}")) as control:
        with control.person("acme", "sync@acme.example", "demo-token-acme") as person:
            key = person.create("SUP", "It is broken")
            person.move(key, "Will Do")
            person.comment(key, "A comment")
            before = control.issue("acme", key)
        end(process, number)
        process = run(port, *keep)
        try:
            assert control.issue("acme", key) == before
            with control.person("acme", "sync@acme.example", "demo-token-acme") as person:
                assert person.create("SUP", "The next one") == f"SUP-{int(key.partition('-')[2]) + 1}"
        finally:
            end(process, signal.SIGTERM)


@pytest.mark.parametrize("content", [b"", b"nonsense", pickle.dumps({"acme": "no site"})])
def test_kept_sites_that_cannot_be_read_begin_anew(free_port, tmp_path, content):
    (tmp_path / "sites").write_bytes(content)
    end(run(free_port(), "--keep", str(tmp_path / "sites")), signal.SIGTERM)
    assert KeptSites(tmp_path / "sites").load().keys() == {"acme", "globex", "initech"}
