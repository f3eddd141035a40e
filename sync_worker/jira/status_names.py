"""The names of a site's statuses. Ids decide; names are for people.

One status may have several names at once: Data Center shows our account translated names, and writes untranslated ones
into the history of an issue. After a status was renamed, the history has its former name. So what the history says is
read by ids, and told by the names that the site shows our account now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sync_model.definition.sync import fold
from sync_worker.core.issues.issue import Issue, StatusChange, StatusName


@dataclass
class StatusNames:
    """What is known of the names of a site's statuses. `ask` returns all of them. Safe to use from several threads."""

    ask: Callable[[], Iterable[StatusName]]
    _shown: dict[str, str] = field(default_factory=dict)
    _untranslated: dict[str, str] = field(default_factory=dict)

    def named(self, issue: Issue) -> Issue:
        """Return `issue` with every status of its history called as the site calls it now."""
        if issue.status_id:
            self._shown[issue.status_id] = issue.status
        ids = {status_id for change in issue.changes for status_id in (change.from_id, change.to_id) if status_id}
        if not ids <= self._shown.keys():
            self._ask(ids)
        return replace(issue, changes=tuple(self._named(change) for change in issue.changes))

    def shown(self, name: str) -> str:
        """Return how the site calls the status that is called `name` or, untranslated, so."""
        if fold(name) in map(fold, self._shown.values()):
            return name
        return self._untranslated.get(fold(name), name)

    def _ask(self, ids: Iterable[str]) -> None:
        for status in self.ask():
            self._shown.setdefault(status.id, status.name)
            self._untranslated[fold(status.untranslated)] = status.name
        # One that is not there any more keeps the name that the history has.
        self._shown |= {status_id: "" for status_id in ids if status_id not in self._shown}

    def _named(self, change: StatusChange) -> StatusChange:
        shown: Mapping[str, str] = self._shown
        return replace(
            change,
            from_status=shown.get(change.from_id) or change.from_status,
            to_status=shown.get(change.to_id) or change.to_status,
        )
