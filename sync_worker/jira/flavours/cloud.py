"""Jira Cloud: search with page tokens, and a bulk read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

from sync_worker.core.bulk import BatchSize
from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import NotJira, Unavailable
from sync_worker.core.issues.issue import MARKER, Attachment
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.jira.flavours.protocol import Make
from sync_worker.jira.paging import MOST_PAGES, Get, in_bearable_pages, offset_pages
from sync_worker.jira.parsing import issue_json, shapes
from sync_worker.jira.transport import NO_OPTIONS, ONCE, Transport

T = TypeVar("T")

PAGE = 1000
ID_PAGE = 5000
"""Matches per page where nothing but ids is asked for."""


class Cloud:
    """Satisfies `flavours.protocol.Flavour`."""

    search_lag: ClassVar = timedelta(minutes=5)
    search_path: ClassVar = f"{API_PATH}/search/jql"
    keys_at_once: ClassVar = READ_AT_ONCE
    # Without this, the answer is a redirect to a host for media, and redirects are not followed.
    download_parameters: ClassVar[Mapping[str, str]] = {"redirect": "false"}
    shows_markers: ClassVar = True
    lists_tokens: ClassVar = False
    text_limit: ClassVar[int | None] = 32_767
    identity: ClassVar = ("/_edge/tenant_info", "cloudId")

    def search(
        self,
        transport: Transport,
        jql: str,
        fields: list[str],
        make: Make[T],
        *,
        page_size: BatchSize,
        issue_property: str = "",
    ) -> list[T]:
        body = {"jql": f"{jql} ORDER BY key ASC", "fields": fields}
        if issue_property:
            body["properties"] = [issue_property]

        def parse(data: Any) -> SearchPage[T]:
            found = [(shapes.identity(issue), make(issue)) for issue in shapes.objects(data["issues"])]
            return SearchPage(found, "" if data.get("isLast") else shapes.text(data.get("nextPageToken")) or "")

        def search(size: int, *, is_once: bool) -> list[T]:
            def post(body: dict[str, Any]) -> SearchPage[T]:
                options = ONCE if is_once else NO_OPTIONS
                return transport.post(self.search_path, body, parse, repeatable=True, options=options)

            # An issue may come twice, because nothing holds the result still between two pages.
            return list(dict(all_pages(post, {**body, "maxResults": size})).values())

        return in_bearable_pages(search, page_size, ID_PAGE if fields == ["id"] else PAGE)

    def read(self, transport: Transport, ids: list[str]) -> list[dict[str, Any]]:
        # What the answer lists in `issueErrors` is left out: it is read alone.
        found, _ = transport.post_once(f"{API_PATH}/issue/bulkfetch", _bulk_read(ids), _issues_and_errors)
        return found

    def with_keys(
        self, transport: Transport, keys: list[str], _read_one: Callable[[str], dict[str, Any] | None]
    ) -> list[dict[str, Any]]:
        path = f"{API_PATH}/issue/bulkfetch"
        found, errors = transport.post(path, _bulk_read(keys), _issues_and_errors, repeatable=True)
        if errors:
            raise Unavailable(f"{errors} issues could not be read for the moment")
        return found

    def history(self, get: Get, issue_id: str, make: Make[T]) -> Iterator[T]:
        return offset_pages(get, f"{API_PATH}/issue/{issue_id}/changelog", ("values",), make)

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


def _bulk_read(ids_or_keys: list[str]) -> dict[str, Any]:
    return {
        "issueIdsOrKeys": ids_or_keys,
        "fields": list(issue_json.FIELDS),
        "expand": ["changelog"],
        "properties": [MARKER],
    }


def _issues_and_errors(data: Any) -> tuple[list[dict[str, Any]], int]:
    """Return the issues of a bulk read, and how many could not be read."""
    return shapes.identified(data["issues"]), len(data.get("issueErrors") or ())
