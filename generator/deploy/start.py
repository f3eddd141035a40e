"""Starts a group: in the background, or by turning this process into supervisord."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from generator.deploy.prepare import Prepared
from generator.deploy.programs import START_TIMEOUT
from generator.running.errors import NotRunning, Unusable
from generator.running.files import write_if_changed
from generator.running.settings.group import LOOPBACK, Settings
from generator.running.state.intention import drop_intention
from generator.running.supervision import processes
from generator.running.supervision.supervisor_rpc import POLL_SECONDS, SETTLED, ProgramState, Supervisor
from sync_model.accounts.group_environment import GROUP_VARIABLE, STARTED_VARIABLE

MALLOC_VARIABLES = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Without them, the C library gives each thread of each worker its own pool of memory, and keeps freed memory."""

UMASK = 0o077
"""supervisord makes the logs of all programs itself."""


def check_nothing_is_in_the_way(settings: Settings) -> None:
    """Raises Unusable when a group runs already, or when another process has a port that the group needs."""
    if Supervisor(settings.socket).is_running():
        what_to_do = "jira-sync apply makes it follow an edit, jira-sync stop ends it"
        raise Unusable(f"the group in {settings.run_dir} runs already; {what_to_do}")
    wanted = [("PORT", settings.port, settings.bind)]
    if settings.embedded and settings.mongodb_port:
        wanted.append(("MONGODB_PORT", settings.mongodb_port, LOOPBACK))
    if settings.simulator_port:
        wanted.append(("JIRA_SIMULATOR_PORT", settings.simulator_port, LOOPBACK))
    taken = [(name, port) for name, port, address in wanted if not processes.port_is_free(port, address)]
    if taken:
        raise Unusable(*(_taken(name, port) for name, port in taken))


def _taken(variable: str, port: int) -> str:
    listener = processes.listener_on(port)
    return f"port {port} is taken{f' by {listener}' if listener else ''}; set {variable} to a free one"


def start_in_background(prepared: Prepared, environ: Mapping[str, str]) -> dict[str, ProgramState]:
    """Start supervisord; return the states of its programs once they run or have failed. Raises Unusable, NoAnswer."""
    settings = prepared.settings
    _begin(settings)
    _close_old_logs(prepared)
    started = subprocess.run(
        _supervisord(settings),
        umask=UMASK,
        env=environment_of_programs(settings, environ),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if started.returncode:
        last_line = (started.stderr or started.stdout).strip().splitlines()[-1:]
        raise Unusable(f"supervisord does not start: {' '.join(last_line) or 'it says nothing'}")
    supervisor = Supervisor(settings.socket)
    deadline = time.monotonic() + START_TIMEOUT
    while not supervisor.is_running():
        if time.monotonic() > deadline:
            raise Unusable(f"supervisord does not answer; its log is in {settings.log_dir}")
        time.sleep(POLL_SECONDS)
    names = {program.name for program in prepared.plan.programs}
    try:
        return supervisor.wait(names, lambda state: state.state in SETTLED - {"STOPPED"}, START_TIMEOUT)
    except NotRunning:
        raise Unusable("supervisord ended meanwhile; its log says why") from None


def become_supervisord(prepared: Prepared, environ: Mapping[str, str]) -> None:
    """Turn this process into supervisord, so that supervisord gets the container's signals. Raises Unusable."""
    settings = prepared.settings
    _begin(settings)
    _close_old_logs(prepared)
    os.umask(UMASK)
    if settings.log_dir is None:
        _share_standard_output()
    command = [*_supervisord(settings), "--nodaemon"]
    sys.stdout.flush()
    os.execve(command[0], command, environment_of_programs(settings, environ))  # noqa: S606 - replaces this process


def _begin(settings: Settings) -> None:
    """Write down what the group is started with. What an apply was about to do is done by starting all programs."""
    drop_intention(settings.run_dir)
    write_if_changed(settings.record, settings.recorded())


def environment_of_programs(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that supervisord, and so each program of the group, starts with."""
    own = {
        GROUP_VARIABLE: str(settings.run_dir),
        STARTED_VARIABLE: f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "RUN_DIR": str(settings.run_dir),
    }
    return {**MALLOC_VARIABLES, **environ, **own}


def _close_old_logs(prepared: Prepared) -> None:
    """Take the logs of this group, as an earlier version has left them, away from other users.

    Links are not followed, and nobody else's file is touched: LOG_DIR may be a folder of many.
    """
    folder = prepared.settings.log_dir
    names = ["supervisord", *(program.name for program in prepared.plan.programs)]
    for path in (path for name in names for path in (folder.glob(f"{name}.log*") if folder else ())):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                state = os.fstat(descriptor)
                if stat.S_ISREG(state.st_mode) and state.st_uid == os.getuid():
                    os.fchmod(descriptor, 0o600)
            finally:
                os.close(descriptor)


def _share_standard_output() -> None:
    """Let several processes write to standard output. Raises Unusable.

    Each program opens standard output for itself, and not every kind of it can be opened. Into a file that is not
    opened for appending, supervisord and its programs would write over each other.
    """
    try:
        Path("/dev/fd/1").open("ab").close()
    except OSError as error:
        raise Unusable(f"standard output cannot be shared by all programs ({error.strerror}); set LOG_DIR") from None
    if stat.S_ISREG(os.fstat(1).st_mode):
        fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_APPEND)


def _supervisord(settings: Settings) -> list[str]:
    return [settings.python, "-m", "supervisor.supervisord", "-c", str(settings.conf)]
