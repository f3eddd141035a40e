"""The calls that search. A search finds candidates, nothing more: its index lags behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.issue import MARKER, Candidate, Glimpse, MarkedIssue, MarkedIssues
from sync_worker.jira.calls.projects import ProjectCalls
from sync_worker.jira.flavours import Make
from sync_worker.jira.parsing import issue_json, shapes

T = TypeVar("T")


class SearchCalls(ProjectCalls):
    """Searches. The flavour puts the matches into an order by which it can page."""

    def changed_since(self, project_id: str, since: datetime | None) -> list[Candidate]:
        # There is no upper bound: an issue that keeps changing would always have just left the window.
        bound = f" AND updated >= {milliseconds(since)}" if since else ""
        try:
            return self._search(f"project = {project_id}{bound}", ["updated"], issue_json.candidate)
        except InvalidRequest:
            # Search refuses a project that is gone, or that our account may not see any more.
            for key in self._keys_of(project_id):
                self.check_project(key)
            raise

    def ids_in(self, project_id: str) -> set[str]:
        return set(self._search(f"project = {project_id}", ["id"], shapes.identity))

    def listing(self, project_id: str, make: Callable[[Glimpse], T]) -> list[T]:
        def make_of(data: Mapping[str, Any]) -> T:
            return make(issue_json.glimpse(data))

        return self._search(f"project = {project_id}", ["status", "updated", "description"], make_of)

    def made_since(self, project_id: str, since: datetime) -> list[str]:
        return self._search(self._made_by_us(project_id, since), ["id"], shapes.identity)

    def marked(self, project_id: str, *, by_anybody: bool = False) -> MarkedIssues:
        # Where markers are shown, those of other accounts are seen, too. Elsewhere it takes a request to read one.
        creator = "" if by_anybody or self.shows_markers else self._by_us()

        def make(data: Mapping[str, Any]) -> tuple[int, MarkedIssue | None]:
            issue = issue_json.marked_issue(data)
            return int(issue.id), None if issue.marker is None else issue

        found = self._search(f"project = {project_id}{creator}", ["created", "creator", "labels"], make, MARKER)
        highest = None if creator else max((number for number, _ in found), default=0)
        return MarkedIssues([issue for _, issue in found if issue], highest)

    def _made_by_us(self, project_id: str, since: datetime, *, elsewhere: bool = False) -> str:
        """Return the JQL for what we created at or after `since`, in the project or in all others."""
        where = f"project {'!=' if elsewhere else '='} {project_id}"
        return f"{where}{self._by_us()} AND created >= {milliseconds(since)}"

    def _by_us(self) -> str:
        """Return the condition that our account is the creator.

        Another account that was ours before cannot be named in JQL on each kind of site. Then the marks have to do.
        """
        return "" if self._former_accounts else " AND creator = currentUser()"

    def _search(self, jql: str, fields: list[str], make: Make[T], issue_property: str = "") -> list[T]:
        """Return what `make` makes of each match; see `Flavour.search`."""
        return self._flavour.search(
            self._transport, jql, fields, make, page_size=self._page_size, issue_property=issue_property
        )


def milliseconds(at: datetime) -> int:
    """Return a time as JQL reads it in no zone at all: unquoted, in milliseconds since 1970.

    A quoted time would be read in the time zone of our account's profile.
    """
    return int(at.timestamp() * 1000)
