"""The group that runs: its environment, and how a command gets to it.

The environment of a group is that of the process which answers on the group's own socket, in a folder that only the
owner of the group can write to. What a process says of itself counts for nothing: anybody's may look like supervisord.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from generator.running.errors import NoAnswer, NotRunning
from generator.running.run_directory import DEMO, SOCKET, act_as_owner, is_closed, require_own
from generator.running.settings.group import Settings, from_environ
from generator.running.settings.shell_differences import without_effect
from generator.running.settings.variables import default_of
from generator.running.supervision import processes
from generator.running.supervision.supervisor_rpc import Supervisor
from generator.running.terminal import note, warn

Environ = Mapping[str, str]
SECONDS_TO_SAY_ITS_PID = 2.0
"""A supervisord that takes longer is found by the file with its pid."""
FIRST_PROCESS = 1
"""The pid of the first process of a machine or of a container. A container ends with it."""
OF_NOBODY = ("PATH", "HOME", "LANG", "RUN_DIR", "CONFIG_DIR")
"""What root's shell has to do with the group of another user: no secret of it is for that one's sites."""


def supervisord_of(run_dir: Path) -> int | None:
    """Return the pid of the supervisord of the group in `run_dir`; None when it does not run."""
    if not is_closed(run_dir):
        return None
    with suppress(NotRunning, NoAnswer):
        pid = Supervisor(run_dir / SOCKET, SECONDS_TO_SAY_ITS_PID).pid()
        if processes.is_member(pid, run_dir):
            return pid
    return processes.supervisord_of(run_dir)


def environment_of_group(run_dir: Path) -> dict[str, str] | None:
    """Return the environment that supervisord was started with; None when it does not run. Each worker has it too."""
    pid = supervisord_of(run_dir)
    return processes.environment(pid) if pid is not None else None


def settings_to_read(
    environ: Environ, *, waits_for_files: bool = False, is_new: bool = False
) -> tuple[Settings, Environ]:
    """Return the settings and the environment for a command that reads.

    root goes on as the owner of the group, and nothing of root's shell is looked up for it. `is_new`: the group of this
    project's own files is meant, also while only that of the demo runs. Raises Unusable.
    """
    settings = from_environ(environ, waits_for_files=waits_for_files, is_new=is_new)
    if act_as_owner(settings.run_dir):
        environ = {name: environ[name] for name in OF_NOBODY if name in environ}
        settings = from_environ(environ, waits_for_files=waits_for_files, is_new=is_new)
    enter(settings)
    _tell_of_demo(settings, environ)
    return settings, environ


def settings_to_write(environ: Environ, command: str, *, log_to_files: bool = False, is_new: bool = False) -> Settings:
    """Return the settings for `command`, which writes to the group's folder. Raises Unusable unless it is ours."""
    settings = from_environ(environ, log_to_files=log_to_files, is_new=is_new)
    require_own(settings.run_dir, command)
    enter(settings)
    _tell_of_demo(settings, environ)
    return settings


def is_demo(settings: Settings) -> bool:
    """Tell whether this is the group of the demo in its checkout."""
    return settings.run_dir == settings.project_dir / default_of("RUN_DIR") / DEMO


def _tell_of_demo(settings: Settings, environ: Environ) -> None:
    """Say which group is meant, if it is the demo's because no other one runs here."""
    if not environ.get("RUN_DIR") and is_demo(settings):
        note("this is about the demo, which is what runs here; make down ends it")


def is_container(run_dir: Path) -> bool:
    """Tell whether the group is the container that this process is in."""
    return FIRST_PROCESS in processes.members(run_dir)


def enter(settings: Settings) -> None:
    """Go to the folder of the project, where its workers run: files may be named as seen from there."""
    with suppress(OSError):
        os.chdir(settings.project_dir)


def warn_of_shell(environ: Environ, started_with: Environ, settings: Settings) -> None:
    """Warn of what this shell sets and the running group has another value of, or none. No value is shown."""
    if not (names := without_effect(environ, started_with, settings.config_dir)):
        return
    of_container = "change .env, then docker compose up -d"
    advice = of_container if is_container(settings.run_dir) else "jira-sync stop, then jira-sync start"
    for name in names:
        what = "has another value" if started_with.get(name) else "has none"
        warn(f"{name} here has no effect on a group that runs, which {what}; {advice}")
