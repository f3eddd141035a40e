"""What a facet is: one kind of thing that the two issues of a pair share, such as their status or their files.

A facet declares what it is called, what it depends on and what it needs, and says how things of its kind are carried
over. The engine does the rest, once for all facets: it decides when, remembers what is begun and what is done, tries
again what failed, and says what it did. There are two sorts.

`ActionFacet`   does, once, what a rule calls for in answer to a cause     `engine.delivery.action`
`ItemFacet`     keeps the items of two issues in step                      `engine.delivery.item`
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Generic, Protocol, TypeVar

from sync_model.definition.sync import Side, Sync
from sync_worker.core.issues.actions import Action
from sync_worker.core.issues.causes import Attempt
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.items import Handled, Item, Items, News, Reach
from sync_worker.core.issues.state import IssueState
from sync_worker.core.permissions import Permission
from sync_worker.core.ports import ReadOnlyJira
from sync_worker.core.timing import REQUEST_LIFETIME
from sync_worker.facets.work import Intent, Intents

A_contra = TypeVar("A_contra", bound=Action, contravariant=True)
P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Words:
    """What people read of a facet's actions.

    `deed` names the action on the status page, `counted` in a summary of a cycle. The others make a phrase of what the
    journal says of an action: how the totals of a plan call it, what is to be done, what was done, and what an earlier
    attempt had done.
    """

    deed: str
    counted: str
    planned: Callable[[str], str]
    to_do: Callable[[str], str]
    done: Callable[[str], str]
    found: Callable[[str], str]


@dataclass(frozen=True)
class Told:
    """What log and journal say: the log `event` with `fields`, the journal `text`."""

    event: str
    text: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


class Facet(Protocol):
    """What every facet declares. `kind` names it in marks, in the journal and in metrics.

    `after`: the kinds of action of the same cause without which this one makes no sense. If one of them fails, this one
    waits. `holds_up`: while Jira does not answer for it, the other actions of the cause wait, too.
    """

    kind: ClassVar[str]
    after: ClassVar[frozenset[str]]
    holds_up: ClassVar[bool]
    words: ClassVar[Words]
    permission: ClassVar[Permission]

    def __init__(self, intents: Intents) -> None: ...

    @staticmethod
    def notifies(text: str) -> bool:
        """Tell whether Jira tells people by mail of what the journal says so, if they have not chosen otherwise."""

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        """Yield what in the sync's file may call for it on `side`: labels of rules, names of fields."""


@dataclass(frozen=True)
class Expected:
    """What a request leaves on an issue that would be taken for somebody's change of it.

    `there` is what is remembered of the issue before, `leaves` what is to be remembered besides: see
    `core.issues.own_writes`.
    """

    there: IssueState
    leaves: Handled


@dataclass(frozen=True)
class Request(Generic[P]):
    """One request that an action takes, to an issue of `side`, and what its facet has planned for it.

    `what` may have happened when its answer is lost. `takes`: for how long after its end it may leave something that
    nobody sees yet. `is_repeatable`: a second one does no harm, so it may be made as soon as an answer was lost.
    """

    side: Side
    plan: P
    what: str
    takes: timedelta = REQUEST_LIFETIME
    is_repeatable: bool = False
    expected: Expected | None = None


class ActionFacet(Facet, Protocol[A_contra, P, R]):
    """Carries out one kind of action, at most once for each cause.

    What it sends to Jira leaves a receipt, R: what is there now. `has_own_brake`: the facet bounds by itself how much
    it does without a person's word. What others do is bounded by `mostWritesPerHour`.
    """

    has_own_brake: ClassVar[bool]

    def plan(self, intent: Intent[A_contra]) -> Sequence[Request[P]]:
        """Return the requests that are still to be made, one after the other.

        If what the action is for is there already, that is confirmed, and there are none. Raises what `core.errors`
        lists.
        """

    def find(self, intent: Intent[A_contra], request: Request[P], attempt: Attempt) -> R | None:
        """Return what an earlier attempt at a request has left, if it has. Raises what `core.errors` lists.

        It is called before a repeatable one only if something else than Jira has refused that.
        """

    def prepare(self, intent: Intent[A_contra], request: Request[P]) -> str:
        """Do what must come right before a request that is not repeatable; return `Attempt.after`.

        Nothing was sent by then. Raises what `core.errors` lists.
        """

    def carry_out(self, intent: Intent[A_contra], request: Request[P]) -> R:
        """Make the request; return what is there now. Raises what `core.errors` lists."""

    def confirm(self, intent: Intent[A_contra], request: Request[P], receipt: R, result: str, /) -> Told | None:
        """Write what is there now; return what is said of that, None while more is to come.

        `result` is `facets.work.FOUND` when an earlier attempt has left it, else DONE.
        """


@dataclass(frozen=True)
class End:
    """One of the two issues between which items are carried: as just read, with what is remembered of its items."""

    side: Side
    issue: Issue
    known: Items


@dataclass(frozen=True)
class Step(Generic[P]):
    """One item that is to be carried over, and what its facet has planned for it.

    `is_repeatable`: a second request does no harm. That of a removal always is: what is gone stays gone. Steps of one
    `line` are carried out one after the other.
    """

    news: News
    plan: P
    is_repeatable: bool = False
    line: str = ""

    @property
    def key(self) -> str:
        return self.news.key

    @property
    def sent_once(self) -> Item | None:
        """Return the item that the request carries; None if a second request does no harm."""
        return None if self.is_repeatable else self.news.item


class ItemFacet(Facet, Protocol[P]):
    """Carries items of one kind from one issue of a pair to the other.

    The engine finds out what is new, remembers what is begun and what is done on both sides, tries again, and says what
    it did (`engine.delivery.item`). An item that both sides remember as each other's is no news on either. So nothing
    that we have written ourselves comes back.
    """

    at_once: ClassVar[int]
    """So many of an issue's items are carried at the same time."""

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

    @staticmethod
    def removed(jira: ReadOnlyJira, issue: Issue, gone: Items) -> Collection[str]:
        """Return which of the items that an issue does not show any more were removed from it, as the site tells.

        What is not shown may also be hidden, or forgotten by a site that was restored from a backup. Then what stands
        for it may be all that is left. Raises what `core.errors` lists.
        """

    def left_out(self, news: Sequence[News], source: End) -> Mapping[str, Told]:
        """Return what is said of the items that are not carried over, by their keys. They stay news."""

    def plan(self, news: Sequence[News], source: End, target: End) -> Sequence[Step[P]]:
        """Return what is to be done about the news, in that order. What is not among it stays news."""

    def find(self, item: Item, source: End, target: End) -> Item | None:
        """Return the item of `target` that is the same as one of `source`, if it stands for no other.

        An item that `source` does not have any more was begun before: what we have put there for it is found.
        """

    @staticmethod
    def lifetime(item: Item) -> timedelta:
        """Return for how long after its end a request that carries the item may leave what nobody sees yet. Pure."""

    def carry_out(self, step: Step[P], source: End, target: End) -> Item | None:
        """Do it; return what stands for the item on `target` now, as it is there. None: nothing does, nor will.

        Raises what `core.errors` lists.
        """

    def is_ours(self, item: Item, end: End) -> bool:
        """Tell whether our account has put an item there."""

    def done(self, step: Step[P], there: Item | None = None) -> Told | None:
        """Return what is said of a step that has put `there` on the counterpart; None when there was nothing to do."""

    def found(self, item: Item, source: End) -> Told:
        """Return what is said of an item that was there already."""

    def question(self, step: Step[P]) -> str:
        """Return what is not certain while it is not known whether a step was carried out."""
