"""The calls about comments."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sync_worker.core.issue import MARKER
from sync_worker.core.permissions import Permission
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.calls.permissions import PermissionCalls
from sync_worker.jira.paging import offset_pages


class CommentCalls(PermissionCalls):
    """Posts comments, and finds our own again. The marker is a property of the comment."""

    def comment(self, issue_id: str, body: str, marker: str, database: str = "") -> None:
        value = {"cause": marker, "database": database} if database else {"cause": marker}
        properties = [{"key": MARKER, "value": value}]
        with self._permitted(Permission.COMMENT, issue_id=issue_id):
            self._transport.post(f"{API_PATH}/issue/{issue_id}/comment", {"body": body, "properties": properties})

    def has_comment(
        self, issue_id: str, marker: str, since: datetime, databases: Collection[str] = (), *, by_anybody: bool = False
    ) -> bool:
        comments = self._own_comments(issue_id, since, by_anybody=by_anybody)
        found = (self._marker("comment", comment["id"]) for comment in comments)
        return any(_is_marker(value, marker, databases) for value in found)

    def own_comments(self, issue_id: str, since: datetime) -> list[str]:
        return [comment.get("body") or "" for comment in self._own_comments(issue_id, since)]

    def _own_comments(self, issue_id: str, since: datetime, *, by_anybody: bool = False) -> Iterator[dict[str, Any]]:
        """Yield what our account posted at or after `since`, newest first. No more pages are read than that takes."""
        accounts, path = {self.account(), *self._former_accounts}, f"{API_PATH}/issue/{issue_id}/comment"
        for comment in offset_pages(self._transport.get, path, ("comments",), orderBy="-created"):
            if parsing.time_of(comment["created"]) < since:
                return
            if by_anybody or parsing.account(comment.get("author") or {}) in accounts:
                yield comment


def _is_marker(value: Any, marker: str, databases: Collection[str]) -> bool:
    if not isinstance(value, dict) or value.get("cause") != marker:
        return False
    return value.get("database") is None or value["database"] in databases
