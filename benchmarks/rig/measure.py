"""What Linux tells about a process and a machine, and how figures are printed."""

from __future__ import annotations

import os
import platform
import select
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SECONDS_BETWEEN_LOOKS = 0.05
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Life:
    """One process from its start to its end. `peak_rss` in bytes: the kernel's own high-water mark (VmHWM)."""

    seconds: float
    cpu_seconds: float
    peak_rss: int


def watch(process: subprocess.Popen[bytes], began: float) -> Life:
    """Wait for the end of `process`, which was started at `began` by `time.perf_counter`."""
    end = os.pidfd_open(process.pid)
    peak = 0
    try:
        while not select.select([end], [], [], SECONDS_BETWEEN_LOOKS)[0]:
            peak = max(peak, peak_rss(process.pid))
        life = Life(time.perf_counter() - began, cpu_seconds(process.pid), peak)
    finally:
        os.close(end)
        process.wait()
    return life


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, also when it has ended and nobody has waited for it yet."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_rss(pid: int) -> int:
    """Return the most memory that a process ever had resident, in bytes; 0 when it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def memory(pid: int | str = "self") -> dict[str, int]:
    """Return what the kernel adds up of a process's memory, in bytes, by the kernel's names for it, such as `Pss`."""
    lines = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines}


def private(pid: int | str = "self") -> int:
    """Return how much memory a process shares with nobody, in bytes: what would be free if it ended."""
    found = memory(pid)
    return found["Private_Clean"] + found["Private_Dirty"]


def machine() -> str:
    """Return what figures depend on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.machine()}"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table of figures."""
    lines = [titles, ["---:"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def publish(title: str, text: str, report: Path | None) -> None:
    """Print `text`, and make it a page of its own in `report`."""
    print(text)
    if report:
        report.write_text(f"# {title}\n\n{text}\n", encoding="utf-8")
