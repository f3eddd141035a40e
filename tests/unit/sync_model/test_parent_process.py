"""A process that ends with its parent, on the real kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHILD = """
import os, signal, sys
from sync_model.parent_process import end_with_parent
if os.fork():
    signal.pause()
end_with_parent()
print(os.getpid(), flush=True)
signal.pause()
"""


def test_a_process_ends_when_its_parent_is_killed_although_it_says_nothing(wait_until):
    with subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        wait_until(lambda: not is_alive(child), "the child to end")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
