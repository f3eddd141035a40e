"""Whether heartbeats can be written at all. If not, their age says nothing about the workers."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sync_model.health.heartbeat import heartbeat_path

BYTES = 64 * 1024
"""More than any heartbeat has."""


def write_fault(run_dir: Path, owner: int) -> str | None:
    """Return why no heartbeat can be written, as a sentence; None if one can.

    `owner` is the user of the workers. What another user may not write says nothing about them.
    """
    folder = heartbeat_path(run_dir, "any").parent
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(BYTES))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return None  # a worker makes the folder
    except OSError as error:
        if isinstance(error, PermissionError) and os.geteuid() != owner:
            return None
        return f"no heartbeat can be written to {folder}: {error.strerror}"
    return None
