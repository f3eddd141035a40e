"""Jira Data Center: search by offset, which does the work of a bulk read too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

from sync_worker.core.errors import InvalidRequest, NotJira, SiteThrottled, Unavailable
from sync_worker.core.issue import Attachment
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.flavours.protocol import Make
from sync_worker.jira.paging import MOST_PAGES, Get, Page
from sync_worker.jira.transport import Transport

T = TypeVar("T")

PAGE = 1000
SCANS = 3


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
        make: Make[T],
        *,
        issue_property: str = "",  # noqa: ARG002 - its search shows no properties
    ) -> list[T]:
        for _ in range(SCANS):
            found = self._scan(transport, jql, fields, make)
            if found is not None:
                return list(found.values())
        raise Unavailable("search keeps shifting between its pages; nothing is skipped, it is tried again")

    def _scan(self, transport: Transport, jql: str, fields: list[str], make: Make[T]) -> dict[str, T] | None:
        """Return what all pages hold, by issue id; None when the pages shifted.

        Each page begins with the last issue of the page before. `jql` orders by key, so an issue changes its place only
        when an issue before it leaves the result. If the last issue is where it was, none has left.
        """

        def parse(data: Any) -> Page[tuple[str, T]]:
            matches = [(parsing.identity(issue), make(issue)) for issue in parsing.objects(data["issues"])]
            total, is_last = data.get("total"), data.get("isLast")
            if total is None and is_last is None:
                raise ValueError("a page does not say whether others follow")
            return Page(matches, total, is_last)

        found: dict[str, T] = {}
        last = ""
        for _ in range(MOST_PAGES):
            parameters = {"fields": ",".join(fields), "startAt": max(len(found) - 1, 0), "maxResults": PAGE}
            page = transport.get(self.search_path, parse, jql=jql, **parameters)
            if found and (not page.entries or page.entries[0][0] != last):
                return None
            found |= dict(page.entries)
            last = page.entries[-1][0] if page.entries else ""
            if page.ends_at(len(found)) or len(page.entries) < 2:  # noqa: PLR2004 - one is the overlap
                return found
        raise NotJira("the pages of a search do not end; the answer cannot be trusted")

    def read(
        self, transport: Transport, ids: list[str], read_one: Callable[[str], dict[str, Any] | None]
    ) -> list[dict[str, Any]]:
        """Data Center has no bulk read. Its search shows the issues as they are, not as its index has them.

        But it finds only issues that are in the index. Those that it does not find are read one by one.
        """
        shown = transport.get(
            self.search_path,
            lambda data: parsing.identified(data["issues"]),
            jql=f"id in ({', '.join(ids)}) ORDER BY key ASC",
            fields=",".join(parsing.FIELDS),
            expand="changelog",
            maxResults=len(ids),
            validateQuery="false",  # without it, one id that is gone fails the whole search
        )
        found = {parsing.identity(data): data for data in shown}
        for missing in set(ids) - set(found):
            try:
                if data := read_one(missing):
                    found[missing] = data
            except SiteThrottled:
                raise
            except (InvalidRequest, Unavailable) as error:
                # The issue seems to be there, but we may not see it, or it cannot be read for the moment.
                found[missing] = {"id": missing, "error": str(error)}
        return list(found.values())

    def projects(self, get: Get, make: Make[T]) -> list[T]:
        return get(f"{API_PATH}/project", parsing.list_of(make))

    def user_parameters(self, mention: str) -> Mapping[str, str] | None:
        return {"username": mention}

    def download_path(self, attachment: Attachment) -> str:
        return f"/secure/attachment/{attachment.id}/{quote(attachment.filename, safe='')}"
