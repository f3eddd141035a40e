"""What one flavour of Jira does differently from another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from sync_worker.core.issue import Attachment
from sync_worker.jira.paging import Get
from sync_worker.jira.transport import Transport

T = TypeVar("T")
Make = Callable[[Mapping[str, Any]], T]
"""What makes a value of an object in Jira's JSON."""


class Flavour(Protocol):
    """A flavour has no state. Issues are given as Jira's JSON: objects that have an `id`."""

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
        make: Make[T],
        *,
        issue_property: str = "",
    ) -> list[T]:
        """Return what `make` makes of each match, once per issue.

        No more than that is kept of a page when the next one is read. `make` is shown the property named
        `issue_property` too, if this flavour's search can show properties. Raises Unavailable when the pages do not
        fit together.
        """

    def read(
        self, transport: Transport, ids: list[str], read_one: Callable[[str], dict[str, Any] | None]
    ) -> Iterable[dict[str, Any]]:
        """Read issues directly, with `parsing.FIELDS` and their changelog: at most READ_AT_ONCE of them.

        Those that are gone or not visible are left out. One that cannot be read is given as its `id` and an `error`.
        `read_one` reads a single issue.
        """

    def projects(self, get: Get, make: Make[T]) -> Iterable[T]:
        """Return what `make` makes of the projects that our account sees."""

    def user_parameters(self, mention: str) -> Mapping[str, str] | None:
        """Return the query that finds the user whom wiki text mentions as `[~mention]`; None when there is none."""

    def download_path(self, attachment: Attachment) -> str:
        """Return the path of a file, made from the attachment's id."""
