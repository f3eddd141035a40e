"""The log files of a group, where it has any: which of them somebody has removed, and how supervisord opens them anew.

supervisord goes on to write into a file that was removed, and nobody can read that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from generator.running.settings import Settings
from generator.running.supervisor_rpc import ProgramState, Supervisor


def missing_logs(settings: Settings, states: Mapping[str, ProgramState]) -> list[str]:
    """Return the names of the running programs whose log file is not there."""
    folder = settings.log_dir
    if folder is None:
        return []
    return sorted(name for name, state in states.items() if state.pid and not (folder / f"{name}.log").exists())


def reopen_logs(supervisor: Supervisor) -> None:
    """Have supervisord open its own log and those of all programs anew. The folder must be there."""
    os.kill(supervisor.pid(), signal.SIGUSR2)
