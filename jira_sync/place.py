"""Where a command acts: the group that runs here, or the folder that would become one; and the sync that is meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from generator import processes
from generator.settings import Settings, Unusable, from_environ, of_running_group
from sync_model.loading import SyncFile, config_paths, load_file

Environ = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """A group, running or not. `environ` is what its workers see: of a running group its own, not this shell's."""

    settings: Settings
    environ: Environ
    is_running: bool

    @property
    def run_dir(self) -> Path:
        return self.settings.run_dir

    def names(self) -> list[str]:
        """Return the names of all syncs that load, running or not."""
        return sorted({file.sync.name for file in self._files()})

    def sync(self, name: str) -> SyncFile:
        """Return the sync called `name`, as its worker knows it where one runs, else as its file says.

        Raises Unusable, with the nearest name, when there is none.
        """
        snapshot = self.settings.snapshots / f"{name}.json"
        files = self._files([snapshot]) if self.is_running and snapshot.is_file() else self._files()
        found = next((file for file in files if file.sync.name == name), None)
        if found is not None:
            return found
        raise Unusable(self._unknown(name))

    def _files(self, paths: list[Path] | None = None) -> list[SyncFile]:
        folder = self.settings.config_dir
        if paths is None:
            if not folder.is_dir():
                raise Unusable(f"CONFIG_DIR: {folder} is not a folder")
            paths = config_paths(folder)
        return [file for path in paths for file in load_file(path, self.environ).files]

    def _unknown(self, name: str) -> str:
        names = self.names()
        broken = next((path for path in config_paths(self.settings.config_dir) if path.stem == name), None)
        if broken:
            return f"{broken.name} does not load, so that there is no sync {name}; jira-sync check says why"
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}" if names else "there are none"
        return f"no sync is called {name}; {hint}"


def place(environ: Environ) -> Place:
    """Return the place that `environ` means. Raises Unusable."""
    settings = from_environ(environ)
    started_with = processes.environment_of_group(settings.run_dir) if settings.run_dir.is_dir() else None
    if started_with is None:
        return Place(settings, environ, is_running=False)
    settings = of_running_group(settings, environ)
    if settings.embedded:
        started_with = {**started_with, "DATABASE_URL": f"mongodb://127.0.0.1:{settings.mongodb_port}"}
    return Place(replace(settings), started_with, is_running=True)
