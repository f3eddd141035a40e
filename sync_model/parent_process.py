"""A process that ends with its parent: without that one, nobody could stop it, restart it, or see that it hangs.

Linux only. Elsewhere such a process goes on until somebody ends it.
"""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h: the signal that a process gets when its parent ends."""
_LIBC = ctypes.CDLL(None)
"""Loaded before a fork, so that forked processes share it."""


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent ends, however that comes about."""
    parent = os.getppid()
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended just before
        os.kill(os.getpid(), signal.SIGTERM)
