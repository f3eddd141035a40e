"""The command `python -m jira_simulator`."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

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
