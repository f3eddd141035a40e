"""The process of the monitor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[3]


@pytest.mark.parametrize(
    # what is wrong                  the error
    ("environ", "error"),
    [
        ({}, "set PORT"),  # the group's own monitor listens there
        ({"STUCK_AFTER": "soon"}, "STUCK_AFTER is 'soon'; it must be a number of seconds, 30 or more"),
    ],
)
def test_an_error_that_keeps_the_monitor_from_starting_is_one_line(group, tmp_path, environ, error):
    command = [sys.executable, "-m", "health_monitor"]
    environ = {**group.environ, "RUN_DIR": str(tmp_path), **environ}
    done = subprocess.run(command, env=environ, cwd=REPO, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert error in done.stderr
