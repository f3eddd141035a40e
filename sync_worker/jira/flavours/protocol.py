"""What one flavour of Jira does differently from another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from sync_worker.core.bulk import BatchSize
from sync_worker.core.issue import Attachment
from sync_worker.jira.paging import Get
from sync_worker.jira.transport import Transport

T = TypeVar("T")


class Flavour(Protocol):
    """A flavour has no state. Issues and projects are given as Jira's JSON."""

    search_lag: ClassVar[timedelta]
    """How far search may lag behind, unless the sync says otherwise."""
    search_path: ClassVar[str]
    download_parameters: ClassVar[Mapping[str, str]]
    """The query parameters of the request for a file."""

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
        """Return what `make` makes of each match, once per issue. `jql` has no order of its own.

        No more than that is kept of a page when the next one is read. `make` is shown the property named
        `issue_property` too, if this flavour's search can show properties. Raises Unavailable when the pages do not
        fit together.
        """

    def read(self, transport: Transport, ids: list[str]) -> list[dict[str, Any]]:
        """Read issues directly in one request, with `parsing.FIELDS` and their changelog: at most READ_AT_ONCE of them.

        Those that are gone, are not visible, or can only be read by themselves are left out.
        """

    def history(self, get: Get, issue_id: str) -> Iterable[dict[str, Any]] | None:
        """Return the whole changelog of an issue; None where there is no more of it than a direct read shows."""

    def projects(self, get: Get) -> Iterable[dict[str, Any]]:
        """Return the projects that our account sees."""

    def user_parameters(self, mention: str) -> Mapping[str, str] | None:
        """Return the query that finds the user whom wiki text mentions as `[~mention]`; None when there is none."""

    def download_path(self, attachment: Attachment) -> str:
        """Return the path of a file, made from the attachment's id."""
