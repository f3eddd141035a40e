"""What a worker remembers of one issue between two looks at it. `database.store` keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sync_model.definition.sync import Side
from sync_worker.core.issues.actions import Create
from sync_worker.core.issues.causes import (
    ASKED_FOR,
    REFUSED,
    Attempt,
    Cause,
    CauseKind,
    without_moves,
    without_refusals,
)
from sync_worker.core.issues.items import Handled, Items
from sync_worker.core.timing import LONG_AGO

MOST_DEAD_LETTERS = 20
"""Per issue. The journal says of each that it was given up. More would help nobody, and a document has bounds."""
MOST_WITHHELD = 20
"""Per issue, as well: the latest changes that wait until both issues of the pair are visible."""


@dataclass(frozen=True)
class IssueState:
    """What is remembered of one issue.

    `updated` is what the last direct read gave; another one says that something changed, in whichever direction.
    `seen` holds the ids of the status changes that were seen. Those that are dated more than an hour before
    `seen_until` count as seen, too. `handled` maps the kind of a facet to what is remembered of the issue's items of
    that kind (`core.issues.items`), and of what we have written to it ourselves (`core.issues.own_writes`). `pending`
    is the issue's outbox: the causes that are not carried out yet, in the order in which they will be. `dead` are its
    dead letters: the latest causes that were given up, until a person has them tried again. `created` is the issue's
    creation date, None where the version before wrote this: an issue with the same id and another date is another
    issue. `withheld` are the latest changes that could not be carried out because this issue or its counterpart is
    gone, or not visible to us: they wait until both are there.
    """

    side: Side
    id: str
    key: str
    status: str
    updated: datetime
    seen_until: datetime
    seen: tuple[str, ...] = ()
    handled: Mapping[str, Items] = field(default_factory=dict)
    pending: tuple[Cause, ...] = ()
    dead: tuple[Cause, ...] = ()
    created: datetime | None = None
    withheld: tuple[Cause, ...] = ()

    @classmethod
    def blank(cls, side: Side, issue_id: str, key: str) -> IssueState:
        """Return the state of an issue of which nothing was seen: all of its history is new."""
        return cls(side, issue_id, key, "", LONG_AGO, seen_until=LONG_AGO)

    def may_be_of(self, created: datetime) -> bool:
        """Tell whether this is the state of an issue that was created then: ids are given out again."""
        return self.created in (None, created)

    def cause(self, cause_id: str) -> Cause | None:
        """Return the pending cause with this id, if it is still here."""
        return next((cause for cause in self.pending if cause.id == cause_id), None)

    def with_cause(self, cause: Cause) -> IssueState:
        """Return this state with `cause` in the place of the pending one of the same id."""
        return replace(self, pending=tuple(cause if old.id == cause.id else old for old in self.pending))

    def without_cause(self, cause_id: str) -> IssueState:
        return replace(self, pending=tuple(cause for cause in self.pending if cause.id != cause_id))

    def dead_lettered(self, *causes: Cause) -> IssueState:
        """Return this state with `causes` given up: the later ones go on.

        An update takes the place of an earlier one that was given up: it is about the issue as it is now.
        """
        state = self
        for cause in causes:
            replaced = [old for old in state.dead if _is_replaced(old, cause)]
            begun = {action: mark for old in replaced for action, mark in marks_of_later_update(old).items()}
            given_up = replace(cause, marks={**begun, **cause.marks})
            dead = (*(old for old in state.dead if old not in replaced), given_up)[-MOST_DEAD_LETTERS:]
            state = replace(state.without_cause(cause.id), dead=dead)
        return state

    def withhold(self, *causes: Cause) -> IssueState:
        """Return this state with `causes` waiting until the issue and its counterpart are both visible."""
        state = self
        for cause in causes:
            state = state.without_cause(cause.id)
            if cause.kind is CauseKind.GONE:
                continue
            others = (old for old in state.withheld if not _is_replaced(old, cause))
            state = replace(state, withheld=(*others, replace(cause, failure=None))[-MOST_WITHHELD:])
        return state

    def back(self) -> IssueState:
        """Return this state, now that the issue and its counterpart are visible again: what waited is due at once."""
        known = {cause.id for cause in self.pending}
        waited = [cause for cause in self.withheld if cause.id not in known]
        pending = [*waited, *(cause.due_at_once() for cause in self.pending if cause.kind is not CauseKind.GONE)]
        dead = tuple(cause for cause in self.dead if cause.kind is not CauseKind.GONE)
        return replace(self, pending=tuple(sorted(pending, key=lambda cause: cause.at)), withheld=(), dead=dead)

    def is_known_failure(self, cause: Cause) -> bool:
        """Tell whether an earlier update of the issue was given up for the same reason as this one."""
        return cause.kind is CauseKind.UPDATE and any(
            dead.kind is CauseKind.UPDATE
            and dead.failure is not None
            and cause.failure is not None
            and dead.failure.error == cause.failure.error
            for dead in self.dead
        )

    def requeued(self) -> IssueState:
        """Return this state with all that failed or was given up due at once, as if it had never been tried.

        A person has asked for it, so that no brake holds it.
        """
        waiting = {cause.id: cause for cause in (*self.dead, *self.pending)}
        causes = sorted(waiting.values(), key=lambda cause: cause.at)
        pending = tuple(replace(cause, failure=None, wave=ASKED_FOR) for cause in without_refusals(causes))
        withheld, handled = without_refusals(self.withheld), _without_refusals(self.handled)
        return replace(self, pending=pending, dead=(), withheld=withheld, handled=handled)

    def items(self, kind: str) -> Items:
        """Return what is remembered of the issue's items of a kind."""
        return self.handled.get(kind, {})

    def with_items(self, kind: str, changed: Mapping[str, Handled | None]) -> IssueState:
        """Return this state with these items of a kind remembered; None stands for one to be forgotten."""
        items = {key: handled for key, handled in {**self.items(kind), **changed}.items() if handled}
        others = {name: known for name, known in self.handled.items() if name != kind}
        return replace(self, handled={**others, kind: items} if items else others)

    def dismissed(self) -> IssueState:
        """Return this state without what was given up."""
        return replace(self, dead=())

    def due_now(self) -> IssueState:
        """Return this state with all that waits for its next try due at once."""
        return replace(self, pending=tuple(cause.due_at_once() for cause in self.pending))

    def noted_in(self, wave: int, before: IssueState | None) -> IssueState:
        """Return this state with the causes that are new since `before` noted as those of `wave`."""
        known = {cause.id for cause in before.pending} if before else set()
        noted = (cause if cause.id in known else replace(cause, wave=wave) for cause in self.pending)
        return replace(self, pending=tuple(noted))

    def superseded(self) -> IssueState:
        """Return this state with no status change that is still here moving the counterpart any more."""
        pending, dead, withheld = (without_moves(causes) for causes in (self.pending, self.dead, self.withheld))
        return replace(self, pending=pending, dead=dead, withheld=withheld)

    def expired(self, at: datetime) -> IssueState:
        """Return this state with no status change up to `at` that was given up moving the counterpart any more."""
        older = [cause for cause in self.dead if cause.at <= at]
        newer = [cause for cause in self.dead if cause.at > at]
        return replace(self, dead=(*without_moves(older), *newer))


def _without_refusals(handled: Mapping[str, Items]) -> dict[str, Items]:
    return {
        kind: {key: replace(item, is_refused=False) for key, item in items.items()} for kind, items in handled.items()
    }


def marks_of_later_update(update: Cause) -> dict[str, Attempt]:
    """Return what of the marks of an update holds for a later one, which is about what has changed since, too.

    What was done for it is to be done again for that. What it may have created is not created again.
    """
    return {kind: mark for kind, mark in update.marks.items() if not mark.done or kind in (Create.kind, REFUSED)}


def _is_replaced(old: Cause, new: Cause) -> bool:
    """Tell whether `new` takes the place of `old`: it is the same one, or a later update, of the issue as it is now."""
    return old.id == new.id or old.kind is new.kind is CauseKind.UPDATE
