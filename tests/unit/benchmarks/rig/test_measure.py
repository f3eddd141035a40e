"""What is measured of real processes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchmarks.rig.measure import count_zombies


def test_a_process_that_has_ended_without_being_waited_for_is_a_zombie(wait_until):
    ended = subprocess.Popen(["true"])
    wait_until(lambda: Path(f"/proc/{ended.pid}/stat").read_text().rpartition(") ")[2].startswith("Z"))
    with_it = count_zombies([os.getpid()])
    ended.wait()
    assert count_zombies([os.getpid()]) == with_it - 1
