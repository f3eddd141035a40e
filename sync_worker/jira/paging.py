"""Lists that Jira gives page by page, by offset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

PAGE = 100
"""Entries per page. Jira gives fewer where it gives at most so many."""


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
