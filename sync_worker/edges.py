"""What the working part of a worker needs from the outside: one Jira per side and a store. No more than this.

`sync_worker.jira` and `sync_worker.store` satisfy these without importing them; `__main__` joins the two.
All methods may raise `Unavailable` or `Refused`; those that write may raise `Rejected`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sync_model.definition import Side
from sync_worker.issue import Attachment, Candidate, Created, Draft, Issue
from sync_worker.memory import Memory, Pair, Progress


@dataclass(frozen=True)
class IssueType:
    id: str
    name: str
    is_subtask: bool


@dataclass(frozen=True)
class CreateScreen:
    """What may be set when an issue of one type is created. `priorities` are the allowed names."""

    fields: frozenset[str]
    priorities: tuple[str, ...]


class Jira(Protocol):
    """One Jira site, seen by our account."""

    @property
    def calls(self) -> int:
        """How many requests were sent so far."""

    @property
    def search_lag(self) -> timedelta:
        """How far search may lag behind on this kind of site."""

    def now(self) -> datetime:
        """Return the time on the site's own clock."""

    def account(self) -> str:
        """Return our own account's id. Raises Refused when the site does not know us (any more)."""

    def project_id(self, key: str) -> str:
        """Return the immutable id of the project. Raises Refused when it is not there or not visible."""

    def changed_since(self, project_id: str, since: datetime | None) -> list[Candidate]:
        """Search for the issues updated at or after `since`; for all of them when it is None."""

    def read(self, ids: Collection[str]) -> list[Issue]:
        """Read issues directly, in bulk. Those that are gone or not visible are left out."""

    def ids_of(self, keys: Collection[str]) -> dict[str, str]:
        """Return the ids of the issues that have, or once had, these keys, as far as they are there."""

    def with_history(self, issue: Issue) -> Issue:
        """Return `issue` with all of its status changes."""

    def issue(self, issue_id: str) -> Issue | None:
        """Read one issue with its attachments, transitions and history; None when it is gone or not visible."""

    def is_marked(self, issue_id: str) -> bool:
        """Tell whether the issue was created by a sync."""

    def issue_types(self, project_id: str) -> list[IssueType]:
        """Return what kinds of issue can be created in the project, in its own order."""

    def create_screen(self, project_id: str, issue_type_id: str) -> CreateScreen:
        """Return what can be set at creation."""

    def create(self, draft: Draft) -> Created:
        """Create an issue, once: this is never repeated on its own."""

    def find_created(self, draft: Draft, since: datetime) -> Created | None:
        """Search for an issue that an earlier `create` of the same marker made at or after `since`."""

    def transition(self, issue_id: str, transition_id: str) -> None:
        """Carry the transition out."""

    def comment(self, issue_id: str, body: str, marker: str) -> None:
        """Post a comment that carries `marker`."""

    def has_comment(self, issue_id: str, marker: str, since: datetime) -> bool:
        """Tell whether a comment that carries `marker` was posted at or after `since`."""

    def link(self, issue_id: str, global_id: str, url: str, title: str, summary: str) -> None:
        """Add the remote link `global_id`, or bring it up to date."""

    def browse(self, key: str) -> str:
        """Return the address of an issue for people."""

    def site(self) -> str:
        """Return what tells this site from others."""

    def upload_limit(self) -> int | None:
        """Return the largest attachment that the site takes, in bytes; None when it does not say."""

    def download(self, attachment: Attachment) -> AbstractContextManager[Iterator[bytes]]:
        """Give the file piece by piece; exactly as many bytes as announced, else Rejected."""

    def upload(self, issue_id: str, attachment: Attachment, content: Iterator[bytes]) -> Attachment:
        """Put a file on the issue, passing its content on as it comes, and return it as it is there."""


class Store(Protocol):
    """What one sync remembers, in its own database. Every write is safe to repeat."""

    def progress(self) -> Progress: ...

    def save_progress(self, progress: Progress) -> None: ...

    def memory(self, side: Side, issue_id: str) -> Memory | None: ...

    def memories(self, side: Side, ids: Collection[str]) -> dict[str, Memory]:
        """Return what is remembered of those among `ids` that were seen before."""

    def save(self, memories: Iterable[Memory]) -> None:
        """Remember; on disk when this returns."""

    def waiting(self) -> list[tuple[Side, str]]:
        """Return the issues with pending causes: those that failed least often first, then the longest waiting."""

    def pair_of(self, side: Side, issue_id: str) -> Pair | None: ...

    def paired(self, side: Side, ids: Collection[str]) -> set[str]:
        """Return those among `ids` that have a counterpart."""

    def former_pairs(self) -> list[tuple[str, str]]:
        """Return the pairs, as keys (user, dev), that the replaced service had made for this sync."""

    def save_pair(self, pair: Pair) -> None:
        """Remember the pair. Raises Rejected when one of the two already has another counterpart."""
