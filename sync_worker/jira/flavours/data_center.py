"""Jira Data Center: search by key, page after page, which does the work of a bulk read too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import quote

from sync_worker.core.bulk import BatchSize
from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import InvalidRequest, NotJira, Unavailable
from sync_worker.core.issues.issue import Attachment
from sync_worker.jira.flavours.protocol import Make
from sync_worker.jira.paging import MOST_PAGES, Get, in_bearable_pages
from sync_worker.jira.parsing import issue_json, shapes
from sync_worker.jira.transport import Transport

T = TypeVar("T")

PAGE = 1000
RESULT_WINDOW = 10_000
"""Search gives no more results of one query than this, however they are paged, unless the site sets
`jira.search.platform.max.result.window`. So no page begins far from the start of its query."""


class DataCenter:
    """Satisfies `flavours.protocol.Flavour`."""

    search_lag: ClassVar = timedelta(minutes=2)
    search_path: ClassVar = f"{API_PATH}/search"
    keys_at_once: ClassVar = 10  # each is one request
    download_parameters: ClassVar[Mapping[str, str]] = {}
    shows_markers: ClassVar = False
    lists_tokens: ClassVar = True
    text_limit: ClassVar[int | None] = (
        None  # the setting jira.text.field.character.limit, which only administrators can read
    )
    # What application links tell each other. It is made from the server's id, which no change of its address changes.
    identity: ClassVar = ("/rest/applinks/1.0/manifest", "id")

    def search(
        self,
        transport: Transport,
        jql: str,
        fields: list[str],
        make: Make[T],
        *,
        page_size: BatchSize,
        issue_property: str = "",  # noqa: ARG002 - its search shows no properties
    ) -> list[T]:
        def parse(data: Any) -> _ScannedPage[T]:
            return _scanned_page(data, make)

        def search(size: int, *, is_once: bool) -> list[T]:
            get = transport.get_once if is_once else transport.get

            def page(bound: str, start: int) -> _ScannedPage[T]:
                query = f"{jql}{bound} ORDER BY key ASC"
                return get(self.search_path, parse, jql=query, fields=",".join(fields), startAt=start, maxResults=size)

            return list(_Scan(page, size).run().values())

        return in_bearable_pages(search, page_size, PAGE)

    def read(self, transport: Transport, ids: list[str]) -> list[dict[str, Any]]:
        """Data Center has no bulk read. Its search shows the issues as they are, not as its index has them.

        But it finds only issues that are in the index.
        """
        return transport.get_once(
            self.search_path,
            lambda data: shapes.identified(data["issues"]),
            jql=f"id in ({', '.join(ids)}) ORDER BY key ASC",
            fields=",".join(issue_json.FIELDS),
            expand="changelog",
            maxResults=len(ids),
            validateQuery="false",  # without it, one id that is gone fails the whole search
        )

    def with_keys(
        self, _transport: Transport, keys: list[str], read_one: Callable[[str], dict[str, Any] | None]
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for key in keys:
            with suppress(InvalidRequest):  # what we may not see is none of ours
                found += filter(None, [read_one(key)])
        return found

    def history(self, _get: Get, _issue_id: str, _make: Make[T]) -> None:
        """Data Center has no other changelog than the one that an issue is read with."""

    def projects(self, get: Get, make: Make[T]) -> list[T]:
        return get(f"{API_PATH}/project", shapes.list_of(make))

    def user_parameters(self, mention: str) -> Mapping[str, str] | None:
        return {"username": mention}

    def download_path(self, attachment: Attachment) -> str:
        return f"/secure/attachment/{attachment.id}/{quote(attachment.filename, safe='')}"


@dataclass(frozen=True)
class _ScannedPage(Generic[T]):
    """The ids and keys of matches, with what was made of each. `limit` is how many results the site gives at most.

    `total` counts the results of all pages; None where the site only says whether this is the last one.
    """

    matches: list[tuple[str, str, T]]
    limit: int
    total: int | None
    is_last: bool

    def ends_at(self, end: int) -> bool:
        """Tell whether no page follows this one, which stands for the results up to number `end`."""
        return self.is_last if self.total is None else end >= self.total


def _scanned_page(data: Any, make: Make[T]) -> _ScannedPage[T]:
    issues, total, is_last = shapes.objects(data["issues"]), data.get("total"), data.get("isLast")
    if total is None and is_last is None:
        raise ValueError("a page does not say whether others follow")
    matches = [(shapes.identity(issue), shapes.key(issue), make(issue)) for issue in issues]
    limit = int(data.get("maxResults") or 0)
    return _ScannedPage(matches, limit, None if total is None else int(total), bool(is_last))


@dataclass
class _Scan(Generic[T]):
    """One search, page by page. Each page begins after the key of the last issue that was shown, not at an offset.

    Offsets shift when an issue leaves the result, and end at the window. The total counts documents of the index that
    have no issue any more and are shown on no page. So a page counts for as many results as were asked for.

    `page` is given the condition that the keys of the page have to meet, and the offset among those that meet it.
    """

    page: Callable[[str, int], _ScannedPage[T]]
    size: int
    _found: dict[str, T] = field(default_factory=dict)
    _last_page: list[str] = field(default_factory=list)
    _projects: list[str] = field(default_factory=list)

    def run(self) -> dict[str, T]:
        """Return what all pages hold, by issue id."""
        start = 0
        for _ in range(MOST_PAGES):
            page = self._next_page(start)
            self._found |= {issue_id: made for issue_id, _, made in page.matches}
            asked = min(page.limit or self.size, self.size)
            is_full = len(page.matches) >= asked
            if not is_full and page.ends_at(start + asked):
                return self._found
            if page.matches:
                start, self._last_page = 0, [key for _, key, _ in page.matches]
                for key in self._last_page:
                    if (project := key.rpartition("-")[0]) not in self._projects:
                        self._projects.append(project)
            else:
                start += asked
            if start + self.size > RESULT_WINDOW:
                raise Unavailable(f"search counts {page.total} results more, and shows none of them")
        raise NotJira("the pages of a search do not end; the answer cannot be trusted")

    def _next_page(self, start: int) -> _ScannedPage[T]:
        """Return the page after the last one.

        Jira compares keys only with that of an issue that is there. If that one has been deleted or moved since, the
        page begins after an earlier one, and shows some issues again.
        """
        if not self._last_page:
            return self.page("", start)
        refusal: InvalidRequest | None = None
        for key in self._keys_to_begin_after():
            # Keys are compared within one project. Projects that come later in the order have not been shown yet.
            seen = ", ".join(f'"{project}"' for project in self._projects)
            try:
                return self.page(f' AND (key > "{key}" OR project NOT IN ({seen}))', start)
            except InvalidRequest as error:
                refusal = error
        raise Unavailable(f"search does not go on after any issue of its last page: {refusal}") from refusal

    def _keys_to_begin_after(self) -> Iterator[str]:
        """Yield the last key of the last page, then earlier ones, in growing steps back."""
        step = 1
        while step <= len(self._last_page):
            yield self._last_page[-step]
            step *= 2
