"""What a facet is: one kind of thing that the two issues of a pair share, such as their status or their files.

A facet declares what it is called, what it depends on and what it needs. It carries out the actions of its kind. The
engine does the rest: it decides when, remembers what is begun, and tries again what failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Generic, Protocol, TypeVar

from sync_model.definition import Side, Sync
from sync_worker.core.actions import Action
from sync_worker.core.causes import Attempt, Cause
from sync_worker.core.context import Context
from sync_worker.core.errors import InvalidRequest, OutcomeUnknown
from sync_worker.core.identity import Identity
from sync_worker.core.issue import Issue
from sync_worker.core.items import Item, Items, News, Reach
from sync_worker.core.pairs import Pair
from sync_worker.core.permissions import Permission
from sync_worker.core.progress import Restored
from sync_worker.core.state import IssueState
from sync_worker.core.timing import REQUEST_LIFETIME

DONE, FOUND, SKIPPED, FAILED, GIVEN_UP = "done", "found", "skipped", "failed", "given up"
"""What became of an action, as the journal has it. `found`: an earlier attempt had done it."""

A_co = TypeVar("A_co", bound=Action, covariant=True)
A_contra = TypeVar("A_contra", bound=Action, contravariant=True)


@dataclass(frozen=True)
class Work:
    """One cause in hand: its issue as just read, the issue's state, its pair if it has one.

    `actions` is what the cause calls for, in the order in which it is to be done. It is decided once, when the work is
    taken up. `is_confirmed`: the counterpart was seen to be the issue that it was when the two became a pair.
    """

    issue: Issue
    state: IssueState
    cause: Cause
    pair: Pair | None
    actions: tuple[Action, ...]
    is_confirmed: bool = False

    @property
    def side(self) -> Side:
        return self.state.side

    @property
    def key(self) -> tuple[Side, str]:
        return self.state.side, self.state.id

    @property
    def counterpart(self) -> Pair:
        """The pair that the issue belongs to. Raises InvalidRequest when it has no counterpart."""
        if self.pair is None:
            raise InvalidRequest(f"{self.issue.key} has no counterpart")
        return self.pair

    @property
    def counterpart_key(self) -> str | None:
        return self.pair.key(self.side.other) if self.pair else None


@dataclass(frozen=True)
class Words:
    """What people read of a facet's actions.

    `deed` names the action on the status page, `counted` in a summary of a cycle, `planned` in the totals of a plan.
    The others make a phrase of what the journal says of an action: what is to be done, what was done, and what an
    earlier attempt had done.
    """

    deed: str
    counted: str
    planned: str
    to_do: Callable[[str], str]
    done: Callable[[str], str]
    found: Callable[[str], str]


class Intent(Protocol[A_co]):
    """One action of one cause while it is carried out. `work` is how the cause stands now.

    Whatever Jira does not make safe to repeat follows one pattern. What is about to happen is remembered first, and it
    carries a mark. Where an earlier attempt may have been carried out unseen, the mark is looked for before there is a
    second attempt: until two looks, apart, have missed it (`core.uncertainty`).
    """

    @property
    def work(self) -> Work: ...

    @property
    def action(self) -> A_co: ...

    def begun(self, side: Side) -> Attempt | None:
        """Return since when the action may have happened on `side`; None when it certainly has not."""

    def attempt(self, side: Side, *, after: str = "") -> AbstractContextManager[None]:
        """Surround the request to `side`.

        That it is begun is remembered before, and taken back if it certainly was not carried out. `after` is as in
        `core.causes.Attempt`.
        """

    def missed(self, side: Side, what: str, takes: timedelta = REQUEST_LIFETIME) -> None:
        """Note that an earlier attempt has not left what it would have left; return when that is certain.

        `what` says what is not certain otherwise. `takes` is for how long after its end the attempt may leave something
        that nobody sees. Raises OutcomeUnknown as long as the attempt may have been carried out, and InvalidRequest if
        something else than Jira has refused it for good.
        """

    def leave_open(self, side: Side, error: OutcomeUnknown) -> None:
        """Note that something else than Jira has refused a request to `side`, if it did. The next write carries it."""

    def mark(self, attempt: Attempt | None) -> None:
        """Note how far the action has come; None when it has not begun. The next write carries it."""

    def finish(self) -> None:
        """Note that the action is done. The next write carries it: to look for a mark once too often does no harm."""

    def pair_with(self, pair: Pair) -> None:
        """Note the issue's pair as it is now."""

    def confirm_counterpart(self) -> None:
        """See that the counterpart is the issue that it was. Raises InvalidRequest when it is not, or is gone.

        Whatever writes to the counterpart without having read it calls this first.
        """

    def confirm_visible(self) -> None:
        """See that the issue and its counterpart are visible to us. Raises IssueGone or CounterpartGone.

        What is hidden answers like what is not there. So this is asked before anybody takes note that something of an
        issue is gone for good.
        """

    def note(self, state: IssueState) -> None:
        """Note the issue's state as it is now. The next write carries it."""

    def remember(self, state: IssueState) -> None:
        """Write the issue's state as it is now."""

    def note_own_write(self, side: Side, issue_id: str) -> None:
        """Note up to which `updated` an update of an issue is the echo of what we just wrote to it."""

    def read_counterpart(self) -> Issue:
        """Read the counterpart directly. Raises InvalidRequest when it is gone, or is another issue by now."""

    def report(self, event: str, result: str = DONE, text: str | None = None, **fields: object) -> None:
        """Say in the log, and in the journal as `text`, that the action was carried out or need not be."""


class Intents(Protocol):
    """What all intents of one cycle have in common. Safe to use from several threads.

    `identity` says what the database and the two sides are, `accounts` maps a side to the ids of the accounts there
    that are or were ours. `restored`: what may have been done that the database does not know of.
    """

    @property
    def context(self) -> Context: ...

    @property
    def identity(self) -> Identity: ...

    @property
    def accounts(self) -> Mapping[Side, frozenset[str]]: ...

    @property
    def restored(self) -> Restored | None: ...

    def observe(self, side: Side, issue: Issue, state: IssueState | None) -> IssueState:
        """Return the state of an issue of a pair after a direct read."""

    def observed(self, side: Side, issue: Issue, pair: Pair) -> IssueState:
        """Write and return what others did to `issue`, one of `pair`, before we change it ourselves."""

    def note_arrival(self, side: Side, kind: str, *, arrives: bool) -> None:
        """Remember whether marks of a kind, `issue` or `comment`, are found where they were put."""

    def report_all(self, intents: Sequence[Intent[Action]], event: str, result: str = DONE) -> None:
        """Say of many intents what `Intent.report` says of one. The journal takes them in one write."""


class Facet(Protocol[A_contra]):
    """Carries out one kind of action. `kind` names the kind in marks, in the journal and in metrics.

    `after`: the kinds of action of the same cause without which this one makes no sense. If one of them fails, this one
    waits. `holds_up`: while Jira does not answer for it, the other actions of the cause wait, too.
    """

    kind: ClassVar[str]
    after: ClassVar[frozenset[str]]
    holds_up: ClassVar[bool]
    words: ClassVar[Words]
    permission: ClassVar[Permission]
    notifies: ClassVar[bool]
    """Whether Jira tells people of it by mail, as far as they have not chosen otherwise."""

    def __init__(self, intents: Intents) -> None: ...

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        """Yield what in the sync's file may call for it on `side`: labels of rules, names of fields."""

    def carry_out(self, intent: Intent[A_contra]) -> None:
        """Do it, unless it is done. Raises what `core.errors` lists."""


P = TypeVar("P")


@dataclass(frozen=True)
class End:
    """One of the two issues between which items are carried: as just read, with what is remembered of its items."""

    side: Side
    issue: Issue
    known: Items


@dataclass(frozen=True)
class Told:
    """What log and journal say: the log `event` with `fields`, the journal `text`."""

    event: str
    text: str
    fields: Mapping[str, object]


@dataclass(frozen=True)
class Step(Generic[P]):
    """One item that is to be carried over, and what its facet has planned for it.

    `takes`: for how long after its end a request may leave something that nobody sees yet. None for a request that is
    safe to repeat. Steps of one `line` are carried out one after the other.
    """

    news: News
    plan: P
    takes: timedelta | None = None
    line: str = ""

    @property
    def key(self) -> str:
        return self.news.key


class ItemFacet(Protocol[P]):
    """Carries items of one kind from one issue of a pair to the other. It is a `Facet` as far as that is declared.

    The engine finds out what is new, remembers what is begun and what is done on both sides, tries again, and says what
    it did (`engine.item_delivery`). An item that both sides remember as each other's is no news on either. So nothing
    that we have written ourselves comes back.
    """

    kind: ClassVar[str]
    after: ClassVar[frozenset[str]]
    holds_up: ClassVar[bool]
    at_once: ClassVar[int]
    """So many of an issue's items are carried at the same time."""
    words: ClassVar[Words]
    permission: ClassVar[Permission]
    notifies: ClassVar[bool]
    """Whether Jira tells people of it by mail, as far as they have not chosen otherwise."""

    def __init__(self, intents: Intents) -> None: ...

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]: ...

    @staticmethod
    def also_needs(sync: Sync, side: Side) -> Iterator[tuple[Permission, str]]:
        """Yield more permissions that the account of `side` needs, with the name of the field that calls for each."""

    @staticmethod
    def observe(issue: Issue) -> Sequence[Item]:
        """Return all items of the issue. Pure."""

    @staticmethod
    def reach(sync: Sync, side: Side) -> Reach | None:
        """Return what of the items of `side` is carried over unasked, None for nothing. Pure."""

    @staticmethod
    def keeps_earlier(sync: Sync) -> bool:
        """Tell whether items stay that were there before the sync's file had them carried over. Pure."""

    def plan(self, news: Sequence[News], source: End, target: End) -> Sequence[Step[P]]:
        """Return what is to be done about the news, in that order. What is left out stays news."""

    def find(self, item: Item, source: End, target: End) -> Item | None:
        """Return the item of `target` that is the same as one of `source`, if it stands for no other.

        An item that `source` does not have any more was begun before: what we have put there for it is found.
        """

    @staticmethod
    def lifetime(item: Item) -> timedelta:
        """Return for how long a request that carries the item may be at work after it has ended for us. Pure."""

    def carry_out(self, step: Step[P], source: End, target: End) -> Item | None:
        """Do it; return what stands for the item on `target` now, as it is there. None: nothing does, nor will.

        Raises what `core.errors` lists.
        """

    def is_ours(self, item: Item, end: End) -> bool:
        """Tell whether our account has put an item there."""

    def done(self, step: Step[P]) -> Told | None:
        """Return what is said of a step that was carried out; None when there was nothing to do."""

    def found(self, item: Item, source: End) -> Told:
        """Return what is said of an item that was there already."""

    def question(self, step: Step[P]) -> str:
        """Return what is not certain while it is not known whether a step was carried out."""
