"""What search sees: a copy of the issues that may lag behind, and may lose sight of some for a while."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import NamedTuple

from jira_simulator.model import Issue
from jira_simulator.state import Site

ANSWERS_KEPT = 50


class IndexEntry(NamedTuple):
    """One issue as the index knows it. `number` is the key as it is ordered, and `status` is in lower case."""

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


class _Waiting(NamedTuple):
    """One state of an issue that is to become visible `due`; None when the issue is gone."""

    due: float
    noted: float
    issue_id: int
    entry: IndexEntry | None


class Index:
    """The search index of one site. `is_held` keeps everything out until it is released."""

    def __init__(self, site: Site, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_held = False
        self._clock = clock
        self._lag = 0.0
        self._hidden: dict[int, float] = {}
        self._entries: dict[int, IndexEntry] = {}
        self._by_project: dict[str, dict[int, IndexEntry]] = {}
        self._waiting: deque[_Waiting] = deque()
        self._answers: dict[Hashable, list[IndexEntry]] = {}
        site.on_change = self._note
        for issue in site.issues.values():
            self._put(issue.id, _entry(issue))

    @property
    def lag(self) -> float:
        """In seconds. A longer one holds for what happens from now on, a shorter one for what waits already."""
        return self._lag

    @lag.setter
    def lag(self, seconds: float) -> None:
        # So an earlier state is never due after a later one, of whatever issue, however the lag changes.
        self._lag = seconds
        self._waiting = deque(each._replace(due=min(each.due, each.noted + seconds)) for each in self._waiting)

    def hide(self, issue_ids: set[int], seconds: float = math.inf) -> None:
        """Lose sight of these issues, for so long or until they are shown."""
        self._hidden |= dict.fromkeys(issue_ids, self._clock() + seconds)
        self._answers.clear()

    def show(self, issue_ids: set[int]) -> None:
        self._hidden = {each: until for each, until in self._hidden.items() if each not in issue_ids}
        self._answers.clear()

    def entries(self, projects: frozenset[str] | None = None) -> list[IndexEntry]:
        """Return what search can find now, in these projects (ids) only if any are named."""
        self._catch_up()
        if projects is None:
            found = list(self._entries.values())
        else:
            found = [entry for each in projects for entry in self._by_project.get(each, {}).values()]
        return [entry for entry in found if entry.id not in self._hidden] if self._hidden else found

    def remembered(self, query: Hashable, find: Callable[[], list[IndexEntry]]) -> list[IndexEntry]:
        """Return what `find` finds, or what it found for the same query before, if nothing has changed since."""
        self._catch_up()
        if query not in self._answers:
            if len(self._answers) >= ANSWERS_KEPT:
                self._answers.clear()
            self._answers[query] = find()
        return self._answers[query]

    def _note(self, issue: Issue, gone: bool) -> None:  # noqa: FBT001 - the site calls it so
        now = self._clock()
        self._waiting.append(_Waiting(now + self._lag, now, issue.id, None if gone else _entry(issue)))
        # At once, so that a lag or a hold set later is not one for what came before.
        self._catch_up()

    def _catch_up(self) -> None:
        if not self._waiting and not self._hidden:
            return
        now = self._clock()
        while self._waiting and not self.is_held and self._waiting[0].due <= now:
            waited = self._waiting.popleft()
            self._put(waited.issue_id, waited.entry)
        if over := {each for each, until in self._hidden.items() if until <= now}:
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


def _entry(issue: Issue) -> IndexEntry:
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
