"""`jira-sync restore`: one sync's database from a backup. See docs/backup.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from jira_sync.context.backup_file import check_backup, contents_as_json, summary
from jira_sync.context.command_line import AsJson, Name, Panel, seen_from_here
from jira_sync.context.database import database
from jira_sync.context.target import find_target
from jira_sync.output.progress import progress_bar
from jira_sync.output.terminal import current_user, print_json, print_line, warn


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.DATABASE)(restore)


def restore(
    name: Name,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="What backup wrote, or mongodump --archive --gzip.", callback=seen_from_here
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", "--force", help="Replace what is in the database.")] = False,
    previous_format: Annotated[
        bool,
        typer.Option(
            "--previous-format", help="Put back what was there before a newer version raised the database's format."
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Put a backup in the place of one sync's database.

    Its worker must be stopped: jira-sync stop NAME. The file is checked
    to its end before anything is touched. What was done in Jira since the
    backup is not done again. See docs/backup.md.

    With --previous-format, what was there before a newer version raised
    the format of the database takes its place: it is kept for 30 days,
    so that the version before can go on. See docs/upgrading.md.

    Example: jira-sync restore sync-ab /backups/sync-ab.2025-01-31 --replace
    """
    from sync_worker.database.backups.restore import Restore
    from sync_worker.database.lease import Lease

    if (file is None) is not previous_format:
        raise typer.BadParameter("say which FILE, or --previous-format")
    target = find_target(os.environ)
    sync = target.sync(name).sync
    checked = check_backup(file, sync.database) if file else None
    if checked and checked.sync not in (None, name):
        warn(f"this is a backup of {checked.sync}: what that one created since is not recognised by {name}")
    with database(target, name, is_needed=True) as client:
        lease = Lease(client, sync.database, target.run_dir, lambda: None)
        try:
            with progress_bar("restoring", checked.counts.total() if checked else 0) as advance:
                work = Restore(client, sync, lease)
                if file and checked:
                    contents = checked
                    work.run(file, contents, current_user(), advance, replace_existing=replace)
                else:
                    contents = work.back_to_previous_format(current_user(), advance)
        finally:
            lease.release()
    if as_json:
        print_json({"sync": name, "file": file, "database": sync.database, **contents_as_json(contents)})
        return 0
    print_line(f"{sync.database}: {summary(contents)}")
    print_line("its first cycle waits until search must show what was created since the backup, and finds that again")
    return 0
