"""The calls about comments."""

from __future__ import annotations

from collections.abc import Iterator
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

    def comment(self, issue_id: str, body: str, marker: str) -> None:
        properties = [{"key": MARKER, "value": _property(marker)}]
        with self._permitted(Permission.COMMENT, issue_id=issue_id):
            self._transport.post(f"{API_PATH}/issue/{issue_id}/comment", {"body": body, "properties": properties})

    def has_comment(self, issue_id: str, marker: str, since: datetime) -> bool:
        found = self._own_comments(issue_id, since)
        return any(self._marker("comment", comment["id"]) == _property(marker) for comment in found)

    def own_comments(self, issue_id: str, since: datetime) -> list[str]:
        return [comment.get("body") or "" for comment in self._own_comments(issue_id, since)]

    def _own_comments(self, issue_id: str, since: datetime) -> Iterator[dict[str, Any]]:
        """Yield what our account posted at or after `since`, newest first. No more pages are read than that takes."""
        account, path = self.account(), f"{API_PATH}/issue/{issue_id}/comment"
        for comment in offset_pages(self._transport.get, path, ("comments",), orderBy="-created"):
            if parsing.time_of(comment["created"]) < since:
                return
            if parsing.account(comment.get("author") or {}) == account:
                yield comment


def _property(marker: str) -> dict[str, str]:
    return {"cause": marker}
