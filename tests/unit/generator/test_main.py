"""`python -m generator`, which starts the group in the image, is the command line of `jira-sync`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[3]


@pytest.fixture
def run(tmp_path, plain_environment):
    """Run a module in an environment of its own."""
    (tmp_path / "configs").mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "CONFIG_DIR": str(tmp_path / "configs"),
        "RUN_DIR": str(tmp_path / "run"),
        "DATABASE_URL": "mongodb://127.0.0.1:1",
    }

    def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, env=environ, cwd=REPO, capture_output=True, text=True, check=False, timeout=60)

    return run


@pytest.mark.parametrize("arguments", [["start", "--help"], ["check", "--json"], ["chek"], ["apply"]], ids=" ".join)
def test_it_answers_as_jira_sync_does(run, arguments):
    ours, theirs = run("generator", *arguments), run("jira_sync", *arguments)
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


def test_render_takes_the_option_that_has_programs_log_to_standard_output(run):
    to_files, to_stdout = run("generator", "render", "--stdout"), run("generator", "render", "--stdout", "--to-stdout")
    assert "stdout_logfile=/dev/fd/1" not in to_files.stdout
    assert "stdout_logfile=/dev/fd/1" in to_stdout.stdout


def test_a_command_that_is_not_understood_is_another_exit_code_than_a_problem(run):
    assert (run("generator", "start", "--fore").returncode, run("generator", "apply").returncode) == (2, 1)
