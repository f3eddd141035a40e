"""Programs under test, run by another user than the one who runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path

REPO = Path(__file__).parents[2]
PATHS = f"{REPO}:{sysconfig.get_path('purelib')}"
"""PYTHONPATH of what others run."""
NOBODY_KNOWN = 4712
"""A user without a name."""


def interpreter_for_others() -> str | None:
    """Return a Python that other users may run, as root finds it: this one may be in the home of root."""
    if os.geteuid() != 0:
        return None
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        command, env = [python, "-c", "import jira_sync.__main__"], {"PYTHONPATH": PATHS}
        with suppress(OSError):
            done = subprocess.run(command, user=NOBODY_KNOWN, env=env, cwd="/", capture_output=True, check=False)
            if done.returncode == 0:
                return python
    return None
