"""What search sees: a copy of the issues. It may lag behind the site, and it may lose sight of issues for a while."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import NamedTuple

from jira_simulator.site.model import SimulatedIssue
from jira_simulator.site.simulated_site import SimulatedSite

ANSWERS_KEPT = 50


class IndexEntry(NamedTuple):
    """One issue as the index knows it. `number` is the key in its order. `status` is in lower case."""

    id: int
    key: str
    number: tuple[str, int]
    project: str
    status: str
    labels: tuple[str, ...]
    priority: str | None
    description: str | None
    creator: str
    created: datetime
    updated: datetime


class _PendingEntry(NamedTuple):
    """One state of an issue that becomes visible at `due`. The entry is None when the issue was deleted."""

    due: float
    noted: float
    issue_id: int
    entry: IndexEntry | None


class SearchIndex:
    """The search index of one site. While `is_held` is true, no change becomes visible."""

    def __init__(self, site: SimulatedSite, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_held = False
        self._clock = clock
        self._lag = 0.0
        self._hidden: dict[int, float] = {}
        self._entries: dict[int, IndexEntry] = {}
        self._by_project: dict[str, dict[int, IndexEntry]] = {}
        self._pending: deque[_PendingEntry] = deque()
        self._answers: dict[Hashable, list[IndexEntry]] = {}
        self._orphans: set[int] = set()
        site.on_change = self._note
        for issue in site.issues.values():
            self._put(issue.id, _entry(issue))

    @property
    def lag(self) -> float:
        """In seconds. A longer lag holds for later changes only, a shorter one also for changes that are pending."""
        return self._lag

    @lag.setter
    def lag(self, seconds: float) -> None:
        # Pending entries stay in order: no state is due after a later one, whatever the lag was in between.
        self._lag = seconds
        self._pending = deque(
            pending._replace(due=min(pending.due, pending.noted + seconds)) for pending in self._pending
        )

    def hide(self, issue_ids: set[int], seconds: float = math.inf) -> None:
        """Lose sight of these issues for so many seconds, or until they are shown."""
        self._hidden |= dict.fromkeys(issue_ids, self._clock() + seconds)
        self._answers.clear()

    def show(self, issue_ids: set[int]) -> None:
        self._hidden = {hidden: until for hidden, until in self._hidden.items() if hidden not in issue_ids}
        self._answers.clear()

    def orphan(self, issue_ids: set[int]) -> None:
        """Keep what the index has of these issues for ever, although they are about to be deleted."""
        self._orphans |= issue_ids

    def is_orphan(self, entry: IndexEntry) -> bool:
        return entry.id in self._orphans

    def entries(self, projects: frozenset[str] | None = None) -> list[IndexEntry]:
        """Return what search can find now: in the projects with these ids, or in all of them."""
        self._catch_up()
        if projects is None:
            found = list(self._entries.values())
        else:
            found = [entry for project in projects for entry in self._by_project.get(project, {}).values()]
        return [entry for entry in found if entry.id not in self._hidden] if self._hidden else found

    def cached(self, query: Hashable, find: Callable[[], list[IndexEntry]]) -> list[IndexEntry]:
        """Return what `find` returns, or what it returned for the same query if nothing has changed since."""
        self._catch_up()
        if query not in self._answers:
            if len(self._answers) >= ANSWERS_KEPT:
                self._answers.clear()
            self._answers[query] = find()
        return self._answers[query]

    def _note(self, issue: SimulatedIssue, is_deleted: bool) -> None:  # noqa: FBT001 - the site calls it so
        if issue.id in self._orphans:
            return
        now = self._clock()
        self._pending.append(_PendingEntry(now + self._lag, now, issue.id, None if is_deleted else _entry(issue)))
        # At once, so that a lag or a hold that is set later does not apply to earlier changes.
        self._catch_up()

    def _catch_up(self) -> None:
        """Make visible what is due by now."""
        if not self._pending and not self._hidden:
            return
        now = self._clock()
        while self._pending and not self.is_held and self._pending[0].due <= now:
            pending = self._pending.popleft()
            self._put(pending.issue_id, pending.entry)
        if over := {hidden for hidden, until in self._hidden.items() if until <= now}:
            self.show(over)

    def _put(self, issue_id: int, entry: IndexEntry | None) -> None:
        self._answers.clear()
        before = self._entries.get(issue_id)
        if before and (entry is None or before.project != entry.project):
            del self._by_project[before.project][issue_id]
        if entry is None:
            self._entries.pop(issue_id, None)
        else:
            self._entries[issue_id] = entry
            self._by_project.setdefault(entry.project, {})[issue_id] = entry


def _entry(issue: SimulatedIssue) -> IndexEntry:
    project, _, number = issue.key.rpartition("-")
    return IndexEntry(
        id=issue.id,
        key=issue.key,
        number=(project, int(number)),
        project=issue.project.id,
        status=issue.status.name.lower(),
        labels=tuple(issue.labels),
        priority=issue.priority,
        description=issue.description,
        creator=issue.creator.id,
        created=issue.created,
        updated=issue.updated,
    )
