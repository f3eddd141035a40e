"""`jira-sync backup` and `jira-sync restore`: one sync's database as a file, and back. See docs/backup.md."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.context import mongodump
from jira_sync.context.database import address_of, database
from jira_sync.context.target import complete_name, find_target
from jira_sync.output.terminal import out, warn, who

if TYPE_CHECKING:
    from pymongo import MongoClient

    from sync_worker.database.backup import Contents

PANEL = "The memory of a sync"
NOWHERE = "there is no such folder"
Name = Annotated[str, typer.Argument(metavar="NAME", help="The sync.", autocompletion=complete_name)]


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (backup, restore):
        app.command(rich_help_panel=PANEL)(command)


def backup(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write; it appears when it is complete.")],
    own_format: Annotated[
        bool, typer.Option("--own-format", help="Do not use mongodump, even if it is there.")
    ] = False,
) -> int:
    """Write one sync's database to a file, also while its worker runs.

    With mongodump on PATH it is an archive of mongodump's, else it is of
    a format of its own; restore reads both. See docs/backup.md.

    Example: jira-sync backup sync-ab /backups/sync-ab.$(date +%F)
    """
    from generator.running.settings import Unusable
    from sync_worker.database import backup as backups

    here = find_target(os.environ)
    sync = here.sync(name).sync
    with database(here, name) as client:
        if not backups.collections_of(client[sync.database]):
            raise Unusable(f"there is nothing to back up: {name} has never run")
        with _draft_of(file) as (draft, stream):
            if not own_format and (tool := shutil.which("mongodump")):
                mongodump.run(tool, address_of(here, client), sync.database, stream)
            else:
                _write(client, sync.database, name, stream)
            stream.flush()
            os.fsync(stream.fileno())
            # What cannot be read is no backup: better to find that out now.
            contents = _checked(draft, sync.database)
            draft.replace(file)
    out.print(f"{file}: {_said(contents)}", markup=False)
    return 0


def restore(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What backup wrote, or mongodump --archive --gzip.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is in the database.")] = False,
) -> int:
    """Put a backup in the place of one sync's database.

    Its worker must be stopped: supervisorctl stop NAME. The file is checked
    to its end before anything is touched. What was done in Jira since the
    backup is not done again. See docs/backup.md.

    Example: jira-sync restore sync-ab /backups/sync-ab.2025-01-31 --replace
    """
    from sync_worker.database.lease import Lease
    from sync_worker.database.restore import Restore

    here = find_target(os.environ)
    sync = here.sync(name).sync
    contents = _checked(file, sync.database)
    if contents.sync not in (None, name):
        warn(f"this is a backup of {contents.sync}: what that one created since is not recognised by {name}")
    with database(here, name, is_needed=True) as client:
        lease = Lease(client, sync.database, here.run_dir, lambda: None)
        try:
            with _bar("restoring", contents.counts.total()) as step:
                Restore(client, sync, lease).run(file, contents, who(), step, replace_existing=replace)
        finally:
            lease.release()
    out.print(f"{sync.database}: {_said(contents)}", markup=False)
    out.print("its first cycle waits until search must show what was created since the backup, and finds that again")
    return 0


def _write(client: MongoClient[dict[str, Any]], database_name: str, name: str, stream: IO[bytes]) -> None:
    from sync_worker.database import backup as backups

    source = client[database_name]
    count = sum(source[each].estimated_document_count() for each in backups.collections_of(source))
    with _bar("writing", count) as step:
        backups.write(source, name, stream, step)


def _checked(file: Path, database_name: str) -> Contents:
    from sync_worker.database import backup as backups

    with _bar("checking", file.stat().st_size) as step:
        return backups.check(file, database_name, step)


def _said(contents: Contents) -> str:
    counts = ", ".join(f"{contents.counts[each]} {each}" for each in ("issues", "pairs", "actions"))
    return f"{counts}, of {contents.made}" if contents.made else counts


@contextmanager
def _draft_of(file: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Give a new file beside `file`, for our own user only, which is gone in the end unless it has taken its place."""
    if not file.parent.is_dir():
        raise FileNotFoundError(2, NOWHERE, str(file.parent))
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as stream:
        draft = Path(stream.name)
        try:
            yield draft, stream
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far it is, where a person watches; the callable is told how much is done."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=max(total, 1))
        yield lambda done: progress.update(task, completed=done)
