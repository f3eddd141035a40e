"""The calls about comments."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.issues.issue import MARKER, OwnComment, SeenComment, TextSource
from sync_worker.core.permissions import Permission
from sync_worker.jira.calls.permissions import PermissionCalls
from sync_worker.jira.paging import offset_pages, pages
from sync_worker.jira.parsing import shapes

TEXT = "comment"
"""What Jira calls the text of a comment when it refuses it."""

INTERNAL = "sd.public.comment"
"""The property of a comment that says whether it is internal."""


class CommentCalls(PermissionCalls):
    """Posts comments, and finds our own again. The marker is a property of the comment."""

    def comment(
        self, issue_id: str, body: str, marker: str, database: str = "", *, source: TextSource | None = None
    ) -> str:
        value = {"cause": marker, "database": database} if database else {"cause": marker}
        properties = [{"key": MARKER, "value": value}]

        def post(texts: Mapping[str, str]) -> str:
            comment = {"body": texts[TEXT], "properties": properties}
            return self._transport.post(_path(issue_id), comment, shapes.identity)

        with self._permitted(Permission.COMMENT, issue_id=issue_id):
            return self._text_limit.send({TEXT: body}, source, post)

    def is_comment_marked(self, comment_id: str, marker: str | None = None) -> bool:
        value = self._marker("comment", comment_id)
        return isinstance(value, dict) and marker in (None, value.get("cause"))

    def has_comment(
        self, issue_id: str, marker: str, since: datetime, databases: Collection[str] = (), *, by_anybody: bool = False
    ) -> bool:
        comments = self._own_comments(issue_id, since, by_anybody=by_anybody)
        found = (self._marker("comment", comment.id) for comment in comments)
        return any(_is_marker(value, marker, databases) for value in found)

    def comments_of(self, issue_id: str) -> list[SeenComment]:
        asked = {"orderBy": "created", "expand": "properties"}
        return list(offset_pages(self._transport.get, _path(issue_id), ("comments",), _seen, **asked))

    def own_comments(self, issue_id: str, since: datetime) -> list[OwnComment]:
        return [OwnComment(comment.id, comment.body) for comment in self._own_comments(issue_id, since)]

    def _own_comments(self, issue_id: str, since: datetime, *, by_anybody: bool = False) -> Iterator[_Comment]:
        """Yield what our account posted at or after `since`, or what anybody did.

        The newest are asked for first, so that few pages have to be read. Not every Jira keeps to that.
        """
        accounts = {self.account(), *self._former_accounts}
        for page in pages(self._transport.get, _path(issue_id), ("comments",), _comment, orderBy="-created"):
            recent = [comment for comment in page if comment.created >= since]
            yield from (comment for comment in recent if by_anybody or comment.author in accounts)
            if _is_newest_first(page) and page[-1].created < since:
                return


@dataclass(frozen=True)
class _Comment:
    id: str
    author: str | None
    created: datetime
    body: str


def _comment(data: Mapping[str, Any]) -> _Comment:
    author = shapes.account(data.get("author") or {})
    created = shapes.time_of(data["created"])
    return _Comment(shapes.identity(data), author, created, shapes.text(data.get("body")) or "")


def _seen(data: Mapping[str, Any]) -> SeenComment:
    is_restricted = bool(data.get("visibility")) or data.get("jsdPublic", True) is not True or _is_internal(data)
    created, body = shapes.time_of(data["created"]), shapes.text(data.get("body")) or ""
    return SeenComment(shapes.identity(data), created, body, is_public=not is_restricted)


def _is_internal(data: Mapping[str, Any]) -> bool:
    """Tell whether a comment of a service desk is for agents alone. Data Center says so only by a property."""
    found = {each.get("key"): each.get("value") for each in shapes.objects(data.get("properties") or [])}
    value = found.get(INTERNAL)
    return isinstance(value, dict) and value.get("internal") in (True, "true")


def _path(issue_id: str) -> str:
    return f"{API_PATH}/issue/{issue_id}/comment"


def _is_newest_first(page: Sequence[_Comment]) -> bool:
    """Tell whether the page shows that it begins with the newest. Comments of the same time show nothing."""
    times = [comment.created for comment in page]
    return len(set(times)) > 1 and times == sorted(times, reverse=True)


def _is_marker(value: Any, marker: str, databases: Collection[str]) -> bool:
    if not isinstance(value, dict) or value.get("cause") != marker:
        return False
    return value.get("database") is None or value["database"] in databases
