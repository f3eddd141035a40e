"""Which processes belong to a group, and who holds a port. Linux: read from /proc."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

GROUP_VARIABLE = "JIRA_SYNC_GROUP"
"""In the environment of supervisord and so of all that it starts; its value is the run directory."""
LISTENING = "0A"


def members(run_dir: Path) -> list[int]:
    """Return the pids of all living processes of the group, supervisord's orphans included."""
    mark = f"{GROUP_VARIABLE}={run_dir}".encode()
    return [pid for pid in _pids() if pid != os.getpid() and mark in _environment(pid) and not _is_dead(pid)]


def environment_of_group(run_dir: Path) -> dict[str, str] | None:
    """Return what supervisord was started with, and so what every worker sees; None when it does not run."""
    for pid in members(run_dir):
        if is_supervisord(pid):
            pairs = (os.fsdecode(pair).partition("=") for pair in _environment(pid) if pair)
            return {name: value for name, _, value in pairs}
    return None


def is_supervisord(pid: int) -> bool:
    return " supervisor.supervisord " in command(pid)


def is_mongod(pid: int) -> bool:
    return Path(command(pid).partition(" ")[0]).name == "mongod"


def command(pid: int) -> str:
    """Return the command line of a process, or an empty string when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def port_is_free(port: int, address: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return ` by process 7 (name)` for whoever listens on `port`, or nothing when we may not know."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [line.split() for line in Path(table).read_text(encoding="ascii").splitlines()[1:]]
        except OSError:
            continue
        inodes |= {f"socket:[{row[9]}]" for row in rows if row[3] == LISTENING and int(row[1][-4:], 16) == port}
    for pid in _pids():
        if inodes & set(_open_files(pid)):
            return f" by process {pid} ({command(pid).split(' ')[0].rpartition('/')[2]})"
    return ""


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _is_dead(pid: int) -> bool:
    """A zombie is nobody's business any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2][0] == "Z"
    except OSError:
        return True


def _open_files(pid: int) -> Iterator[str]:
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            yield str(Path(entry.path).readlink())
    except OSError:
        return
