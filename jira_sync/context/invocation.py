"""How a person types this command here, so that the advice in its messages can be pasted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

COMMAND = "jira-sync"


def typed_command(program: str, here: Path) -> str:
    """Return how `program`, the first word of this process's command line, is typed in the folder `here`.

    It is the plain name where PATH leads to it. In a checkout it is the script beside the Makefile, which runs the
    command in .venv.
    """
    if Path(program).name != COMMAND:
        return COMMAND  # python -m jira_sync, as a container runs it
    path = Path(os.path.abspath(program))  # noqa: PTH100 - a virtual environment may be a link
    script = path.parents[2] / COMMAND if len(path.parents) > 2 else path  # noqa: PLR2004 - .venv/bin/jira-sync
    candidates = [script, path] if script.is_file() else [path]
    found = shutil.which(COMMAND)
    if found and any(_are_same(found, candidate) for candidate in candidates):
        return COMMAND
    relative = os.path.relpath(candidates[0], here)
    return relative if os.sep in relative else f".{os.sep}{relative}"


def _are_same(found: str, path: Path) -> bool:
    try:
        return path.samefile(found)
    except OSError:
        return False
