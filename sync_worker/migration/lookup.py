"""Where the issues are now that the replaced service named by keys, and how they stand. Jira is only read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sync_model.definition.sync import Side
from sync_worker.core.context import Context
from sync_worker.core.issues.issue import Glimpse, Issue
from sync_worker.core.ports import Jira
from sync_worker.engine.reading import Reader
from sync_worker.migration.legacy import LegacyPair, counterparts_named_in
from sync_worker.migration.pairing import ListedIssue, Listing, Location


@dataclass
class IssueLookup:
    """The issues of one side. `unprocessable` maps the ids of issues that cannot be read to the reason."""

    side: Side
    context: Context
    unprocessable: dict[str, str] = field(default_factory=dict)

    @cached_property
    def listing(self) -> Listing:
        """All issues of the project, as search shows them."""

        def listed(shown: Glimpse) -> ListedIssue:
            names = counterparts_named_in(self.side, shown.description)
            return ListedIssue(shown.id, shown.key, shown.status, shown.updated, names)

        self.context.checkpoint()
        return Listing(self._jira.listing(self._project, listed), self.context.sync.project_key(self.side))

    @property
    def _jira(self) -> Jira:
        return self.context.jiras[self.side]

    @property
    def _project(self) -> str:
        return self.context.project_id(self.side)

    def locations(self, keys: Collection[str]) -> dict[str, Location]:
        """Return where the issues are that have these keys, or once had them."""
        listed = {key: self.listing.find(key) for key in keys}
        locations = {key: Location(found.id, found.key) for key, found in listed.items() if found}
        ids: dict[str, str] = {}
        for key in (key for key, found in listed.items() if found is None):
            self.context.checkpoint()
            ids |= self._jira.ids_of([key])
        issues, project = self.read(set(ids.values())), self._project
        for key in set(listed) - set(locations):
            issue = issues.get(ids.get(key, ""))
            locations[key] = (
                Location(issue.id, issue.key, issue.project_id == project) if issue else Location.nowhere(key)
            )
        return locations

    def is_of_project(self, pair: LegacyPair, locations: Mapping[str, Location]) -> bool:
        """Tell whether this side's issue of the pair is in the project, or was."""
        key = pair.key(self.side)
        return (
            locations[key].in_project
            or key.rpartition("-")[0].upper() == self.context.sync.project_key(self.side).upper()
        )

    def read(self, ids: Collection[str]) -> dict[str, Issue]:
        """Read issues directly, with all of their history."""
        read = Reader(self._jira, self.context.checkpoint).read_with_histories(ids)
        for issue_id, why in read.unprocessable.items():
            self.context.log.error("issue left alone", side=self.side, issue=issue_id, error=why)
        self.unprocessable |= read.unprocessable
        return {issue.id: issue for issue in read.issues}
