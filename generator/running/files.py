"""Files that are replaced in one step and that only their owner can read."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def write_if_changed(path: Path, content: str | bytes, group: int | None = None) -> bool:
    """Make `path` hold `content`, in one step, unless it does already. Return whether it changed.

    Only its owner can read it, and `group` if one is given.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.read_bytes() == data and _may_be_read_by(path, group):
            return False
    except (FileNotFoundError, PermissionError):
        pass  # of another user, in a folder of ours: it is replaced
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            if group is not None:
                os.fchown(handle, -1, group)
                os.fchmod(handle, 0o640)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return True


def _may_be_read_by(path: Path, group: int | None) -> bool:
    """Tell whether nobody but the owner can read a file, and `group` if one is given."""
    found = path.stat()
    of_others = found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return of_others == 0 if group is None else (found.st_gid, of_others) == (group, stat.S_IRGRP)
