"""The fleet that a command is about: the containers that share the files in one database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jira_sync.context.command_line import seen_from_here
from jira_sync.context.target import Target

if TYPE_CHECKING:
    from sync_worker.database.shared.pushed_files import PushedFiles

Environ = Mapping[str, str]
ADDRESS = ("DATABASE_URL", "DATABASE_URL_FILE")


@dataclass(frozen=True)
class Fleet:
    """`folder` is where its files are edited, if that is on this machine."""

    target: Target
    name: str
    folder: Path

    @contextmanager
    def files(self) -> Iterator[PushedFiles]:
        """Connect to the files of the fleet. Raises Unusable, with advice, if the database is not available."""
        from sync_worker.database.shared.pushed_files import PushedFiles

        with self.target.connect("command") as client:
            yield PushedFiles(client, self.name)


def find_fleet(environ: Environ) -> Fleet:
    """Return the fleet that this shell names, or else that of the group here. Raises Unusable.

    Whoever pushes need not be where a container is: what this shell says of the database and the fleet counts.
    """
    from generator.running.errors import Unusable
    from generator.running.settings.group import of_running_group
    from generator.running.settings.variables import default_of
    from generator.running.supervision.running_group import environment_of_group, settings_to_read
    from sync_model.environment.group_secrets import remember_group_secrets

    named = seen_from_here(Path(environ["CONFIG_DIR"])) if environ.get("CONFIG_DIR") else None
    settings, environ = settings_to_read(environ, waits_for_files=True)
    folder = named or settings.project_dir / default_of("CONFIG_DIR")
    started_with = environment_of_group(settings.run_dir)
    of_group = settings if started_with is None else of_running_group(settings, {})
    name = settings.fleet if environ.get("FLEET") else of_group.fleet
    if started_with is not None and not any(environ.get(variable) for variable in ADDRESS):
        remember_group_secrets(started_with)
        settings, environ = of_group, started_with
    if settings.embedded:
        raise Unusable(
            "the files go into the MongoDB server that all containers share: set DATABASE_URL or DATABASE_URL_FILE"
        )
    return Fleet(Target(replace(settings, embedded=False), environ, started_with is not None), name, folder)
