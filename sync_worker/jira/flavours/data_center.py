"""Jira Data Center: search by key, page after page, which does the work of a bulk read too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import quote

from sync_worker.core.bulk import BatchSize
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issue import Attachment
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.paging import Get, in_bearable_pages
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
    download_parameters: ClassVar[Mapping[str, str]] = {}

    def search(
        self,
        transport: Transport,
        jql: str,
        fields: list[str],
        make: Callable[[dict[str, Any]], T],
        *,
        page_size: BatchSize,
        issue_property: str = "",  # noqa: ARG002 - its search shows no properties
    ) -> list[T]:
        def search(size: int, *, is_once: bool) -> list[T]:
            get = transport.get_once if is_once else transport.get

            def page(bound: str, start: int) -> Any:
                query = f"{jql}{bound} ORDER BY key ASC"
                return get(self.search_path, jql=query, fields=",".join(fields), startAt=start, maxResults=size)

            return list(_Scan(page, make, size).run().values())

        return in_bearable_pages(search, page_size, PAGE)

    def read(self, transport: Transport, ids: list[str]) -> list[dict[str, Any]]:
        """Data Center has no bulk read. Its search shows the issues as they are, not as its index has them.

        But it finds only issues that are in the index.
        """
        page = transport.get_once(
            self.search_path,
            jql=f"id in ({', '.join(ids)}) ORDER BY key ASC",
            fields=",".join(parsing.FIELDS),
            expand="changelog",
            maxResults=len(ids),
            validateQuery="false",  # without it, one id that is gone fails the whole search
        )
        return list(page["issues"])

    def history(self, _get: Get, _issue_id: str) -> None:
        """Data Center has no other changelog than the one that an issue is read with."""

    def projects(self, get: Get) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get(f"{API_PATH}/project")
        return found

    def user_parameters(self, mention: str) -> Mapping[str, str] | None:
        return {"username": mention}

    def download_path(self, attachment: Attachment) -> str:
        return f"/secure/attachment/{attachment.id}/{quote(attachment.filename, safe='')}"


@dataclass
class _Scan(Generic[T]):
    """One search, page by page. Each page begins after the key of the last issue that was shown, not at an offset.

    Offsets shift when an issue leaves the result, and end at the window. The total counts documents of the index that
    have no issue any more and are shown on no page. So a page counts for as many results as were asked for.

    `page` is given the condition that the keys of the page have to meet, and the offset among those that meet it.
    """

    page: Callable[[str, int], Any]
    make: Callable[[dict[str, Any]], T]
    size: int
    _found: dict[str, T] = field(default_factory=dict)
    _last_page: list[str] = field(default_factory=list)
    _projects: list[str] = field(default_factory=list)

    def run(self) -> dict[str, T]:
        """Return what all pages hold, by issue id."""
        start = 0
        while True:
            page = self._next_page(start)
            issues = page["issues"]
            self._found |= {str(data["id"]): self.make(data) for data in issues}
            asked = min(page.get("maxResults") or self.size, self.size)
            is_full = len(issues) >= asked
            if not is_full and start + asked >= page.get("total", 0):
                return self._found
            if issues:
                start, self._last_page = 0, [data["key"] for data in issues]
                for key in self._last_page:
                    if (project := key.rpartition("-")[0]) not in self._projects:
                        self._projects.append(project)
            else:
                start += asked
            if start + self.size > RESULT_WINDOW:
                raise Unavailable(f"search counts {page.get('total')} results more, and shows none of them")

    def _next_page(self, start: int) -> Any:
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
