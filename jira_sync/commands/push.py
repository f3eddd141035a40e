"""`jira-sync push`: puts the files into the database that all containers share."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.context.command_line import AsJson, Panel, seen_from_here
from jira_sync.context.fleet import Fleet, find_fleet
from jira_sync.output.terminal import complain, current_user, print_json, print_line, warn

if TYPE_CHECKING:
    from jira_sync.context.pushing import Push
    from sync_model.files.loading import Loaded


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.FLEET)(push)


def push(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="The folder with the files; CONFIG_DIR.", callback=seen_from_here),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Push nothing if any file has a problem.")] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Stop all syncs if the folder is empty.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    as_json: AsJson = False,
) -> int:
    """Put the files into the database that all containers share; each follows within seconds.

    That is for containers with CONFIG_SOURCE=database. Only syncs whose files
    differ restart. Secrets stay where they are: files refer to them, and one
    that holds a secret itself is refused. A file with a problem stays as it
    was pushed before, and makes the exit code 1.

    Example: DATABASE_URL=mongodb://db.example.com FLEET=main jira-sync push configs/
    """
    from generator.running.errors import Unusable

    fleet = find_fleet(os.environ)
    folder = folder or fleet.folder
    planned = _planned(fleet, _load(folder))
    for warning in planned.loaded.warnings:
        warn(str(warning))
    for problem in planned.loaded.problems:
        complain(str(problem))
    if strict and planned.loaded.problems:
        raise Unusable("nothing was pushed, because of --strict")
    if not (planned.files or allow_empty):
        aside = "if all syncs shall stop: jira-sync push --allow-empty"
        raise Unusable(f"{folder} holds no sync that can be pushed; nothing was pushed. {aside}")
    number = planned.before.number
    if planned.is_needed:
        number = planned.number if dry_run else _push(fleet, planned)
    _print(fleet, planned, number, is_pushed=planned.is_needed and not dry_run, as_json=as_json)
    return int(bool(planned.loaded.problems))


def _load(folder: Path) -> Loaded:
    from generator.running.errors import Unusable
    from sync_model.files.pushable import load_to_push

    try:
        return load_to_push(folder)
    except OSError as error:
        raise Unusable(str(error)) from None


def _planned(fleet: Fleet, loaded: Loaded) -> Push:
    from jira_sync.context.pushing import plan_push, read_before

    with fleet.files() as files:
        return plan_push(loaded, read_before(files))


def _push(fleet: Fleet, planned: Push) -> int:
    from jira_sync.context.pushing import hashes_of

    with fleet.files() as files:
        return files.push(planned.number, current_user(), planned.files, hashes_of(planned.before)).number


def _print(fleet: Fleet, planned: Push, number: int, *, is_pushed: bool, as_json: bool) -> None:
    changes = list(planned.changes())
    if as_json:
        loaded = planned.loaded
        print_json(
            {
                "fleet": fleet.name,
                "version": number,
                "isPushed": is_pushed,
                "changes": [{"file": change.file, "change": change.what, "why": change.why} for change in changes],
                "unchanged": planned.unchanged,
                "problems": [asdict(problem) for problem in loaded.problems],
                "warnings": [asdict(warning) for warning in loaded.warnings],
            }
        )
        return
    for change in changes:
        print_line(str(change))
    if planned.unchanged:
        print_line(f"= {planned.unchanged} unchanged")
    print_line(_sentence(fleet, planned, number, is_pushed=is_pushed))


def _sentence(fleet: Fleet, planned: Push, number: int, *, is_pushed: bool) -> str:
    if is_pushed:
        return f"version {number} is pushed for fleet {fleet.name}"
    if planned.is_needed:
        return f"this would be version {number} for fleet {fleet.name}; nothing was pushed"
    return f"nothing to push: version {number} of fleet {fleet.name} is the same"
