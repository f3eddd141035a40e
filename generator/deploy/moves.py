"""What an edit moves a sync to: other sites, projects or another database than it was applied with last.

Nothing is asked of Jira or MongoDB here. A worker compares what it finds with what its database remembers, and stops
where that is something else. So whoever edits the file is told beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.running.manifest import AppliedSync, read_manifest
from generator.running.settings import Settings
from sync_model.checks import claims_of, sites_of
from sync_model.definition import Side, Sync
from sync_model.loading import Loaded, SyncFile, load_file
from sync_model.problems import Problem


def moves(loaded: Loaded, settings: Settings, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return a warning for each field by which a file moves its sync. Nothing is said of a sync that is new."""
    manifest = read_manifest(settings)
    return tuple(warning for file in loaded.files for warning in _moves_of(file, loaded, manifest, settings, environ))


def _moves_of(
    file: SyncFile,
    loaded: Loaded,
    manifest: Mapping[str, AppliedSync],
    settings: Settings,
    environ: Mapping[str, str],
) -> Iterator[Problem]:
    name = _name_before(file, loaded, manifest, environ)
    applied = load_file(settings.snapshots / f"{name}.json", environ, is_running=True).files if name else ()
    if not applied or manifest[applied[0].sync.name].digest == file.digest:
        return
    before, now = applied[0].sync, file.sync
    adopt = f"jira-sync adopt {now.name}"
    for where, was, seen in _places(before, now, environ):
        asks = f"the sync stops and asks, if it has pairs: {adopt}"
        yield Problem(file.path.name, where, f"is {seen} now, and was {was} when it was applied last; {asks}")
    if before.database.lower() != now.database.lower():
        keep = f'to keep what it remembers, write "databaseName": "{before.database}"'
        yield Problem(
            file.path.name,
            "databaseName",
            f"the database is {now.database} now, and was {before.database} when it was applied last; {keep}; "
            f"if marks in Jira show that it has pairs already, the sync stops and asks: {adopt}",
        )


def _name_before(
    file: SyncFile, loaded: Loaded, manifest: Mapping[str, AppliedSync], environ: Mapping[str, str]
) -> str | None:
    """Return the name that a sync was applied with. It has a new one if its file, or its pair of projects, had another.

    None when it is new.
    """
    if file.sync.name in manifest:
        return file.sync.name
    names, projects = {other.sync.name for other in loaded.files}, claims_of(file.sync, environ)["userProjectKey"]
    left = [(name, applied) for name, applied in manifest.items() if name not in names]
    same = [name for name, applied in left if applied.file == file.path.name]
    same += [name for name, applied in left if applied.claims.get("userProjectKey") == projects]
    return same[0] if same else None


def _places(before: Sync, now: Sync, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield field, former and present value of each site and project that is another one."""
    sites = zip(Side, sites_of(before, environ), sites_of(now, environ), strict=True)
    fields = [(f"{side}Jira" if now.has_own_account(side) else "jira", was, seen) for side, was, seen in sites]
    for block, was, seen in dict.fromkeys(fields):  # one field may stand for both sides
        if was != seen:
            yield f"{block}.baseUrl", was, seen
    for side in Side:
        was, seen = before.project_key(side), now.project_key(side)
        if was.upper() != seen.upper():
            yield f"{side}ProjectKey", was, seen
