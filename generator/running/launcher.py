"""`python -m generator.running.launcher COMMAND …`: becomes a program that needs nothing of the group's environment.

supervisord gives each program its own environment, which holds the secrets of the group. It can only add to that.
"""

from __future__ import annotations

import os
import sys

from sync_model.environment.harmless_variables import harmless

MODULE = "generator.running.launcher"


def launched(python: str, *command: str) -> tuple[str, ...]:
    """Return the command that becomes `command` in an environment without secrets."""
    return (python, "-m", MODULE, *command)


if __name__ == "__main__":
    os.execve(sys.argv[1], sys.argv[1:], harmless(os.environ))  # noqa: S606 - replaces this process
