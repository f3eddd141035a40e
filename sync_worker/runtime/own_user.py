"""A worker becomes a user of its own before it reads anything of its sync. Linux only."""

from __future__ import annotations

import ctypes
import importlib
import os
import stat
from pathlib import Path

PR_SET_DUMPABLE = 4
"""From linux/prctl.h: whether /proc/self belongs to the user of this process, as it does after `exec`."""
WARM_UP = "sync_worker.runtime.warm_up"
"""It imports all of the worker: so it is imported only here, by its name."""


def become(uid: int) -> None:
    """Give up root for good. The user and the group of this number need no name. Raises OSError."""
    if not _all_may_read(Path(os.__file__), Path(__file__)):
        # What is imported when it is first needed could not be read any more, as where root has it all in its home.
        importlib.import_module(WARM_UP).warm_up()
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    # What it had in memory as root is what its user may know. Without this it could not tell its own pid namespace.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)


def _all_may_read(*modules: Path) -> bool:
    """Tell whether every user of the system can enter the folders of these modules."""
    folders = {folder for module in modules for folder in module.resolve().parents}
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)
