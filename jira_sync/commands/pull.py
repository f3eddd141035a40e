"""`jira-sync pull`: writes what was pushed into a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.context.command_line import AsJson, Panel, seen_from_here
from jira_sync.context.fleet import find_fleet
from jira_sync.output.outcomes import Outcomes
from sync_model.regular_files import read_regular

if TYPE_CHECKING:
    from sync_worker.database.shared.pushed_files import PushedFiles, Version


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.FLEET)(pull)


def pull(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to write; it is made.", callback=seen_from_here)
    ],
    number: Annotated[int | None, typer.Option("--version", metavar="N", help="Another one than the newest.")] = None,
    replace: Annotated[bool, typer.Option("--replace", "--force", help="Write over files that differ.")] = False,
    as_json: AsJson = False,
) -> int:
    """Write what was pushed into a folder, to look at it, to edit it, or to go back to it.

    A file there that differs is kept, and nothing is written, unless --replace
    says so. To go back to a version, pull it into an empty folder and push
    that folder: it becomes the newest version.

    Example: jira-sync pull /tmp/before --version 11 && jira-sync push /tmp/before
    """
    from generator.running.errors import Unusable
    from generator.running.files import write_if_changed

    fleet = find_fleet(os.environ)
    with fleet.files() as files:
        version = _version(files, number)
        found = files.contents(version.hashes.values())
    contents = {name: found[digest] for name, digest in version.hashes.items() if digest in found}
    differing = {name for name, content in contents.items() if _differs(folder / name, content)}
    in_the_way = sorted(name for name in differing if (folder / name).exists() or (folder / name).is_symlink())
    if in_the_way and not (replace and all(_is_file(folder / name) for name in in_the_way)):
        aside = "remove them" if replace else "nothing was written; --replace writes over them"
        raise Unusable(f"{folder} has something else by the names {', '.join(in_the_way)}: {aside}")
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = Outcomes("files", as_json=as_json, fleet=fleet.name, version=version.number)
    for name in sorted(differing):
        write_if_changed(folder / name, contents[name])
        outcomes.add(f"{'~' if name in in_the_way else '+'} {name}", file=name)
    for name in sorted({*version.hashes, *version.unusable} - set(contents)):
        outcomes.add(f"{name}: is not in the database as it was pushed", is_done=False, file=name)
    others = _others(folder, version)
    for name in others:
        outcomes.say(f"! {name} is not part of version {version.number}")
    if unchanged := len(contents) - len(differing):
        outcomes.say(f"= {unchanged} unchanged")
    at = f"{version.stamp.at:%Y-%m-%d %H:%M} UTC"
    outcomes.say(f"{folder} has version {version.number} of fleet {fleet.name}, pushed {at} by {version.by}")
    return outcomes.end(unchanged=unchanged, others=others)


def _version(files: PushedFiles, number: int | None) -> Version:
    from generator.running.errors import Unusable

    newest = files.newest()
    if newest is None:
        raise Unusable(f"nothing has been pushed for fleet {files.fleet} yet: jira-sync push")
    version = files.version(number or newest.number)
    if version is None:
        raise Unusable(f"there is no version {number}; jira-sync versions lists those that are there")
    return version


def _differs(path: Path, content: bytes) -> bool:
    """Tell whether `path` is not a file with this content."""
    try:
        return not _is_file(path) or read_regular(path, len(content)) != content
    except OSError:
        return True


def _is_file(path: Path) -> bool:
    """Tell whether a file can be written over: it is no link, no folder, no pipe."""
    return path.is_file() and not path.is_symlink()


def _others(folder: Path, version: Version) -> list[str]:
    """Return the files in the folder that a push would add to those of the version."""
    from sync_model.files.config_files import config_paths

    return [path.name for path in config_paths(folder) if path.name not in version.hashes]
