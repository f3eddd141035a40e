"""Which processes belong to a group, and which one listens on a port. Linux only: it reads /proc."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from generator.running.run_directory import PID_FILE, owner_of
from sync_model.accounts.group_environment import GROUP_VARIABLE
from sync_model.regular_files import read_regular

LISTENING = "0A"
"""The state TCP_LISTEN as /proc/net/tcp shows it."""
LONGEST_PID = 20


def members(run_dir: Path) -> list[int]:
    """Return the pids of all living processes of the group, also of those that outlived their supervisord.

    Anybody can mark a process of his own. Only those of the owner of `run_dir` count.
    """
    return [pid for pid in _pids() if pid != os.getpid() and is_member(pid, run_dir) and not _is_zombie(pid)]


def is_member(pid: int, run_dir: Path) -> bool:
    """Tell whether a process has the mark of the group, and runs as the owner of its folder."""
    mark = f"{GROUP_VARIABLE}={run_dir}".encode()
    return mark in _environment(pid) and _users(pid) == {owner_of(run_dir)}


def left_behind(run_dir: Path) -> str | None:
    """Return a sentence about the processes that a supervisord has left running; None when there are none."""
    pids = sorted(members(run_dir))
    if not pids:
        return None
    them = f"what it had started runs on (pid {', '.join(map(str, pids))})"
    return f"supervisord was killed, and {them}: jira-sync start ends that, then starts the group"


def environment(pid: int) -> dict[str, str]:
    """Return the environment that a process was started with; an empty one when it is gone, or not ours to read."""
    pairs = (os.fsdecode(pair).partition("=") for pair in _environment(pid) if pair)
    return {name: value for name, _, value in pairs}


def supervisord_of(run_dir: Path) -> int | None:
    """Return the pid of the group's supervisord, also of one that does not answer; None when it does not run.

    It is the one that the file in `run_dir` names. Something may have removed that file.
    """
    named = _named_pid(run_dir)
    candidates = [named] if named and is_member(named, run_dir) and not _is_zombie(named) else []
    return next(filter(is_supervisord, [*candidates, *members(run_dir)]), None)


def age(pid: int) -> float:
    """Return the seconds for which a process has been there; 0 when it is gone."""
    fields = _stat(pid)
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def is_supervisord(pid: int) -> bool:
    """Tell whether a process is a supervisord, and no worker that was forked a moment ago.

    Such a worker has the command line of the supervisord it came from, until it takes its own.
    """
    its_command = command(pid)
    return " supervisor.supervisord " in its_command and its_command != command(_parent(pid))


def is_suspended(pid: int) -> bool:
    """Tell whether a process was stopped by a signal, as by Ctrl-Z."""
    return _state(pid) == "T"


def is_mongod(pid: int) -> bool:
    return Path(command(pid).partition(" ")[0]).name == "mongod"


def command(pid: int) -> str:
    """Return the command line of a process; an empty string when the process is gone."""
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


def listener_on(port: int) -> str | None:
    """Return `process 7 (name)` for the process that listens on `port`; None when we may not know which one it is."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [line.split() for line in Path(table).read_text(encoding="ascii").splitlines()[1:]]
        except OSError:
            continue
        inodes |= {f"socket:[{row[9]}]" for row in rows if row[3] == LISTENING and int(row[1][-4:], 16) == port}
    for pid in _pids():
        if inodes & set(_open_files(pid)):
            return f"process {pid} ({command(pid).split(' ')[0].rpartition('/')[2]})"
    return None


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _users(pid: int) -> set[int]:
    """Return the real, effective, saved and file system user of a process. Those of a set-user-ID program differ."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {int(uid) for line in lines if line.startswith("Uid:") for uid in line.split()[1:]}


def _named_pid(run_dir: Path) -> int | None:
    try:
        text = read_regular(run_dir / PID_FILE, LONGEST_PID).strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _is_zombie(pid: int) -> bool:
    """Tell whether a process has ended. A zombie keeps its pid until its parent asks for its exit code."""
    return _state(pid) in ("Z", "")


def _state(pid: int) -> str:
    """Return the letter that proc(5) gives for the state of a process; an empty string when it is gone."""
    return next(iter(_stat(pid)), "")


def _parent(pid: int) -> int:
    """Return the pid of the parent of a process; 0 when the process is gone, or its parent is not ours to see."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str]:
    """Return the fields of proc(5)'s stat from the state on; none when the process is gone.

    A name can hold blanks and parentheses. It ends at the last one.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _open_files(pid: int) -> Iterator[str]:
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            yield str(Path(entry.path).readlink())
    except OSError:
        return
