"""What Linux tells about a process."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class ProcessUsage:
    """What one process took from its start to its end. `peak_rss` in bytes: the kernel's high-water mark (VmHWM)."""

    seconds: float
    cpu_seconds: float
    peak_rss: int


def wait_and_measure(process: subprocess.Popen[bytes], began: float) -> ProcessUsage:
    """Wait for the end of `process`, which was started at `began` by `time.perf_counter`."""
    end = os.pidfd_open(process.pid)
    peak = 0
    try:
        while not select.select([end], [], [], SECONDS_BETWEEN_LOOKS)[0]:
            peak = max(peak, peak_rss(process.pid))
        usage = ProcessUsage(time.perf_counter() - began, cpu_seconds(process.pid), peak)
    finally:
        os.close(end)
    process.wait()
    return usage


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, also when it has ended and nobody has waited for it yet."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_rss(pid: int) -> int:
    """Return the most memory that a process ever had resident, in bytes; 0 when it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def memory(pid: int | str = "self") -> dict[str, int]:
    """Return the kernel's sums of a process's memory, in bytes, by the kernel's names for them, such as `Pss`."""
    lines = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines}


def private(pid: int | str = "self") -> int:
    """Return how much memory a process shares with nobody, in bytes: what would be free if it ended."""
    sizes = memory(pid)
    return sizes["Private_Clean"] + sizes["Private_Dirty"]


def count_zombies(parents: Iterable[int]) -> int:
    """Return how many children of these processes have ended without being waited for."""
    pids, count = set(parents), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        count += state == "Z" and int(parent) in pids
    return count
