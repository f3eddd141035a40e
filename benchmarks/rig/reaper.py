"""Kills what a benchmark has started and not ended: `python -m benchmarks.rig.reaper MARK`.

It waits for the end of its standard input. That is a pipe whose other end the benchmark alone holds, so that the kernel
closes it when the benchmark ends, also by SIGKILL. Then it kills every process with MARK in its environment.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

VARIABLE = "JIRA_SYNC_BENCHMARK"
"""A benchmark sets it to a mark of its own; what it starts inherits it."""
SECONDS_TO_END = 60.0
SECONDS_BETWEEN_LOOKS = 0.05


def main() -> None:
    mark = f"{VARIABLE}={sys.argv[1]}".encode()
    sys.stdin.buffer.read()
    deadline = time.monotonic() + SECONDS_TO_END
    # More than one pass: supervisord may start a program again before it is killed itself.
    while (pids := list(_marked(mark))) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _marked(mark: bytes) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        # A process may end between the two steps, and that of another user may not be read.
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


if __name__ == "__main__":
    main()
