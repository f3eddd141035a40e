"""How many files a supervisord may have open. It sets that limit at its start, and a large apply may need more."""

from __future__ import annotations

import resource
from contextlib import suppress

from generator.running.supervision.supervisor_rpc import Supervisor

PER_PROGRAM = 3
SPARE = 400
"""With room for programs that are added while it runs."""


def wanted_limit(programs: int) -> int:
    """Return the limit for a supervisord with so many programs, as far as this machine allows it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = PER_PROGRAM * programs + SPARE
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def raise_limit(supervisor: Supervisor, programs: int) -> None:
    """Let a running supervisord have the files open that so many programs need. Its limit is never lowered."""
    with suppress(OSError, ValueError):  # then it says itself, of the program that it cannot start, what it lacks
        pid = supervisor.pid()
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        wanted = PER_PROGRAM * programs + SPARE
        if resource.RLIM_INFINITY not in (soft, hard) and soft < min(wanted, hard):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
