"""Lists that Jira gives page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

from sync_worker.core.bulk import BatchSize, is_about_all
from sync_worker.core.errors import Unavailable

PAGE = 100
"""Entries per page. Jira gives fewer where it gives at most so many."""
LARGEST_PAGE = 5000
"""Matches per page of a search, at the most. A flavour may take fewer."""
SMALLEST_PAGE = 50
"""If the site does not answer for so few matches, it is not because of their number."""

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Get(Protocol):
    """Sends a GET request and returns the JSON of its answer."""

    def __call__(self, path: str, **parameters: Any) -> Any: ...


def offset_pages(get: Get, path: str, names: tuple[str, ...], **parameters: Any) -> Iterator[dict[str, Any]]:
    """Yield the entries of all pages. `names` are what a page may call its entries."""
    start = 0
    while True:
        page = get(path, startAt=start, maxResults=PAGE, **parameters)
        entries: list[dict[str, Any]] = next((page[name] for name in names if name in page), [])
        yield from entries
        start += len(entries)
        if not entries or start >= page.get("total", start):
            return


class PagedSearch(Protocol[R_co]):
    """Searches in pages of `size`. `is_once`: a page is rather made smaller than asked for again."""

    def __call__(self, size: int, *, is_once: bool) -> R_co: ...


def in_bearable_pages(search: PagedSearch[R], size: BatchSize, largest: int) -> R:
    """Return what `search` returns, whose pages are made smaller until the site answers for them."""
    while True:
        page = min(size.now, largest)
        try:
            found = search(page, is_once=page > SMALLEST_PAGE)
        except Unavailable as error:
            if page <= SMALLEST_PAGE or is_about_all(error):
                raise
            size.shrink_to(max(page // 2, SMALLEST_PAGE))
        else:
            size.succeeded(page if page < largest else size.now)
            return found
