"""What one flavour of Jira does differently from another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from sync_worker.core.bulk import BatchSize
from sync_worker.core.issues.issue import Attachment
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
    keys_at_once: ClassVar[int]
    """How many keys `with_keys` is asked for at once."""
    download_parameters: ClassVar[Mapping[str, str]]
    """The query parameters of the request for a file."""
    shows_markers: ClassVar[bool]
    """Whether search can show the properties of issues."""
    lists_tokens: ClassVar[bool]
    """Whether an account can ask for its tokens, and when they run out."""
    text_limit: ClassVar[int | None]
    """The most units of UTF-16 that a description or a comment may have; None where a site decides that itself."""
    identity: ClassVar[tuple[str, str]]
    """Where a site of this flavour tells what it is, whatever its address: a path, and a name in the answer."""

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
        """Return what `make` makes of each match, once per issue. `jql` has no order of its own.

        No more than that is kept of a page when the next one is read. `make` is shown the property named
        `issue_property` too, if this flavour's search can show properties. Raises Unavailable when the pages do not
        fit together.
        """

    def read(self, transport: Transport, ids: list[str]) -> list[dict[str, Any]]:
        """Read at most READ_AT_ONCE issues directly in one request, with `issue_json.FIELDS` and their changelog.

        Those that are gone, are not visible, or can only be read by themselves are left out.
        """

    def with_keys(
        self, transport: Transport, keys: list[str], read_one: Callable[[str], dict[str, Any] | None]
    ) -> Iterable[dict[str, Any]]:
        """Do as `read` does, for issues that are named by their keys; at most `keys_at_once` of them.

        `read_one` reads a single issue. Raises Unavailable when one of them cannot be read for the moment.
        """

    def history(self, get: Get, issue_id: str, make: Make[T]) -> Iterable[T] | None:
        """Return what `make` makes of the entries of the whole changelog of an issue.

        Returns None where there is no more of it than a direct read shows.
        """

    def projects(self, get: Get, make: Make[T]) -> Iterable[T]:
        """Return what `make` makes of the projects that our account sees."""

    def user_parameters(self, mention: str) -> Mapping[str, str] | None:
        """Return the query that finds the user whom wiki text mentions as `[~mention]`; None when there is none."""

    def download_path(self, attachment: Attachment) -> str:
        """Return the path of a file, made from the attachment's id."""
