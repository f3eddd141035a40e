"""What the replaced service left behind, as values, and what follows from it about an issue. Pure.

It named issues by their keys. Of each it remembered the status that it last saw; where an issue went on from there, it
has missed a change. It wrote lines into descriptions: `User Link: …/browse/SUP-1` into each issue that it created, and
`Dev Link: …/browse/DEV-1` into the one that this was created for. Its cursor was its own clock at the end of a cycle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from sync_model.definition import Side, Sync, fold
from sync_worker.core.issue import Issue, StatusChange
from sync_worker.core.state import IssueState, OwnMove
from sync_worker.core.timing import LONG_AGO
from sync_worker.engine.diff import is_seen, with_history

MARGIN = timedelta(days=1)
"""How much further back than its cursor changes count of issues that it does not remember: longer than what it lost by
time zones, by clocks that differ, and by a search that lags behind."""
GRACE = timedelta(minutes=10)
"""How far its clock may be behind Jira's."""
SAME_TIME = timedelta(seconds=2)
LINE = r"{} Link[^\w\n]*:[^\w\n]*\S*?/browse/([A-Z][A-Z0-9_]*-\d+)"
LINES = {side: re.compile(LINE.format(side.other), re.IGNORECASE) for side in Side}
"""What it wrote into the descriptions of the issues of each side."""


@dataclass(frozen=True)
class LegacyPair:
    """Two issues, by the keys that they had when it paired them."""

    user_key: str
    dev_key: str
    created: datetime | None = None

    def key(self, side: Side) -> str:
        return self.user_key if side is Side.USER else self.dev_key


@dataclass(frozen=True)
class LastSeen:
    """The status that it last saw an issue in, and when that was, on its clock."""

    status: str
    at: datetime | None = None


@dataclass(frozen=True)
class LegacyState:
    """All that it left. `states` are by side and key; `last_sync` is its cursor, None if it never finished a cycle."""

    pairs: tuple[LegacyPair, ...] = ()
    states: Mapping[Side, Mapping[str, LastSeen]] = field(default_factory=dict)
    last_sync: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """From when on changes count of issues that it does not remember."""
        return self.last_sync - MARGIN if self.last_sync else None

    def silent_after(self, interval: timedelta) -> datetime:
        """Return from when on another cycle of it would have ended, by its clock, if it were still at work."""
        return self.last_sync + 2 * interval if self.last_sync else LONG_AGO

    def last_seen(self, side: Side, key: str) -> LastSeen | None:
        return self.states.get(side, {}).get(key)


class LegacySource(Protocol):
    """Where it left that. Both may raise Unavailable."""

    def read(self) -> LegacyState | None:
        """Return all of it; None when there is nothing."""

    def last_sync(self) -> datetime | None: ...


def named_in(side: Side, description: str | None) -> tuple[str, ...]:
    """Return the keys of the counterparts that the description of an issue of `side` names, as it wrote them there."""
    return tuple(dict.fromkeys(key.upper() for key in LINES[side].findall(description or "")))


def as_left(
    side: Side,
    issue: Issue,
    legacy: LegacyState,
    last_seen: LastSeen | None,
    paired: datetime | None,
    ours: IssueState | None,
) -> IssueState:
    """Return what is known of `issue` from before: by the replaced service, and by us (`ours`), if we saw it, too.

    `paired` is when it got its counterpart. Edits of a pair count from earlier on than those of an issue without one:
    files that are there already are recognised, but a rule that answers edits would create. What that service has
    seen since we did, it has answered, so that it waits here no longer.
    """
    counts_from = (legacy.since if paired else legacy.last_sync) or issue.updated
    updated = min(issue.updated, counts_from)
    state = ours or IssueState(side, issue.id, issue.key, issue.status, updated, seen_until=issue.created)
    answered = {each.id for each in seen_by_it(issue, legacy, last_seen, legacy.since or paired)}
    seen = [each for each in issue.changes if each.id in answered or is_seen(state, each)]
    state = replace(
        state,
        pending=tuple(each for each in state.pending if each.id not in answered),
        dead=tuple(each for each in state.dead if each.id not in answered),
        wrote_until=max((each for each in (state.wrote_until, legacy.last_sync) if each), default=None),
    )
    return with_history(state, seen)


def seen_by_it(
    issue: Issue, legacy: LegacyState, last_seen: LastSeen | None, counts_from: datetime | None
) -> Sequence[StatusChange]:
    """Return the status changes that the replaced service has seen: up to the one into the status that it remembers.

    Of an issue that it does not remember, those before `counts_from`, or all.
    """
    changes = issue.changes
    if last_seen is None:
        return [each for each in changes if counts_from is None or each.at < counts_from]
    times = [each for each in (last_seen.at, legacy.last_sync) if each]
    until = max(times) + GRACE if last_seen.at and times else None
    into_it = [
        number
        for number, each in enumerate(changes, 1)
        if fold(each.to_status) == fold(last_seen.status) and (until is None or each.at <= until)
    ]
    if into_it:
        return changes[: into_it[-1]]
    if changes and fold(changes[0].from_status) == fold(last_seen.status):
        return ()
    # The history does not know that status: the present one has to do.
    return changes if fold(issue.status) == fold(last_seen.status) else changes[:-1]


def expecting_its_moves(
    sync: Sync, state: IssueState, issue: Issue, counterpart: Issue | None, account: str
) -> IssueState:
    """Return this memory with the moves that the replaced service made by our account, without noting them, expected.

    A person may use the same account: a move was that service's if the counterpart was where a rule calls for it.
    """
    unseen = [each for each in issue.changes if not is_seen(state, each) and each.author == account]
    moves = [
        OwnMove(f"import-{each.id}", each.to_status, settled=True)
        for each in unseen
        if counterpart and _called_for(sync, state.side, each, counterpart)
    ]
    return replace(state, own_moves=(*state.own_moves, *moves))


def _called_for(sync: Sync, side: Side, change: StatusChange, counterpart: Issue) -> bool:
    before = [each.to_status for each in counterpart.changes if each.at <= change.at + SAME_TIME]
    if not before:
        before = [counterpart.changes[0].from_status if counterpart.changes else counterpart.status]
    return any(
        rule.actions.sync_status
        and rule.sync_direction.leads_from(side.other)
        and rule.answers(before[-1])
        and fold(rule.target_for(before[-1])) == fold(change.to_status)
        for rule in sync.ordered_rules
    )
