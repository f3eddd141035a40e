"""What the files of a group say, read again when one of them has changed: whoever looks every few seconds, mostly finds
the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from generator.running.settings import Settings
from sync_model.config_files import FileState, file_state, file_states
from sync_model.definition import Sync
from sync_model.loading import Loaded, load_file, load_folder

READ_AGAIN_AFTER = 60.0
"""Seconds until files are read that have not changed: what they refer to may have."""


class ConfigCache:
    """The files of the group of `settings`, as workers that see `environ` understand them."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings, self._environ = settings, environ
        self._read_at = float("-inf")
        self._states: tuple[FileState, ...] | None = None
        self._loaded = Loaded()
        self._applied: dict[str, tuple[FileState, Sync | None]] = {}

    def loaded(self) -> tuple[Loaded, str | None]:
        """Return what the folder says, and why it says nothing."""
        folder = self._settings.config_dir
        try:
            # A folder without permission looks empty otherwise.
            os.scandir(folder).close()
            states = file_states(folder)
            if states != self._states or self._is_old():
                self._loaded = load_folder(folder, self._environ)
                self._states, self._read_at = states, time.monotonic()
                self._applied.clear()
        except OSError as error:
            self._states = None
            return Loaded(), f"{folder} cannot be read: {error.strerror or error}"
        return self._loaded, None

    def applied(self, name: str) -> Sync | None:
        """Return what the worker of a sync runs."""
        path: Path = self._settings.snapshots / f"{name}.json"
        state = file_state(path)
        known = self._applied.get(name)
        if known is None or known[0] != state:
            files = load_file(path, self._environ).files
            known = self._applied[name] = state, files[0].sync if files else None
        return known[1]

    def _is_old(self) -> bool:
        return time.monotonic() > self._read_at + READ_AGAIN_AFTER
