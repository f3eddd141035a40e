"""A backup as a file: whether it can be read to its end, and what it contains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jira_sync.output.progress import progress_bar

if TYPE_CHECKING:
    from sync_worker.database.backups.backup import Contents


def check_backup(file: Path, database_name: str) -> Contents:
    """Read `file` to its end; return what it contains."""
    from sync_worker.database.backups import backup

    with progress_bar("checking", file.stat().st_size) as advance:
        return backup.check(file, database_name, advance)


def contents_as_json(contents: Contents) -> dict[str, Any]:
    """Return the counts of a backup's collections, and when it was made, where its format says that."""
    return {"counts": dict(contents.counts), "made": contents.made}


def summary(contents: Contents) -> str:
    counts = ", ".join(f"{contents.counts[name]} {name}" for name in ("issues", "pairs", "actions"))
    return f"{counts}, of {contents.made}" if contents.made else counts
