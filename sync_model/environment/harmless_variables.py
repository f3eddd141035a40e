"""The variables of an environment that hold no secret, and that a program or its libraries may need.

This module imports nothing that takes time: what starts a program reads it first.
"""

from __future__ import annotations

from collections.abc import Mapping

OF_THE_SYSTEM = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ", "TZDIR",
        "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "LD_PRELOAD", "GLIBC_TUNABLES", "VIRTUAL_ENV",
        "SUPERVISOR_ENABLED", "SUPERVISOR_SERVER_URL", "SUPERVISOR_PROCESS_NAME", "SUPERVISOR_GROUP_NAME",
        # By these, the processes of a group and of a benchmark are found.
        "JIRA_SYNC_GROUP", "JIRA_SYNC_STARTED", "JIRA_SYNC_BENCHMARK", "RUN_DIR",
    }
)  # fmt: skip
PREFIXES = ("LC_", "MALLOC_", "PYTHON")


def is_harmless(name: str) -> bool:
    """Tell whether the variable `name` has a meaning to the system, to every program, and no secret in it."""
    return name in OF_THE_SYSTEM or name.startswith(PREFIXES)


def harmless(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a program gets that needs nothing of the group's environment."""
    return {name: value for name, value in environ.items() if is_harmless(name)}
