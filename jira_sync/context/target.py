"""The target of a command: the group that runs here, or the folder that would become one, and its syncs.

Heavy modules are imported inside functions, so that help and shell completion stay fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo import MongoClient

    from generator.running.errors import Unusable
    from generator.running.settings.group import Settings
    from sync_model.files.loading import SyncFile

Environ = Mapping[str, str]


@dataclass(frozen=True)
class Target:
    """A group, running or not. `environ` is the environment of its workers; a running group has its own, not ours."""

    settings: Settings
    environ: Environ
    is_running: bool

    @property
    def run_dir(self) -> Path:
        return self.settings.run_dir

    @property
    def is_demo(self) -> bool:
        """Tell whether it is the group of the demo in this checkout."""
        from generator.running.supervision.running_group import is_demo

        return is_demo(self.settings)

    @property
    def not_running(self) -> str:
        """The message if a command needs a running group."""
        from generator.running.settings.project_folder import no_group_runs

        return no_group_runs(self.run_dir, self.environ)

    @property
    def no_folder(self) -> str:
        """The message if the folder with the files of syncs is not there: perhaps another place is meant."""
        sentence = f"CONFIG_DIR: {self.settings.config_dir} is not a folder"
        return sentence if self.is_running else f"{sentence}, and {self.not_running}"

    def names(self) -> list[str]:
        """Return the names of all syncs that load, and of those that still run although their file is broken."""
        return sorted({file.sync.name for file in self._files()} | {path.stem for path in self._snapshots()})

    def sync(self, name: str) -> SyncFile:
        """Return the sync called `name`: as its worker read it if one runs, else as its file says.

        Raises Unusable with the nearest name if there is no such sync.
        """
        applied = [path for path in self._snapshots() if path.stem == name]
        found = next((file for file in self._files(applied) if file.sync.name == name), None)
        if found is not None:
            return found
        raise self.unknown(name, self.names())

    def syncs(self, names: list[str] | None, *, everything: bool = False) -> list[SyncFile]:
        """Return the syncs called `names`, or with `everything` all enabled ones. Raises Unusable."""
        from generator.running.errors import NotUnderstood
        from generator.running.names import there_are

        if names and everything:
            raise NotUnderstood("name syncs, or say --all, not both")
        if names:
            return [self.sync(name) for name in dict.fromkeys(names)]
        if not everything:
            raise NotUnderstood(f"name a sync, or say --all; {there_are(self.names())}")
        enabled = {file.sync.name for file in self._files() if file.sync.enabled}
        return [self.sync(name) for name in sorted(enabled | {path.stem for path in self._snapshots()})]

    def has_process(self, name: str) -> bool:
        """Tell whether the group has a process for the sync `name`. Raises NoAnswer."""
        from generator.running.supervision.supervisor_rpc import Supervisor
        from sync_model.health.judgement import RUNNING_STATES

        if not self.is_running:
            return False
        state = Supervisor(self.settings.socket).states().get(name)
        return state is not None and state.state in RUNNING_STATES

    @contextmanager
    def connect(self, name: str) -> Iterator[MongoClient[dict[str, Any]]]:
        """Connect to MongoDB as client `name`. Raises Unusable, with advice, if it is not available.

        The same holds for errors while the connection is used.
        """
        from generator.running.errors import Unusable
        from sync_model.accounts.connection import database_url
        from sync_worker.core.errors import DatabaseUnavailable
        from sync_worker.database.connection import connect
        from sync_worker.runtime.wiring import DEFAULT_DATABASE_URL

        if self.settings.embedded and not self.is_running:
            raise Unusable(f"{self.not_running} (its MongoDB is part of it)")
        try:
            client = connect(database_url(self.environ) or DEFAULT_DATABASE_URL, name)
        except ValueError as error:
            raise Unusable(str(error)) from None
        try:
            with client:
                yield client
        except DatabaseUnavailable as error:
            hint = (
                "jira-sync logs mongodb says why" if self.settings.embedded else "DATABASE_URL says where it should be"
            )
            raise Unusable(f"{error}; {hint}") from None

    def unknown(self, name: str, names: list[str], programs: Sequence[str] = ()) -> Unusable:
        """Return the error if `name` is not one of `names`: a file of that name is broken, or it was not understood.

        `programs` are others that may be named, too.
        """
        from generator.running.errors import Unusable
        from generator.running.names import unknown_sync
        from generator.running.settings.variables import default_of

        if self.is_demo and (self.settings.project_dir / default_of("CONFIG_DIR") / f"{name}.json").exists():
            return Unusable(f"{name} is no sync of the demo, which is what runs here; make down ends it")
        broken = next((path for path in self._paths() if path.stem == name), None)
        if broken:
            return Unusable(f"{broken.name} does not load, so that there is no sync {name}; jira-sync check says why")
        return unknown_sync(name, names, programs)

    def _files(self, paths: list[Path] | None = None) -> list[SyncFile]:
        from sync_model.files.loading import load_file

        return [file for path in paths or self._paths() for file in load_file(path, self.environ).files]

    def _snapshots(self) -> list[Path]:
        """Return the copies of the files that the workers of the running group read."""
        return list(self.settings.snapshots.glob("[!.]*.json")) if self.is_running else []

    def _paths(self) -> list[Path]:
        from generator.running.errors import Unusable
        from sync_model.files.config_files import config_paths

        folder = self.settings.config_dir
        if not folder.is_dir():
            raise Unusable(self.no_folder)
        return config_paths(folder)


def find_target(environ: Environ, *, is_quiet: bool = False) -> Target:
    """Return the target that `environ` names, and go to its folder. root goes on as its owner. Raises Unusable.

    Unless `is_quiet`, it warns of what this shell sets without effect on the group that runs.
    """
    from generator.running.settings.group import of_running_group
    from generator.running.supervision.running_group import enter, environment_of_group, settings_to_read, warn_of_shell
    from sync_model.environment.group_secrets import remember_group_secrets

    settings, environ = settings_to_read(environ, waits_for_files=True)
    started_with = environment_of_group(settings.run_dir)
    if started_with is None:
        return Target(settings, environ, is_running=False)
    remember_group_secrets(started_with)
    settings = of_running_group(settings, environ)
    enter(settings)
    if not is_quiet:
        warn_of_shell(environ, started_with, settings)
    return Target(settings, {**started_with, **settings.database_variable}, is_running=True)
