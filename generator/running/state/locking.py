"""The lock of a group: one command at a time changes it. The lock ends with the process that has it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from generator.running.errors import Unusable
from generator.running.run_directory import user_name
from generator.running.supervision import processes
from generator.running.terminal import note

LOCK = ".lock"


@contextmanager
def lock(run_dir: Path) -> Iterator[None]:
    """Keep a second command on the same group waiting. That one says that it waits, and for which process."""
    with open_lock(run_dir) as file:
        if not _take(file):
            note(f"{_at_work(_pid_in(file))}; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        _write_pid(file)
        yield


@contextmanager
def lock_if_free(run_dir: Path) -> Iterator[bool]:
    """Take the lock, unless another process has it; yield whether it was taken."""
    with open_lock(run_dir) as file:
        is_taken = _take(file)
        if is_taken:
            _write_pid(file)
        yield is_taken


def lock_holder(run_dir: Path) -> int | None:
    """Return the pid of the process that has the lock, 0 where it cannot be known; None when the lock is free."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(run_dir / LOCK, flags), "rb") as file:
            return None if _take(file, fcntl.LOCK_SH) else _pid_in(file)
    except OSError:
        return None


def open_lock(run_dir: Path) -> IO[bytes]:
    """Open the file of the lock. Raises Unusable when it is a link, or anything but a file of ours."""
    path = run_dir / LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR):
            raise
        raise Unusable(f"{path} is no file; remove it") from None
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        return os.fdopen(handle, "r+b")
    os.close(handle)
    raise Unusable(f"{path} is no file of {user_name(os.geteuid())}; remove it")


def _take(file: IO[bytes], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_pid(file: IO[bytes]) -> None:
    file.truncate(0)
    file.write(b"%d" % os.getpid())
    file.flush()


def _pid_in(file: IO[bytes]) -> int:
    text = file.read(20)
    return int(text) if text.isdigit() else 0


def _at_work(pid: int) -> str:
    if pid and processes.is_suspended(pid):
        return f"another command (pid {pid}) is at work on this group, but suspended (kill -CONT {pid} lets it go on)"
    return f"another command{f' (pid {pid})' if pid else ''} is at work on this group"
