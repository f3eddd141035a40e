"""What search sees: a copy of the issues that may lag behind, and may lose sight of some for a while."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from jira_simulator.model import Issue
from jira_simulator.state import Site


@dataclass(frozen=True)
class Entry:
    """One issue as the index knows it."""

    id: int
    key: str
    project: str
    status: str
    labels: tuple[str, ...]
    priority: str | None
    description: str | None
    creator: str
    created: datetime
    updated: datetime


class Index:
    """The search index of one site. `lag` in seconds; `is_held` keeps everything out until it is released."""

    def __init__(self, site: Site) -> None:
        self.lag = 0.0
        self.is_held = False
        self.hidden: set[int] = set()
        self._entries: dict[int, Entry] = {}
        self._by_project: dict[str, dict[int, Entry]] = {}
        self._waiting: deque[tuple[float, int, Entry | None]] = deque()
        site.on_change = self._note
        for issue in site.issues.values():
            self._put(issue.id, _entry(issue))

    def entries(self, projects: frozenset[str] | None = None) -> list[Entry]:
        """Return what search can find now, in these projects (ids) only if any are named."""
        self._catch_up()
        if projects is None:
            entries = self._entries.values()
            return [entry for entry in entries if entry.id not in self.hidden]
        found = (self._by_project.get(each, {}) for each in projects)
        return [entry for entries in found for entry in entries.values() if entry.id not in self.hidden]

    def entry(self, issue_id: int) -> Entry | None:
        return self._entries.get(issue_id)

    def _note(self, issue: Issue, gone: bool) -> None:  # noqa: FBT001 - the site calls it so
        self._waiting.append((time.monotonic() + self.lag, issue.id, None if gone else _entry(issue)))
        # At once, so that a lag or a hold set later is not one for what came before.
        self._catch_up()

    def _catch_up(self) -> None:
        now = time.monotonic()
        while self._waiting and not self.is_held and (self._waiting[0][0] <= now or self.lag == 0):
            _, issue_id, entry = self._waiting.popleft()
            self._put(issue_id, entry)

    def _put(self, issue_id: int, entry: Entry | None) -> None:
        if before := self._entries.get(issue_id):
            del self._by_project[before.project][issue_id]
        if entry is None:
            self._entries.pop(issue_id, None)
        else:
            self._entries[issue_id] = entry
            self._by_project.setdefault(entry.project, {})[issue_id] = entry


def _entry(issue: Issue) -> Entry:
    return Entry(
        id=issue.id,
        key=issue.key,
        project=issue.project.id,
        status=issue.status.name,
        labels=tuple(issue.labels),
        priority=issue.priority,
        description=issue.description,
        creator=issue.creator.id,
        created=issue.created,
        updated=issue.updated,
    )
