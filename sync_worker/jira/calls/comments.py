"""The calls about comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_worker.core.issue import MARKER
from sync_worker.core.permissions import Permission
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.calls.permissions import PermissionCalls
from sync_worker.jira.paging import pages


class CommentCalls(PermissionCalls):
    """Posts comments, and finds our own again. The marker is a property of the comment."""

    def comment(self, issue_id: str, body: str, marker: str) -> None:
        comment = {"body": body, "properties": [{"key": MARKER, "value": _property(marker)}]}
        with self._permitted(Permission.COMMENT, issue_id=issue_id):
            self._transport.post(f"{API_PATH}/issue/{issue_id}/comment", comment, parsing.identity)

    def has_comment(self, issue_id: str, marker: str, since: datetime) -> bool:
        found = self._own_comments(issue_id, since)
        return any(self._marker("comment", comment.id) == _property(marker) for comment in found)

    def own_comments(self, issue_id: str, since: datetime) -> list[str]:
        return [comment.body for comment in self._own_comments(issue_id, since)]

    def _own_comments(self, issue_id: str, since: datetime) -> Iterator[_Comment]:
        """Yield what our account posted at or after `since`.

        The newest are asked for first, so that few pages have to be read. Not every Jira keeps to that.
        """
        account, path = self.account(), f"{API_PATH}/issue/{issue_id}/comment"
        for page in pages(self._transport.get, path, ("comments",), _comment, orderBy="-created"):
            yield from (comment for comment in page if comment.author == account and comment.created >= since)
            if _is_newest_first(page) and page[-1].created < since:
                return


@dataclass(frozen=True)
class _Comment:
    id: str
    author: str | None
    created: datetime
    body: str


def _comment(data: Mapping[str, Any]) -> _Comment:
    author = parsing.account(data.get("author") or {})
    created = parsing.time_of(data["created"])
    return _Comment(parsing.identity(data), author, created, parsing.text(data.get("body")) or "")


def _is_newest_first(page: Sequence[_Comment]) -> bool:
    """Tell whether the page shows that it begins with the newest. Comments of the same time show nothing."""
    times = [comment.created for comment in page]
    return len(set(times)) > 1 and times == sorted(times, reverse=True)


def _property(marker: str) -> dict[str, str]:
    return {"cause": marker}
