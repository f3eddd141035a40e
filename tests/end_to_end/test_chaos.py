"""Everything breaks, at random and at every single point, and nothing is lost, doubled or wrong in the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]
LONGEST_RUN = 900.0


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=LONGEST_RUN, check=False)


def test_a_short_chaos_leaves_nothing_lost_doubled_or_wrong():
    """People edit both sides while workers are killed, MongoDB fails over, Jira answers badly and clocks jump."""
    done = run("chaos", "--seed", "7", "--edits", "160", "--kills", "14", "--members", "3")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_a_worker_may_die_at_any_point():
    """After what it has written to Jira or to MongoDB; the next worker finishes what was left, once.

    These are the points at equal distances, over the stories of all facets. All of them take hours:
    `python -m benchmarks.crash_points`, which `--facet` narrows down.
    """
    done = run("crash_points", "--flavors", "cloud-dc", "--after-writes", "--at-most", "20")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
