"""What an edit moves a sync to: other sites, projects or another database than it was applied with last.

Nothing is asked of Jira or MongoDB here. A worker compares what it finds with what its database remembers, and stops
where that is something else. So whoever edits the file is told beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.deploy.edits import Edit, edits
from generator.running.settings.group import Settings
from sync_model.definition.sync import Side, Sync
from sync_model.files.checks import sites_of
from sync_model.files.loading import Loaded
from sync_model.files.problems import Problem


def moves(loaded: Loaded, settings: Settings, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return a warning for each field by which a file moves its sync. Nothing is said of a sync that is new."""
    return tuple(warning for edit in edits(loaded, settings, environ) for warning in _moves_of(edit, environ))


def _moves_of(edit: Edit, environ: Mapping[str, str]) -> Iterator[Problem]:
    before, now, name = edit.before, edit.now, edit.file.path.name
    adopt = f"jira-sync adopt {now.name}"
    for where, was, seen in _places(before, now, environ):
        asks = f"the sync stops and asks, if it has pairs: {adopt}"
        yield Problem(name, where, f"is {seen} now, and was {was} when it was applied last; {asks}")
    if before.database.lower() != now.database.lower():
        keep = f'to keep what it remembers, write "databaseName": "{before.database}"'
        yield Problem(
            name,
            "databaseName",
            f"the database is {now.database} now, and was {before.database} when it was applied last; {keep}; "
            f"if marks in Jira show that it has pairs already, the sync stops and asks: {adopt}",
        )


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
