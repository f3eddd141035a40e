"""Jira Cloud: search with page tokens, and a bulk read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

from sync_worker.core.errors import NotJira, Unavailable
from sync_worker.core.issue import Attachment
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.flavours.protocol import Make
from sync_worker.jira.paging import MOST_PAGES, Get, offset_pages
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
        make: Make[T],
        *,
        issue_property: str = "",
    ) -> list[T]:
        def parse(data: Any) -> SearchPage[T]:
            found = [(parsing.identity(issue), make(issue)) for issue in parsing.objects(data["issues"])]
            return SearchPage(found, "" if data.get("isLast") else parsing.text(data.get("nextPageToken")) or "")

        def post(body: dict[str, Any]) -> SearchPage[T]:
            return transport.post(self.search_path, body, parse, repeatable=True)

        body = {"jql": jql, "fields": fields, "maxResults": ID_PAGE if fields == ["id"] else PAGE}
        if issue_property:
            body["properties"] = [issue_property]
        # An issue may come twice, because nothing holds the result still between two pages.
        return list(dict(all_pages(post, body)).values())

    def read(
        self, transport: Transport, ids: list[str], _read_one: Callable[[str], dict[str, Any] | None]
    ) -> list[dict[str, Any]]:
        body = {"issueIdsOrKeys": ids, "fields": list(parsing.FIELDS), "expand": ["changelog"]}
        found, errors = transport.post(f"{API_PATH}/issue/bulkfetch", body, _issues_and_errors, repeatable=True)
        if errors:
            raise Unavailable(f"{errors} issues could not be read for the moment")
        return found

    def projects(self, get: Get, make: Make[T]) -> Iterator[T]:
        return offset_pages(get, f"{API_PATH}/project/search", ("values",), make)

    def user_parameters(self, mention: str) -> Mapping[str, str] | None:
        kind, _, account_id = mention.partition(":")
        return {"accountId": account_id} if kind == "accountid" and account_id else None

    def download_path(self, attachment: Attachment) -> str:
        return f"{API_PATH}/attachment/content/{attachment.id}"


@dataclass(frozen=True)
class SearchPage(Generic[T]):
    """Matches with their ids, and the token of the next page; no token on the last page."""

    matches: list[tuple[str, T]]
    token: str


def all_pages(post: Callable[[dict[str, Any]], SearchPage[T]], body: dict[str, Any]) -> Iterator[tuple[str, T]]:
    """Yield the matches of all pages of a search, the first of which `body` asks for.

    Raises NotJira when a page comes again, or when the pages do not end.
    """
    seen: set[str] = set()
    while len(seen) < MOST_PAGES:
        page = post(body)
        yield from page.matches
        if not page.token:
            return
        if page.token in seen:
            raise NotJira("search repeats a page; the answer cannot be trusted")
        seen.add(page.token)
        body = {**body, "nextPageToken": page.token}
    raise NotJira("the pages of a search do not end; the answer cannot be trusted")


def _issues_and_errors(data: Any) -> tuple[list[dict[str, Any]], int]:
    """Return the issues of a bulk read, and how many could not be read."""
    return parsing.identified(data["issues"]), len(data.get("issueErrors") or ())
