"""`jira-sync backup`: one sync's database as a file. See docs/backup.md."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.context import mongodump
from jira_sync.context.backup_file import check_backup, contents_as_json, summary
from jira_sync.context.command_line import AsJson, Name, Panel, seen_from_here
from jira_sync.context.database import database, url_of_server
from jira_sync.context.target import find_target
from jira_sync.output.progress import progress_bar
from jira_sync.output.terminal import print_json, print_line
from sync_model.regular_files import kind_fault

if TYPE_CHECKING:
    from pymongo import MongoClient

NO_FOLDER = "there is no such folder"


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.DATABASE)(backup)


def backup(
    name: Name,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="What to write; it appears when it is complete.", callback=seen_from_here),
    ],
    own_format: Annotated[
        bool, typer.Option("--own-format", help="Do not use mongodump, even if it is there.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Write one sync's database to a file, also while its worker runs.

    With mongodump on PATH it is an archive of mongodump's, else it is of
    a format of its own; restore reads both. See docs/backup.md.

    Example: jira-sync backup sync-ab /backups/sync-ab.$(date +%F)
    """
    from generator.running.errors import Unusable
    from sync_worker.database.backups.backup import collections_of

    target = find_target(os.environ)
    sync = target.sync(name).sync
    with database(target, name) as client:
        if not collections_of(client[sync.database]):
            raise Unusable(f"there is nothing to back up: {name} has never run")
        with _draft_of(file) as (draft, stream):
            if not own_format and (tool := shutil.which("mongodump")):
                mongodump.run(tool, url_of_server(target, client), sync.database, stream)
            else:
                _write(client, sync.database, name, stream)
            stream.flush()
            os.fsync(stream.fileno())
            # A backup that cannot be read is found out now, not when it is needed.
            contents = check_backup(draft, sync.database)
            draft.replace(file)
    if as_json:
        print_json({"sync": name, "file": file, "database": sync.database, **contents_as_json(contents)})
    else:
        print_line(f"{file}: {summary(contents)}")
    return 0


def _write(client: MongoClient[dict[str, Any]], database_name: str, name: str, stream: IO[bytes]) -> None:
    """Write the database in the project's own format."""
    from sync_worker.database.backups import backup as own_format

    source = client[database_name]
    collections = own_format.collections_of(source)
    count = sum(source[collection].estimated_document_count() for collection in collections)
    with progress_bar("writing", count) as advance:
        own_format.write(source, name, stream, advance)


@contextmanager
def _draft_of(file: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Yield a new file in the folder of `file`, readable by our user only. It is deleted unless it was renamed."""
    if not file.parent.is_dir():
        raise FileNotFoundError(2, NO_FOLDER, str(file.parent))
    # The backup takes the place of what is there: /dev/null must not become a file.
    if file.exists() and (fault := kind_fault(file.stat().st_mode)):
        raise FileExistsError(17, f"{fault}; name another one", str(file))
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as stream:
        draft = Path(stream.name)
        try:
            yield draft, stream
        finally:
            draft.unlink(missing_ok=True)
