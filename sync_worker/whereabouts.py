"""Where the issues are now that the replaced service named by keys, and what they are like. Jira is only read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync
from sync_worker.edges import Jira
from sync_worker.former import FormerPair, named_in
from sync_worker.issue import Glimpse, Issue
from sync_worker.pairing import Listed, Listing, Place
from sync_worker.side_by_side import batches

BATCH = 100


@dataclass
class Whereabouts:
    """One side's issues. `go_on` is called between any two steps; `unfit` are those that cannot be read, and why."""

    side: Side
    sync: Sync
    jira: Jira
    log: FilteringBoundLogger
    go_on: Callable[[], None]
    unfit: dict[str, str] = field(default_factory=dict)

    @cached_property
    def listing(self) -> Listing:
        """All issues of the project, as search shows them."""

        def listed(seen: Glimpse) -> Listed:
            return Listed(seen.id, seen.key, seen.status, seen.updated, named_in(self.side, seen.description))

        self.go_on()
        return Listing(self.jira.listing(self._project, listed), self.sync.project_key(self.side))

    @property
    def _project(self) -> str:
        return self.jira.project_id(self.sync.project_key(self.side))

    def places(self, keys: Collection[str]) -> dict[str, Place]:
        """Return where the issues are that have these keys, or once had them."""
        listed = {key: self.listing.find(key) for key in keys}
        places = {key: Place(found.id, found.key) for key, found in listed.items() if found}
        ids: dict[str, str] = {}
        for key in (key for key, found in listed.items() if found is None):
            self.go_on()
            ids |= self.jira.ids_of([key])
        issues, project = self.read(set(ids.values())), self._project
        for key in set(listed) - set(places):
            issue = issues.get(ids.get(key, ""))
            places[key] = Place(issue.id, issue.key, issue.project_id == project) if issue else Place.nowhere(key)
        return places

    def is_ours(self, pair: FormerPair, places: Mapping[str, Place]) -> bool:
        """Tell whether this side's issue of the pair is in the project, or was."""
        key = pair.key(self.side)
        return places[key].in_project or key.rpartition("-")[0].upper() == self.sync.project_key(self.side).upper()

    def read(self, ids: Collection[str]) -> dict[str, Issue]:
        """Read issues directly, with all of their history."""
        found: dict[str, Issue] = {}
        for batch in batches(ids, BATCH):
            self.go_on()
            read = self.jira.read(batch)
            for issue_id, why in read.unfit.items():
                self.log.error("issue left alone", side=self.side, issue=issue_id, error=why)
            self.unfit |= read.unfit
            found |= {each.id: self.jira.with_history(each) for each in read.issues}
        return found
