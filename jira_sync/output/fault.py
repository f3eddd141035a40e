"""Tells of a fault of ours: an error that no person has made. The details go to a file."""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
import tempfile
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from jira_sync.output.terminal import complain, one_line
from sync_model import VERSION
from sync_model.secrecy.redaction import redacted, remember

SECRET_NAME = re.compile("TOKEN|PASS|SECRET|KEY|CREDENTIAL", re.IGNORECASE)
PASSWORD_IN_URL = re.compile(r"://[^/@:\s]*:([^/@\s]+)@")
LONGEST = 300
"""Characters of the error itself in the message. The file has all of it."""


def tell_of_fault(error: Exception) -> None:
    """Say that `error` is a fault of ours, and write what is needed to find it to a file that only we can read."""
    _remember_secrets()
    summary = " ".join(traceback.format_exception_only(error)[-1].split())
    complain(f"this is a fault of ours, not yours: {one_line(summary)[:LONGEST]}")
    try:
        file = _write(_details(error))
    except OSError as obstacle:
        complain(f"what is needed to find it cannot be written: {obstacle.strerror}; it follows")
        for line in _details(error).splitlines():
            complain(line)
    else:
        complain(f"report it with {file}, which holds the details and no secret that is known here; look it over first")


def _remember_secrets() -> None:
    """Take note of what may be secret around this process. What failed may quote it before it was looked up."""
    for name, value in os.environ.items():
        if SECRET_NAME.search(name):
            remember(value.strip())
    with suppress(Exception):
        from sync_model.environment.group_secrets import remember_group_secrets

        remember_group_secrets(os.environ)
    for text in (*os.environ.values(), *sys.argv[1:]):
        for password in PASSWORD_IN_URL.findall(text):
            remember(password)


def _details(error: Exception) -> str:
    command = shlex.join(["jira-sync", *sys.argv[1:]])
    what = "".join(traceback.format_exception(error))
    about = f"jira-sync {VERSION}, Python {platform.python_version()}, {platform.platform()}"
    return redacted(f"{about}\n{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n{command}\n\n{what}")


def _write(text: str) -> Path:
    """Write a new file that nobody else can read, with the group if there is one of ours."""
    name = f"fault-{datetime.now(UTC):%Y%m%d-%H%M%S}-"
    for folder in (_folder_of_group(), tempfile.gettempdir()):
        with suppress(OSError):
            descriptor, file = tempfile.mkstemp(prefix=name, suffix=".txt", dir=folder)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(text)
            return Path(file)
    raise OSError(28, "neither RUN_DIR nor the folder for temporary files takes it")


def _folder_of_group() -> str | None:
    """Return the folder of the group, if it is there and ours alone."""
    with suppress(Exception):
        from generator.running.run_directory import require_own
        from generator.running.settings.group import run_dir_of

        run_dir = run_dir_of(os.environ)
        require_own(run_dir)
        if run_dir.is_dir():
            return str(run_dir)
    return None
