"""Which process holds a lease: one that is dead for certain need not be waited for."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

DEAD_STATES = frozenset("ZX")


@dataclass(frozen=True)
class ProcessIdentity:
    """One process on one machine. `home` tells one boot and process namespace from all others.

    `started` is the kernel's own measure. It tells the process from a later one with the same pid.
    """

    host: str
    home: str
    pid: int
    started: str
    run_dir: str

    def is_certainly_dead(self) -> bool:
        """Tell whether it was a process of this very machine, and is no more."""
        return self.home == _boot_and_namespace() and _start_of(self.pid) != self.started


def this_process(run_dir: Path) -> ProcessIdentity:
    pid = os.getpid()
    return ProcessIdentity(socket.gethostname(), _boot_and_namespace(), pid, _start_of(pid), str(run_dir.resolve()))


def _boot_and_namespace() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return f"unknown {uuid.uuid4().hex}"
    return f"{boot} {namespace}"


def _start_of(pid: int) -> str:
    """Return when process `pid` of this machine started, in the kernel's own measure; empty when it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in DEAD_STATES else fields[19]
