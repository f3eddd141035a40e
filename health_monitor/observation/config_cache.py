"""The definitions of a group's syncs. A file is read again only after it has changed: most snapshots find no change."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from generator.running.settings.group import Settings
from generator.running.state.pushed import unusable_files
from sync_model.accounts.connection import sites
from sync_model.definition.sync import Sync
from sync_model.files.config_files import FileState, entry_state, file_states
from sync_model.files.loading import Loaded, load_file, load_folder

READ_AGAIN_AFTER = 60.0
"""Seconds after which unchanged files are read again, because the secret files that they refer to may have changed."""
READING_SHARE = 0.02
"""The most of its time that the monitor reads unchanged files: many thousands of them are read again less often."""


class ConfigCache:
    """The configuration files of the group of `settings`, resolved with `environ` as its workers do.

    `clock` gives seconds from any start.
    """

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._environ, self._clock = settings, environ, clock
        self._read_again_at = float("-inf")
        self._states: FileState | None = None
        self._loaded = Loaded()
        self._applied: dict[str, tuple[FileState, Sync | None]] = {}
        self._sites: dict[str, tuple[Sync, tuple[str, ...]]] = {}

    def loaded(self) -> tuple[Loaded, str | None]:
        """Return the content of the folder, and why the folder cannot be read."""
        folder = self._settings.config_dir
        try:
            # A folder without read permission would otherwise look empty.
            os.scandir(folder).close()
            states = file_states(folder)
            if states != self._states or self._clock() > self._read_again_at:
                began = self._clock()
                self._loaded = load_folder(folder, self._environ, unusable_files(self._settings))
                self._states, self._read_again_at = states, _next_reading(began, self._clock())
                self._applied.clear()
                self._sites.clear()
        except OSError as error:
            self._states = None
            return Loaded(), f"{folder} cannot be read: {error.strerror or error}"
        return self._loaded, None

    def applied(self, name: str) -> Sync | None:
        """Return the definition that the worker of the sync `name` runs."""
        path: Path = self._settings.snapshots / f"{name}.json"
        state = entry_state(path)
        cached = self._applied.get(name)
        if cached is None or cached[0] != state:
            files = load_file(path, self._environ).files
            cached = self._applied[name] = state, files[0].sync if files else None
        return cached[1]

    def sites(self, sync: Sync) -> tuple[str, ...]:
        """Return the sites of a sync's projects, as people see them, as far as they can be looked up."""
        cached = self._sites.get(sync.name)
        if cached is None or cached[0] is not sync:
            cached = self._sites[sync.name] = sync, sites(sync, self._environ)
        return cached[1]


def _next_reading(began: float, ended: float) -> float:
    """Return when files are to be read again that were read from `began` to `ended`."""
    return ended + max(READ_AGAIN_AFTER, (ended - began) / READING_SHARE)
