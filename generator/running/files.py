"""Files that are replaced in one step and that only their owner can read, and the lock between two commands."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generator.running.terminal import note


def write_if_changed(path: Path, content: str | bytes) -> bool:
    """Make `path` hold `content`, in one step, unless it does already. Return whether it changed."""
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.read_bytes() == data:
            return False
    except FileNotFoundError:
        pass
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
    """Keep a second command on the same group waiting. That one says that it waits."""
    with (run_dir / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("another command is at work on this group; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
