"""Ports: what engine, facets and migration need from the outside. One Jira per side and a store, no more than this.

`sync_worker.jira` and `sync_worker.database` satisfy the ports; `runtime.wiring` hands them in.
All methods may raise `Unavailable` or `NeedsOperator`, and `LeaseLost` when another worker acts for this sync now.
Methods that write may raise `InvalidRequest`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from sync_model.definition.sync import Side
from sync_worker.core.bulk import BatchSize
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issues.issue import (
    Alike,
    Attachment,
    Candidate,
    Created,
    Draft,
    Glimpse,
    Issue,
    MarkedIssues,
    OwnComment,
    SeenComment,
    StatusName,
    TextSource,
    Transition,
)
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.progress import Progress
from sync_worker.core.records import JournalEntry, Request
from sync_worker.core.unprocessable import UnprocessableIssue

T = TypeVar("T")

READ_AT_ONCE = 100
"""The most issues that one bulk read of Jira Cloud returns with all their fields."""
CREATED_AT_ONCE = 50
"""The most issues that Jira creates in one request."""


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


@dataclass(frozen=True)
class Waiting:
    """An issue with changes to carry out: how often the first of them failed, and since when it waits."""

    side: Side
    id: str
    attempts: int
    since: datetime

    @property
    def key(self) -> tuple[Side, str]:
        return self.side, self.id


@dataclass(frozen=True)
class FailingIssue:
    """An issue, by its key, of which a change fails: since when, how often, and the last error."""

    issue: str
    since: datetime
    attempts: int
    error: str


@dataclass(frozen=True)
class Backlog:
    """What is not carried out: how many issues have changes that wait, how many changes were given up, when, on its
    own site's clock, the oldest one of each side that waits was made, and what has failed for the longest time.
    """

    queued: int
    dead: int
    oldest: Mapping[Side, datetime]
    failing: FailingIssue | None


@dataclass(frozen=True)
class Read:
    """What a bulk read gave: the issues, and those (id: why) that are there but cannot be understood.

    `alone` are the ids of those that the bulk read could not include. Each has to be read by itself.
    """

    issues: list[Issue]
    unprocessable: dict[str, str]
    alone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fate:
    """What became of another database that this server has, or had, under `name`."""

    name: str
    is_gone: bool


class ReadOnlyJira(Protocol):
    """One Jira site, seen by our account: what changes nothing there. Of a dry run, nothing else reaches the site."""

    @property
    def search_lag(self) -> timedelta:
        """How far search may lag behind on this kind of site."""

    @property
    def read_size(self) -> BatchSize:
        """How many issues at once the site bears in a bulk read."""

    @property
    def create_size(self) -> BatchSize:
        """How many issues at once the site bears in a bulk creation."""

    def now(self) -> datetime:
        """Return the time on the site's own clock."""

    def check_clock(self) -> None:
        """Ask the site for its time. If it does not answer, what is known of its clock stands. Raises NeedsOperator."""

    def account(self) -> str:
        """Return our own account's id. Raises NeedsOperator when the site does not know us (any more)."""

    def identity(self) -> str | None:
        """Ask the site for what it has that is not its address; None when it does not tell."""

    def read_labels(self) -> None:
        """Look for marks in labels, too: the site does not keep properties."""

    def recognise(self, accounts: Collection[str]) -> None:
        """Tell which accounts were ours before: what they have created and posted is ours, too."""

    @property
    def shows_markers(self) -> bool:
        """Tell whether search shows the markers of issues. Where it does not, each is read by itself."""

    def project_id(self, key: str) -> str:
        """Return the immutable id of the project. Raises NeedsOperator when it is not there or not visible."""

    def check_project(self, key: str) -> None:
        """Ask again whether the project is there and visible. Raises NeedsOperator when it is not."""

    def changed_since(self, project_id: str, since: datetime | None) -> list[Candidate]:
        """Search for the issues updated at or after `since`; for all of them when it is None."""

    def ids_in(self, project_id: str) -> set[str]:
        """Search for the ids of all issues in the project."""

    def listing(self, project_id: str, make: Callable[[Glimpse], T]) -> list[T]:
        """Search for all issues in the project; return what `make` makes of each. No more than that is kept."""

    def read(self, ids: Collection[str]) -> Read:
        """Read issues directly, in one request, at most READ_AT_ONCE. Those that are gone or not visible are left out.

        Raises InvalidRequest and Unavailable for all of them together, whichever is at fault: see `engine.reading`.
        """

    def ids_of(self, keys: Collection[str]) -> dict[str, str]:
        """Return the ids of the issues that have, or once had, these keys, as far as they are there."""

    def with_history(self, issue: Issue) -> Issue:
        """Return `issue` with all of its status changes. Raises IssueGone when it has been deleted since it was read.

        Raises InvalidRequest when its history is nowhere to be had as a whole.
        """

    def with_marker(self, issue: Issue) -> Issue:
        """Return `issue` with its marker."""

    def issue(self, issue_id: str) -> Issue | None:
        """Read one issue with its attachments and, as far as it is to be had, its history.

        None when it is gone or not visible.
        """

    def transition_to(self, issue: Issue, status: str, *, refresh: bool = False) -> Transition | None:
        """Return how our account gets `issue` into `status`; `refresh`: ask Jira again."""

    def reachable_statuses(self, issue: Issue) -> list[str]:
        """Return the statuses that our account can bring `issue` into. Jira is asked again."""

    def mark_of(self, issue_id: str) -> object:
        """Return the marker of the draft that the issue was created from; None when no sync has created it."""

    def made_since(self, project_id: str, since: datetime) -> list[str]:
        """Search for the ids of the issues in the project that our account created at or after `since`."""

    def marked(self, project_id: str, *, by_anybody: bool = False) -> MarkedIssues:
        """Search for the issues in the project that may carry a mark, with their markers as far as search shows them.

        Where search shows none, these are the issues that our account created, unless `by_anybody`.
        """

    def links_of(self, issue_id: str) -> list[str]:
        """Return the global ids of the remote links on an issue."""

    def display_name(self, mention: str) -> str | None:
        """Return the name of the person whom wiki text mentions as `[~mention]`; None when it cannot be known."""

    def statuses(self, project_key: str) -> list[StatusName]:
        """Return the statuses of the project's workflows."""

    def issue_types(self, project_id: str) -> list[IssueType]:
        """Return what kinds of issue can be created in the project, in its own order."""

    def create_screen(self, project_id: str, issue_type_id: str) -> CreateScreen:
        """Return what can be set at creation."""

    def find_created(self, drafts: Sequence[Draft], since: datetime) -> list[Created | Alike | Unavailable | None]:
        """Search for what earlier attempts with the same markers, in one project, created at or after `since`.

        An error stands for those of which it cannot be told, because an issue that was found cannot be read. For drafts
        that may have lost their marker, the issues that may be theirs are returned.
        """

    def is_comment_marked(self, comment_id: str, marker: str | None = None) -> bool:
        """Tell whether a comment carries `marker`, or any at all."""

    def has_comment(
        self, issue_id: str, marker: str, since: datetime, databases: Collection[str] = (), *, by_anybody: bool = False
    ) -> bool:
        """Tell whether a comment that carries `marker` was posted at or after `since`, for one of `databases`.

        A comment that names no database counts, too: the version before wrote none. `by_anybody`: another account may
        have posted it.
        """

    def own_comments(self, issue_id: str, since: datetime) -> list[OwnComment]:
        """Return what our account has posted at or after `since`."""

    def browse(self, key: str) -> str:
        """Return the address of an issue for people."""

    def site(self) -> str:
        """Return the site's address, always in the same spelling."""

    def upload_limit(self) -> int | None:
        """Return the largest attachment that the site takes, in bytes; None when it does not say."""

    def download(self, attachment: Attachment) -> AbstractContextManager[Iterator[bytes]]:
        """Give the file piece by piece; exactly as many bytes as announced, else InvalidRequest."""

    def file_is_gone(self, attachment_id: str) -> bool:
        """Tell whether the site says that a file is not there (any more). None is gone where files are switched off."""

    def removed_files(self, issue_id: str) -> frozenset[tuple[str, str]]:
        """Return the ids and names of the files that were removed from an issue, as its history tells."""

    def comments_of(self, issue_id: str) -> list[SeenComment]:
        """Return all comments of an issue that our account sees."""


class Jira(ReadOnlyJira, Protocol):
    """One Jira site: what changes something there, too. Safe to use from several threads."""

    def create(self, draft: Draft) -> Created:
        """Create an issue, once: this is never repeated on its own, unless Jira says that it was not carried out."""

    def create_many(self, drafts: Sequence[Draft]) -> list[Created | InvalidRequest]:
        """Create issues of one project in one request, once; return what became of each, in the same order."""

    def transition(self, issue: Issue, transition: Transition) -> None:
        """Carry the transition out. Raises Unavailable when `issue` has changed while the call waited its turn."""

    def comment(
        self, issue_id: str, body: str, marker: str, database: str = "", *, source: TextSource | None = None
    ) -> str:
        """Post a comment that carries `marker`, and the id of the database that has it posted; return its own id.

        If it is longer than the site takes, it is cut, and names `source`.
        """

    def link(self, issue_id: str, global_id: str, url: str, title: str, summary: str) -> None:
        """Add the remote link `global_id`, or bring it up to date."""

    def upload(self, issue_id: str, attachment: Attachment, content: Iterator[bytes]) -> Attachment:
        """Put a file on the issue, passing its content on as it comes, and return it as it is there."""

    def delete_file(self, issue_id: str, attachment_id: str) -> None:
        """Delete a file from an issue. One that is not there is deleted."""


class Store(Protocol):
    """What one sync remembers, in its own database. Every write is safe to repeat. Safe to use from several threads."""

    def progress(self) -> Progress: ...

    def save_progress(self, progress: Progress) -> None: ...

    def state(self, side: Side, issue_id: str) -> IssueState | None:
        """Return what is remembered. Raises InvalidRequest when it does not fit."""

    def states(self, side: Side, ids: Collection[str]) -> tuple[dict[str, IssueState], dict[str, str]]:
        """Return what is remembered of those among `ids` that were seen before, and (id: why) what does not fit."""

    def known(self, side: Side, ids: Collection[str]) -> set[str]:
        """Return those among `ids` that were seen before."""

    def save(self, states: Iterable[IssueState]) -> None:
        """Remember; on disk when this returns. Raises InvalidRequest when one of them cannot be stored."""

    def forget(self, state: IssueState) -> None:
        """Remember nothing of the issue any more."""

    def forgotten(self, side: Side, ids: Collection[str]) -> set[str]:
        """Return those among `ids` that a person had forgotten: they are left alone."""

    def erase(self, request: Request) -> None:
        """Erase all that is remembered of the issues that the request names, and of their counterparts, for good.

        Only that they are forgotten is remembered. Raises InvalidRequest when that could not be relied on.
        """

    def recall(self, side: Side, ids: Collection[str]) -> None:
        """Have these issues, and their counterparts, be forgotten no more."""

    def recall_all(self, side: Side) -> None:
        """Have no issue of `side` be forgotten any more: its ids are other issues' now."""

    def emptied(self) -> Store:
        """Return a store in which nothing is remembered, for whoever only reads."""

    def begin_anew(self) -> None:
        """Set aside what is remembered of all issues and pairs, so that nothing of it is known any more."""

    def due(self, side: Side, now: datetime, limit: int) -> list[Waiting]:
        """Return issues whose first cause may be tried now: those that failed least often first."""

    def count_due(self, side: Side, now: datetime) -> int: ...

    def waiting(self, side: Side) -> list[str]:
        """Return the ids of all issues of `side` with changes that wait, due or not."""

    def next_try(self, side: Side, after: datetime) -> datetime | None:
        """Return when the next issue that may not be tried before `after` may be; None when there is none."""

    def backlog(self) -> Backlog: ...

    def failing(self) -> list[IssueState]:
        """Return the issues of which a change failed or was given up."""

    def unprocessable(self) -> list[UnprocessableIssue]:
        """Return the issues that could not be handled at the last look at each."""

    def save_unprocessable(self, issue: UnprocessableIssue) -> None: ...

    def forget_unprocessable(self, side: Side, ids: Collection[str]) -> None: ...

    def pair_of(self, side: Side, issue_id: str) -> Pair | None:
        """Return the pair. Raises InvalidRequest when its document does not fit."""

    def pairs_of(self, side: Side, ids: Collection[str]) -> tuple[dict[str, Pair], dict[str, str]]:
        """Return the pairs of those among `ids` that have a counterpart, and (id: why) what does not fit."""

    def paired(self, side: Side, ids: Collection[str]) -> set[str]:
        """Return those among `ids` that have a counterpart."""

    def count_pairs(self, *, exactly: bool = False) -> int:
        """Return how many pairs there are; `exactly` even after a crash of MongoDB, which takes a look at each."""

    def latest_pairs(self, limit: int) -> list[Pair]:
        """Return the pairs that were made last."""

    def pairs_after(self, user_id: str, limit: int) -> list[Pair]:
        """Return the next pairs in the order of the ids of their user issues."""

    def latest_states(self, side: Side, limit: int) -> list[IssueState]:
        """Return what is remembered of the issues of `side` that were updated last."""

    def states_after(self, side: Side, issue_id: str, limit: int) -> list[IssueState]:
        """Return what is remembered of the next issues of `side`, in the order of their ids as texts."""

    def is_still(self, database: str) -> bool:
        """Tell whether this is the database with this id, and nobody has emptied it."""

    def register(self, database: str) -> None:
        """Let the server know that the database with this id is, or was, on it. It may not keep that."""

    def latest_registered(self) -> str | None:
        """Return the id of the last database of this name that registered; None when the server knows of none."""

    def fate_of(self, database: str) -> Fate | None:
        """Return what became of the database with this id on this server; None when the server never had it."""

    def living(self, side: Side) -> set[str]:
        """Return the ids of all issues of `side` that have a counterpart and were not deleted as far as we know."""

    def gone(self, side: Side) -> set[str]:
        """Return the ids of all issues of `side` that count as deleted."""

    def away(self) -> list[Pair]:
        """Return the pairs of which an issue was moved out of its project."""

    def missing(self) -> list[Pair]:
        """Return the pairs of which a direct read did not find an issue, once."""

    def save_pair(self, pair: Pair) -> None:
        """Remember the pair. Raises InvalidRequest when one of the two already has another counterpart."""

    def save_pairs(self, pairs: Sequence[Pair]) -> None: ...

    def forget_pair(self, pair: Pair) -> None: ...

    def stage_nothing(self) -> None:
        """Begin to lay down what is to take the place of all states and pairs."""

    def stage(self, states: Iterable[IssueState], pairs: Iterable[Pair]) -> None:
        """Lay more of it down."""

    def put_in_place(self) -> None:
        """Put what was laid down in place. When this is interrupted, it must be done again before anything is read."""

    def record(self, entries: Sequence[JournalEntry]) -> None:
        """Put into the journal what was done, or was not, and why."""

    def record_once(self, entry: JournalEntry) -> None:
        """Put into the journal what was done for the `cause` of this entry, unless it is there."""

    def requests(self) -> list[Request]:
        """Return what operators asked for, oldest first."""

    def answer(self, request: Request) -> None:
        """Take note that the request is carried out."""
