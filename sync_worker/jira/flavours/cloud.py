"""Jira Cloud: search with page tokens, and a bulk read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, TypeVar

from sync_worker.core.bulk import BatchSize
from sync_worker.core.errors import Unavailable
from sync_worker.core.issue import Attachment
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.paging import Get, in_bearable_pages, offset_pages
from sync_worker.jira.transport import Transport

T = TypeVar("T")

PAGE = 1000
ID_PAGE = 5000
"""Matches per page where nothing but ids is asked for."""


class Cloud:
    """Satisfies `flavours.protocol.Flavour`."""

    search_lag: ClassVar = timedelta(minutes=5)
    search_path: ClassVar = f"{API_PATH}/search/jql"
    # Without this, the answer is a redirect to a host for media, and redirects are not followed.
    download_parameters: ClassVar[Mapping[str, str]] = {"redirect": "false"}

    def search(
        self,
        transport: Transport,
        jql: str,
        fields: list[str],
        make: Callable[[dict[str, Any]], T],
        *,
        page_size: BatchSize,
        issue_property: str = "",
    ) -> list[T]:
        body = {"jql": f"{jql} ORDER BY key ASC", "fields": fields}
        if issue_property:
            body["properties"] = [issue_property]

        def search(size: int, *, is_once: bool) -> list[T]:
            def post(body: dict[str, Any]) -> dict[str, Any]:
                send = transport.post_once if is_once else partial(transport.post, repeatable=True)
                page: dict[str, Any] = send(self.search_path, body)
                return page

            # An issue may come twice, because nothing holds the result still between two pages.
            found = all_pages(post, {**body, "maxResults": size})
            return list({str(data["id"]): make(data) for data in found}.values())

        return in_bearable_pages(search, page_size, ID_PAGE if fields == ["id"] else PAGE)

    def read(self, transport: Transport, ids: list[str]) -> list[dict[str, Any]]:
        # What the answer lists in `issueErrors` is left out: it is read alone.
        body = {"issueIdsOrKeys": ids, "fields": list(parsing.FIELDS), "expand": ["changelog"]}
        return list(transport.post_once(f"{API_PATH}/issue/bulkfetch", body)["issues"])

    def history(self, get: Get, issue_id: str) -> Iterator[dict[str, Any]]:
        return offset_pages(get, f"{API_PATH}/issue/{issue_id}/changelog", ("values",))

    def projects(self, get: Get) -> Iterator[dict[str, Any]]:
        return offset_pages(get, f"{API_PATH}/project/search", ("values",))

    def user_parameters(self, mention: str) -> Mapping[str, str] | None:
        kind, _, account_id = mention.partition(":")
        return {"accountId": account_id} if kind == "accountid" and account_id else None

    def download_path(self, attachment: Attachment) -> str:
        return f"{API_PATH}/attachment/content/{attachment.id}"


def all_pages(post: Callable[[dict[str, Any]], dict[str, Any]], body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the issues of all pages of a search, the first of which `body` asks for.

    Raises Unavailable when a page comes again.
    """
    seen: set[str] = set()
    while True:
        page = post(body)
        yield from page["issues"]
        token = page.get("nextPageToken")
        if page.get("isLast") or not token:
            return
        if token in seen:
            raise Unavailable("search repeats a page; the answer cannot be trusted")
        seen.add(token)
        body = {**body, "nextPageToken": token}
