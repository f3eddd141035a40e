"""What a facet is handed: a cause in hand, the intent to carry out one of its actions, and what all of these share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sync_model.definition.sync import Side
from sync_worker.core.context import Context
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.identity import Identity
from sync_worker.core.issues.actions import Action
from sync_worker.core.issues.causes import Cause
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.progress import Restored

DONE, FOUND, SKIPPED, FAILED, GIVEN_UP = "done", "found", "skipped", "failed", "given up"
"""What became of an action, as the journal has it. `found`: an earlier attempt had done it."""

A_co = TypeVar("A_co", bound=Action, covariant=True)


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


class Intent(Protocol[A_co]):
    """One action of one cause while it is carried out. `work` is how the cause stands now.

    What is noted is written together with what the engine writes next.
    """

    @property
    def work(self) -> Work: ...

    @property
    def action(self) -> A_co: ...

    def note(self, state: IssueState) -> None:
        """Note the issue's state as it is now."""

    def pair_with(self, pair: Pair) -> None:
        """Note the issue's pair as it is now."""

    def confirm_counterpart(self) -> None:
        """See that the counterpart is the issue that it was. Raises InvalidRequest when it is not, or is gone.

        Whatever writes to the counterpart without having read it calls this first.
        """

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

    def observe_found(self, side: Side, issue: Issue, state: IssueState) -> IssueState:
        """Return the state, after a direct read, of an issue that was found to have a counterpart."""

    def observed(self, side: Side, issue: Issue, pair: Pair) -> IssueState:
        """Write and return what others did to `issue`, one of `pair`, before we change it ourselves."""

    def learn_arrival(self, side: Side, kind: str, look: Callable[[], bool]) -> None:
        """See whether the first mark of a kind, `issue` or `comment`, that was put on a site is there."""
