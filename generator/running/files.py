"""Files that are replaced in one step and that only their owner can read, and the lock between two commands."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from generator.running.errors import Unusable
from generator.running.run_directory import user_name
from generator.running.terminal import note
from sync_model.regular_files import read_regular

LOCK = ".lock"
LONGEST_PID = 20


def write_if_changed(path: Path, content: str | bytes) -> bool:
    """Make `path` hold `content`, in one step, unless it does already. Return whether it changed."""
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.read_bytes() == data:
            return False
    except (FileNotFoundError, PermissionError):
        pass  # of another user, in a folder of ours: it is replaced
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return True


@contextmanager
def lock(run_dir: Path) -> Iterator[None]:
    """Keep a second command on the same group waiting. That one says that it waits, and for which process.

    The file holds the pid of the process that has the lock. Raises Unusable for a file that is not ours.
    """
    with open_lock(run_dir) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = holder_of_lock(run_dir)
            which = f" (pid {holder})" if holder else ""
            note(f"another command{which} is at work on this group; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        _write_anew(file, f"{os.getpid()}\n")
        try:
            yield
        finally:
            _write_anew(file, "")


def open_lock(run_dir: Path) -> TextIO:
    """Open the file of the lock. Raises Unusable when it is a link, or anything but a file of ours."""
    path = run_dir / LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR):
            raise
        raise Unusable(f"{path} is no file; remove it") from None
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        return os.fdopen(handle, "r+", encoding="ascii", errors="replace")
    os.close(handle)
    raise Unusable(f"{path} is no file of {user_name(os.geteuid())}; remove it")


def holder_of_lock(run_dir: Path) -> int | None:
    """Return the pid that the holder of the lock has written; None when nobody has."""
    try:
        text = read_regular(run_dir / LOCK, LONGEST_PID).strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _write_anew(file: TextIO, text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
