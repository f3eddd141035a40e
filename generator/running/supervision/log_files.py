"""The log files of a group, where it has any: which of them somebody has removed, and how supervisord opens them anew.

supervisord goes on to write into a file that was removed, and nobody can read that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from generator.running.settings.group import Settings
from generator.running.supervision.supervisor_rpc import ProgramState, Supervisor


def missing_logs(settings: Settings, states: Mapping[str, ProgramState]) -> list[str]:
    """Return the names of the running programs whose log file is not there."""
    folder = settings.log_dir
    if folder is None:
        return []
    there = _names_in(folder)
    files = {name: f"{name}.log" for name, state in states.items() if state.pid}
    return sorted(name for name, file in files.items() if file not in there and not (folder / file).exists())


def _names_in(folder: Path) -> frozenset[str]:
    """Return what is in a folder, as far as one look tells."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries)
    except OSError:
        return frozenset()


def reopen_logs(supervisor: Supervisor) -> None:
    """Have supervisord open its own log and those of all programs anew. The folder must be there."""
    os.kill(supervisor.pid(), signal.SIGUSR2)
