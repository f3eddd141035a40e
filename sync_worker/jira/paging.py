"""Lists that Jira gives page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sync_worker.core.bulk import BatchSize, is_about_all
from sync_worker.core.errors import NotJira, Unavailable
from sync_worker.jira.parsing.shapes import objects

PAGE = 100
"""Entries per page. Jira gives fewer where it gives at most so many."""
MOST_PAGES = 10_000
"""More pages than any list has. A list that is longer has no end."""
LARGEST_PAGE = 5000
"""Matches per page of a search, at the most. A flavour may take fewer."""
SMALLEST_PAGE = 50
"""If the site does not answer for so few matches, it is not because of their number."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Get(Protocol):
    """Sends a GET request and returns what `parse` makes of the JSON of its answer."""

    def __call__(self, path: str, parse: Callable[[Any], T], /, **parameters: Any) -> T: ...


@dataclass(frozen=True)
class Page(Generic[T_co]):
    """One page. `total` counts the entries of all pages; either may be missing, and then it is None."""

    entries: list[T_co]
    total: int | None = None
    is_last: bool | None = None

    def ends_at(self, end: int) -> bool:
        """Tell whether no page follows this one, which ends with entry number `end`."""
        if not self.entries or self.is_last:
            return True
        if self.total is not None:
            return end >= self.total
        return self.is_last is None


def pages(
    get: Get, path: str, names: tuple[str, ...], make: Callable[[Mapping[str, Any]], T], **parameters: Any
) -> Iterator[list[T]]:
    """Yield what `make` makes of the entries, page by page. `names` are what a page may call its entries.

    Raises NotJira when a page comes again, or when the pages do not end.
    """

    def parse(data: Any) -> Page[T]:
        entries = data[next((name for name in names if name in data), names[0])]
        return Page([make(entry) for entry in objects(entries)], data.get("total"), data.get("isLast"))

    start, before = 0, None
    for _ in range(MOST_PAGES):
        page = get(path, parse, startAt=start, maxResults=PAGE, **parameters)
        if page.entries and page.entries == before:
            raise NotJira(f"GET {path}: the same page comes again and again")
        yield page.entries
        start, before = start + len(page.entries), page.entries
        if page.ends_at(start):
            return
    raise NotJira(f"GET {path}: its pages do not end")


def offset_pages(
    get: Get, path: str, names: tuple[str, ...], make: Callable[[Mapping[str, Any]], T], **parameters: Any
) -> Iterator[T]:
    """Yield what `make` makes of the entries of all pages; see `pages`."""
    for page in pages(get, path, names, make, **parameters):
        yield from page


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
