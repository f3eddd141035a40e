"""Machines that fail when a test wants it, and patience with the engine that notices it."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections.abc import Callable
from typing import Any

from benchmarks.rig.waiting import wait_until

PATIENCE = 600.0
"""Seconds. Engines take up to two minutes until they have replaced what a machine ran."""


def await_fact(fact: Callable[[], Any], what: str) -> Any:
    """Return the first true value of `fact`, which asks an engine. Each look starts a process, so there are few."""
    return wait_until(fact, what, PATIENCE, pause=0.5)


class Faults:
    """The command that makes machines fail. Machines are numbered from 1."""

    def __init__(self, command: str) -> None:
        self._command = shlex.split(command)

    def __call__(self, what: str, machine: int, *more: str) -> None:
        """Have one of `kill`, `start`, `cut` (with `managers`, `outside` or `all`) and `heal` happen to a machine."""
        done = subprocess.run(
            [*self._command, what, str(machine), *more], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{what} {machine} {' '.join(more)}: {done.stdout}{done.stderr}"


def our_address(seen_from: str) -> str:
    """Return the address of this machine at which the machine of the address `seen_from` reaches it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((seen_from, 9))
        address: str = probe.getsockname()[0]
        return address
