"""The lock between two commands on one group."""

from __future__ import annotations

import fcntl
import subprocess
import sys


def test_commands_at_the_same_time_wait_for_each_other(group):
    group.write("sync-a.json")
    group.start()
    with (group.run_dir / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [sys.executable, "-m", "generator", "apply"],
            env=group.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert second.stderr is not None
        assert "waiting for it" in second.stderr.readline()
        assert second.poll() is None
    out, _ = second.communicate(timeout=30)
    assert (second.returncode, out) == (0, "= 1 unchanged\n")
