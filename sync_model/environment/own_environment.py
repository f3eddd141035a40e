"""The environment of this very process, and how it lets go of what it does not need."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

ENV_START, ENV_END = 47, 48
"""Where /proc/self/stat says it, counted from the field after the name of the program; see proc_pid_stat(5)."""


def forget_but(kept: Collection[str]) -> None:
    """Drop all variables but those in `kept`, also from what /proc shows of this process.

    A forked process shows there what its parent was started with, for as long as nothing overwrites it.
    """
    for name in set(os.environ) - set(kept):
        del os.environ[name]
    for name, value in os.environ.items():
        # The C library copies it. So nothing of it is left in the memory that is overwritten next.
        os.environ[name] = value
    with suppress(OSError, ValueError, IndexError):
        _overwrite_what_is_shown({os.fsencode(name) for name in kept})


def _overwrite_what_is_shown(kept: Collection[bytes]) -> None:
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    start, end = int(fields[ENV_START]), int(fields[ENV_END])
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        memory.seek(start)
        pairs = memory.read(end - start).split(b"\0")
        left = b"\0".join(pair for pair in pairs if pair.partition(b"=")[0] in kept)
        memory.seek(start)
        memory.write(left.ljust(end - start, b"\0"))
