"""Stops a group, and ends whatever an earlier supervisord has left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from generator.deploy.install import unlink_conf
from generator.deploy.programs import STOP_TIMEOUT
from generator.running.errors import NoAnswer, NotRunning, SocketGone, Unusable
from generator.running.run_directory import PID_FILE, RECORD, SOCKET
from generator.running.state.intention import drop_intention
from generator.running.supervision import processes
from generator.running.supervision.supervisor_rpc import POLL_SECONDS, Supervisor
from sync_model.program_names import DATABASE, MONITOR, SIMULATOR

END_TIMEOUT = 70.0
"""How long a command waits for the end of supervisord and of the embedded server, in seconds."""


def stop_group(run_dir: Path) -> list[str]:
    """End the group and all that is left of it; return what to tell about it. The group's data stays."""
    supervisor = Supervisor(run_dir / SOCKET)
    sentences = []
    try:
        names = set(supervisor.states())
        supervisor.stop_all(names - {DATABASE, SIMULATOR, MONITOR}, STOP_TIMEOUT)
        supervisor.stop_all(names & {MONITOR}, STOP_TIMEOUT)
        supervisor.shutdown()
        sentences.append(f"stopped {len(names)} programs")
        _wait_for_end(run_dir, END_TIMEOUT)
    except NotRunning:
        if orphans := processes.members(run_dir):
            sentences.append(f"supervisord was gone; ended {len(orphans)} processes that it had left behind")
    except SocketGone:
        sentences.append("supervisord had lost its socket; ended it and all that it had started")
    except NoAnswer:
        sentences.append("supervisord did not answer; ended it and all that it had started")
    _end_all(run_dir)
    unlink_conf(run_dir)
    drop_intention(run_dir)
    for name in (SOCKET, PID_FILE, RECORD):
        (run_dir / name).unlink(missing_ok=True)
    return sentences or [f"nothing was running in {run_dir}"]


def _end_all(run_dir: Path) -> None:
    """End what supervisord has not ended: the workers first, then the database that they use. Raises Unusable."""
    _signal(run_dir, signal.SIGTERM, but=processes.is_mongod)
    _wait_for_end(run_dir, STOP_TIMEOUT, but=lambda pid: processes.is_mongod(pid) or processes.is_supervisord(pid))
    _signal(run_dir, signal.SIGTERM)
    _wait_for_end(run_dir, END_TIMEOUT, but=processes.is_supervisord)
    _signal(run_dir, signal.SIGKILL)
    if not _wait_for_end(run_dir, STOP_TIMEOUT):
        raise Unusable(f"these cannot be ended: {', '.join(map(str, processes.members(run_dir)))}")


def _none(_pid: int) -> bool:
    return False


def _signal(run_dir: Path, number: signal.Signals, but: Callable[[int], bool] = _none) -> None:
    for pid in processes.members(run_dir):
        if not but(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _wait_for_end(run_dir: Path, timeout: float, but: Callable[[int], bool] = _none) -> bool:
    """Wait until no process of the group is left; return whether that came about within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while any(not but(pid) for pid in processes.members(run_dir)):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
