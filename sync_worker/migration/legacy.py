"""What the replaced service left behind, as values, and what follows from it about an issue. Pure.

The service named issues by their keys. It remembered the status in which it last saw an issue. If the issue has another
status by now, the service has missed a change. It wrote lines into descriptions: `User Link: …/browse/SUP-1` into each
issue that it created, and `Dev Link: …/browse/DEV-1` into the one for which it created that. Its cursor was the end of
its last cycle, by its own clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from sync_model.definition.sync import Side, Sync, fold
from sync_worker.core.issues import own_writes
from sync_worker.core.issues.issue import Issue, StatusChange
from sync_worker.core.issues.state import IssueState
from sync_worker.core.timing import LONG_AGO
from sync_worker.engine.detection.diff import is_seen, with_history

MARGIN = timedelta(days=1)
"""Changes of an issue that the service does not remember count from so long before its cursor. It lost less than that
by time zones, by clocks that differ, and by a search that lags behind."""
CLOCK_SKEW = timedelta(minutes=10)
"""How far the service's clock may be behind Jira's."""
SAME_MOMENT = timedelta(seconds=2)
LINE = r"{} Link[^\w\n]*:[^\w\n]*\S*?/browse/([A-Z][A-Z0-9_]*-\d+)"
LINES = {side: re.compile(LINE.format(side.other), re.IGNORECASE) for side in Side}
"""The line in the description of an issue of each side that names its counterpart."""


@dataclass(frozen=True)
class LegacyPair:
    """Two issues, by the keys that they had when the service paired them."""

    user_key: str
    dev_key: str
    created: datetime | None = None

    def key(self, side: Side) -> str:
        return self.user_key if side is Side.USER else self.dev_key


@dataclass(frozen=True)
class LastSeen:
    """The status in which the service last saw an issue, and when that was, on its clock."""

    status: str
    at: datetime | None = None


@dataclass(frozen=True)
class LegacyState:
    """All that the service left.

    `states` are by side and key. `last_sync` is its cursor, None if it never finished a cycle.
    """

    pairs: tuple[LegacyPair, ...] = ()
    states: Mapping[Side, Mapping[str, LastSeen]] = field(default_factory=dict)
    last_sync: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """From when on changes count of issues that the service does not remember."""
        return self.last_sync - MARGIN if self.last_sync else None

    def next_cycle_ends(self, interval: timedelta) -> datetime:
        """Return by when the service has ended another cycle, by its clock, if it is still at work."""
        return self.last_sync + 2 * interval if self.last_sync else LONG_AGO

    def last_seen(self, side: Side, key: str) -> LastSeen | None:
        return self.states.get(side, {}).get(key)


class LegacySource(Protocol):
    """Where the service left that. Both methods may raise Unavailable."""

    def read(self) -> LegacyState | None:
        """Return all of it; None when there is nothing."""

    def last_sync(self) -> datetime | None: ...


def counterparts_named_in(side: Side, description: str | None) -> tuple[str, ...]:
    """Return the keys of the counterparts that the service's lines in the description of an issue of `side` name."""
    return tuple(dict.fromkeys(key.upper() for key in LINES[side].findall(description or "")))


def state_as_left(
    side: Side,
    issue: Issue,
    legacy: LegacyState,
    last_seen: LastSeen | None,
    paired: datetime | None,
    known: IssueState | None,
) -> IssueState:
    """Return the state of `issue` as the replaced service left it. `known` is our own state, if we saw it before.

    `paired` is when the issue got its counterpart. Edits of an issue with a counterpart count from earlier on than
    those of other issues: files that are there already are recognised, but a rule that answers edits would create.
    What the service has seen since we did, it has answered. So that waits here no longer.
    """
    counts_from = (legacy.since if paired else legacy.last_sync) or issue.updated
    updated = min(issue.updated, counts_from)
    state = known or IssueState(side, issue.id, issue.key, issue.status, updated, seen_until=LONG_AGO)
    answered = {change.id for change in seen_by_legacy(issue, legacy, last_seen, legacy.since or paired)}
    seen = [change for change in issue.changes if change.id in answered or is_seen(state, change)]
    state = replace(
        state,
        pending=tuple(cause for cause in state.pending if cause.id not in answered),
        dead=tuple(cause for cause in state.dead if cause.id not in answered),
    )
    if legacy.last_sync and issue.updated <= legacy.last_sync:  # what the service has seen may have been its own
        state = state.with_items(own_writes.UPDATES, own_writes.last_write(issue.updated))
    return with_history(state, seen)


def seen_by_legacy(
    issue: Issue, legacy: LegacyState, last_seen: LastSeen | None, counts_from: datetime | None
) -> Sequence[StatusChange]:
    """Return the status changes that the replaced service has seen: up to the one into the status that it remembers.

    If it does not remember the issue, these are the changes before `counts_from`, or all.
    """
    changes = issue.changes
    if last_seen is None:
        return [change for change in changes if counts_from is None or change.at < counts_from]
    times = [at for at in (last_seen.at, legacy.last_sync) if at]
    until = max(times) + CLOCK_SKEW if last_seen.at and times else None
    numbers = [
        number
        for number, change in enumerate(changes, 1)
        if fold(change.to_status) == fold(last_seen.status) and (until is None or change.at <= until)
    ]
    if numbers:
        return changes[: numbers[-1]]
    if changes and fold(changes[0].from_status) == fold(last_seen.status):
        return ()
    # No change in the history led into that status: perhaps it was renamed. The present status decides.
    return changes if fold(issue.status) == fold(last_seen.status) else changes[:-1]


def expecting_legacy_moves(
    sync: Sync, state: IssueState, issue: Issue, counterpart: Issue | None, account: str
) -> IssueState:
    """Return this state with the moves expected that the replaced service made by our account and did not note.

    A person may use the same account. A move was the service's if a rule calls for it by the counterpart's status.
    """
    unseen = [change for change in issue.changes if not is_seen(state, change) and change.author == account]
    moves = {
        f"import-{change.id}": own_writes.made_move(change.to_status)
        for change in unseen
        if counterpart and _is_called_for(sync, state.side, change, counterpart)
    }
    return state.with_items(own_writes.MOVES, moves)


def _is_called_for(sync: Sync, side: Side, change: StatusChange, counterpart: Issue) -> bool:
    """Tell whether a rule called for this change of an issue of `side`, by the status of its counterpart then."""
    before = [other.to_status for other in counterpart.changes if other.at <= change.at + SAME_MOMENT]
    if not before:
        before = [counterpart.changes[0].from_status if counterpart.changes else counterpart.status]
    return any(
        rule.actions.sync_status
        and rule.sync_direction.leads_from(side.other)
        and rule.answers(before[-1])
        and fold(rule.target_for(before[-1])) == fold(change.to_status)
        for rule in sync.ordered_rules
    )
