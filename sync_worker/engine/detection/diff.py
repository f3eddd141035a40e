"""What is new about an issue, and which of it is a cause. Pure: issue, state and rules go in; a state comes out."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from sync_model.definition.sync import Fallback, Side, Sync, fold
from sync_worker.core.decisions.rules import creates_from
from sync_worker.core.decisions.uncertainty import long_over
from sync_worker.core.issues import own_writes
from sync_worker.core.issues.causes import Cause, CauseKind, in_turn
from sync_worker.core.issues.issue import Issue, StatusChange
from sync_worker.core.issues.items import Handled, Items, Reach, looked_at, news
from sync_worker.core.issues.state import IssueState, marks_of_later_update
from sync_worker.core.timing import LONG_AGO, NODES_APART
from sync_worker.facets.catalogue import ITEM_FACETS

SEEN_WINDOW = timedelta(hours=1)
"""How far times in the part of a history that is not shown may be off."""
MOST_SEEN = 500
"""Status changes of one issue that are known by their ids. Those before are known by their times."""
AN_INSTANT = timedelta(milliseconds=1)
"""The least difference between two times of Jira's."""


def observe(
    sync: Sync,
    side: Side,
    issue: Issue,
    state: IssueState | None,
    *,
    paired: bool,
    accounts: Container[str | None],
    baseline: datetime | None,
    unknown_until: datetime | None = None,
    reaches: Mapping[str, Reach] = MappingProxyType({}),
) -> IssueState:
    """Return what is to be remembered after a direct read of `issue`, with new causes at the end of `pending`.

    `paired` says whether the issue has a counterpart. `accounts` are or were ours on its site. Changes before
    `baseline` are only noted. Up to `unknown_until` our account may have moved the issue without our knowing. `reaches`
    says by kind which of its items are carried over by themselves.
    """
    if state is None:
        return _first_sight(sync, side, issue, paired=paired, baseline=baseline)
    unseen = _in_order([change for change in issue.changes if not is_seen(state, change)], issue)
    moves, theirs, followed = _split_by_author(state, unseen, accounts, unknown_until)
    if len(theirs) < len(unseen):
        # A move of ours supersedes what came before it on this issue: that moves the counterpart no more.
        state = state.superseded()
    if sync.default_behavior.skip_intermediate_statuses:
        theirs = [change for change in theirs[-1:] if change is unseen[-1]]
    causes = [
        _status_cause(change, issue, may_move=change not in followed)
        for change in theirs
        if _is_answered(sync, side, change.to_status, issue)
    ]
    if not causes and issue.updated != state.updated:
        asserts = not unseen and _asserts_status(sync, side, issue)
        causes += _update_causes(issue, state, reaches, asserts=asserts)
    pending = _queued(state.pending, causes)
    if paired and issue.key != state.key:
        # The new key comes first: it mends links, even if a status cannot be carried over.
        pending = with_key_to_carry_over(pending, issue)
    return replace(
        with_history(state, issue.changes, issue.history_from),
        key=issue.key,
        status=issue.status,
        updated=issue.updated,
        handled=_looked_at(issue, state, reaches) | ({own_writes.MOVES: moves} if moves else {}),
        pending=pending,
        created=issue.created,
    )


def with_key_to_carry_over(pending: Iterable[Cause], issue: Issue) -> tuple[Cause, ...]:
    """Return these causes behind one that brings the issue's key to its counterpart."""
    moved = Cause(f"moved-{issue.key}", CauseKind.MOVED, issue.updated, None, issue.status)
    return (moved, *(cause for cause in pending if cause.kind is not CauseKind.MOVED))


def needs_history_before(state: IssueState | None, issue: Issue) -> bool:
    """Tell whether the part of the history that a bulk read leaves out may hold something new."""
    if issue.history_from is None:
        return False
    if state is None:
        return not issue.changes
    if issue.updated < state.updated:
        return True  # its times say nothing
    return issue.history_from > state.updated - SEEN_WINDOW


def is_seen(state: IssueState, change: StatusChange) -> bool:
    return change.id in state.seen or change.at < state.seen_until - SEEN_WINDOW


def as_restored(state: IssueState, issue: Issue, removed: Mapping[str, Collection[str]]) -> IssueState:
    """Return this state without the ids of what its Jira has forgotten, if it was restored from a backup.

    A restored Jira gives out those ids again. A change that is dated after the last look is not the one that was seen
    then. An item of another version is not the one that was carried over. `removed` names by kind the items that are
    not there because somebody has removed them.
    """
    later = {change.id for change in issue.changes if change.at > state.updated + NODES_APART}
    handled = {
        kind: _without_forgotten(kind, known, issue, removed.get(kind, ())) if kind in ITEM_FACETS else known
        for kind, known in state.handled.items()
    }
    return replace(state, seen=tuple(seen for seen in state.seen if seen not in later), handled=handled)


def items_not_shown(state: IssueState, issue: Issue) -> dict[str, Items]:
    """Return by kind the items that are remembered of an issue which does not show them."""
    found: dict[str, Items] = {}
    for kind, facet in ITEM_FACETS.items():
        shown = {item.key for item in facet.observe(issue)}
        found[kind] = {key: handled for key, handled in state.items(kind).items() if key not in shown}
    return {kind: items for kind, items in found.items() if items}


def _without_forgotten(kind: str, known: Items, issue: Issue, removed: Collection[str]) -> Items:
    versions = {item.key: item.version for item in ITEM_FACETS[kind].observe(issue)}

    def is_forgotten(key: str, handled: Handled) -> bool:
        if key in versions:
            return handled.version not in ("", versions[key])
        return key not in removed and not handled.is_open

    return {key: handled for key, handled in known.items() if not is_forgotten(key, handled)}


def as_counterpart_is(state: IssueState, issue: Issue, counterpart: IssueState) -> IssueState:
    """Return this state without what stands for its items on the counterpart and is not remembered there.

    A restored Jira has forgotten it. An item of which that was the copy is carried over again, by an update that waits
    in `pending` then, as it does where an item was removed. A copy stays one.
    """

    def kept(handled: Handled, there: Items) -> Handled:
        if handled.twin is None or handled.twin in there:
            return handled
        if handled.is_copy or handled.is_gone:
            return replace(handled, twin=None)
        return Handled(handled.version, attempt=long_over(LONG_AGO))

    items = {
        kind: {key: kept(handled, counterpart.items(kind)) for key, handled in state.items(kind).items()}
        for kind in ITEM_FACETS
        if kind in state.handled
    }
    are_missing = any(
        handled.is_open and not state.items(kind)[key].is_open
        for kind, known in items.items()
        for key, handled in known.items()
    )
    are_removed = any(
        handled.twin and not (handled.is_copy or handled.is_gone or handled.is_refused)
        for known in items_not_shown(state, issue).values()
        for handled in known.values()
    )
    is_news = are_missing or are_removed
    renewed = [_update_cause(issue, may_move=_has_update_that_moves(state))] if is_news else []
    return replace(state, handled={**state.handled, **items}, pending=_queued(state.pending, renewed))


def all_seen_up_to(at: datetime) -> datetime:
    """Return the `seen_until` of a state by which all changes up to `at` count as seen, and none after it."""
    return at + SEEN_WINDOW + AN_INSTANT


def with_history(
    state: IssueState, changes: Sequence[StatusChange], history_from: datetime | None = None
) -> IssueState:
    """Return this state with `changes`, oldest first, as the changes that were seen, and all before `history_from`.

    The nodes of one Jira hand out ids in blocks, and their clocks differ. So neither the order of the ids nor that of
    the times says what is new: each change is known by its id.
    """
    known_by_time = [change.at for change in changes[:-MOST_SEEN]]
    if history_from is not None:
        known_by_time.append(history_from)
    seen_until = all_seen_up_to(max(known_by_time)) if known_by_time else LONG_AGO
    return replace(state, seen_until=seen_until, seen=tuple(change.id for change in changes[-MOST_SEEN:]))


def _in_order(changes: Sequence[StatusChange], issue: Issue) -> list[StatusChange]:
    """Return `changes`, which are in the order of their times, with the one last that led to the present status.

    The clocks of one Jira's nodes differ. So the last one by its time need not be the last one.
    """
    for number, change in reversed(list(enumerate(changes))):
        if _leads_to_present_status(change, issue):
            return [*changes[:number], *changes[number + 1 :], change]
    return list(changes)


def _leads_to_present_status(change: StatusChange, issue: Issue) -> bool:
    if change.to_id and issue.status_id:
        return change.to_id == issue.status_id
    return fold(change.to_status) == fold(issue.status)


def _queued(pending: tuple[Cause, ...], causes: list[Cause]) -> tuple[Cause, ...]:
    """Append `causes`. An update that still waits is replaced by the newer one instead of standing there twice."""
    for cause in causes:
        waiting = next((old for old in pending if old.kind is cause.kind is CauseKind.UPDATE), None)
        if waiting:
            pending = tuple(_renewed(old, cause) if old is waiting else old for old in pending)
        else:
            pending = (*pending, cause)
    return in_turn(pending)


def _renewed(waiting: Cause, newer: Cause) -> Cause:
    """Return an update that waits as one that is also about what has changed since."""
    return replace(
        newer, id=waiting.id, marks=marks_of_later_update(waiting), failure=waiting.failure, wave=waiting.wave
    )


def _first_sight(sync: Sync, side: Side, issue: Issue, *, paired: bool, baseline: datetime | None) -> IssueState:
    last = _in_order(issue.changes, issue)[-1] if issue.changes else None
    state = IssueState(side, issue.id, issue.key, issue.status, issue.updated, LONG_AGO, created=issue.created)
    state = with_history(state, issue.changes, issue.history_from)
    at = last.at if last else issue.created
    if paired or not creates_from(sync, side, issue.status) or (baseline is not None and at < baseline):
        return state
    previous = last.from_status if last else None
    cause = Cause(last.id if last else "first", CauseKind.FIRST, at, previous, issue.status, issue.is_done)
    return replace(state, pending=(cause,))


def _split_by_author(
    state: IssueState, unseen: Sequence[StatusChange], accounts: Container[str | None], unknown_until: datetime | None
) -> tuple[Items, list[StatusChange], list[StatusChange]]:
    """Split unseen changes into our own moves, of which those are returned that are left, and what others did.

    The third part holds the changes of others that a move of ours followed.
    """
    moves, theirs, followed = state.items(own_writes.MOVES), [], []
    for change in unseen:
        by_us = change.author in accounts
        cause = own_writes.cause_of(change, moves) if by_us else None
        forgotten = by_us and unknown_until is not None and change.at <= unknown_until
        if cause is None and not forgotten:
            theirs.append(change)
            continue
        if cause is not None:
            moves = own_writes.landed(moves, cause, change)
        followed = list(theirs)
    return moves, theirs, followed


def _status_cause(change: StatusChange, issue: Issue, *, may_move: bool) -> Cause:
    is_done = issue.is_done and _leads_to_present_status(change, issue)
    return Cause(change.id, CauseKind.STATUS, change.at, change.from_status, change.to_status, is_done, may_move)


def _asserts_status(sync: Sync, side: Side, issue: Issue) -> bool:
    """Tell whether a rule answers every update of such an issue, not only changes of its status."""
    return any(
        not sync.only_on_status_change(rule) and rule.sync_direction.leads_from(side) and rule.answers(issue.status)
        for rule in sync.ordered_rules
    )


def _update_causes(issue: Issue, state: IssueState, reaches: Mapping[str, Reach], *, asserts: bool) -> list[Cause]:
    """Return the cause that an update is for rules that do not wait for a status change, and for news of items."""
    if not asserts and not any(_has_news(issue, state, kind, reach) for kind, reach in reaches.items()):
        return []
    is_echo = own_writes.is_last_write(issue.updated, state.handled)
    # Somebody's update that still waits is not taken back by our own.
    return [_update_cause(issue, may_move=asserts and (_has_update_that_moves(state) or not is_echo))]


def _has_update_that_moves(state: IssueState) -> bool:
    return any(cause.kind is CauseKind.UPDATE and cause.may_move for cause in state.pending)


def _update_cause(issue: Issue, *, may_move: bool) -> Cause:
    identity = f"update-{int(issue.updated.timestamp() * 1000)}"
    return Cause(identity, CauseKind.UPDATE, issue.updated, None, issue.status, issue.is_done, may_move=may_move)


def _has_news(issue: Issue, state: IssueState, kind: str, reach: Reach) -> bool:
    return any(True for _ in news(ITEM_FACETS[kind].observe(issue), state.items(kind), reach))


def with_due_removals(seen: IssueState, before: IssueState, issue: Issue, reaches: Mapping[str, Reach]) -> IssueState:
    """Return what was observed of an issue from `before` on, with the removals of items that are still due."""
    return replace(seen, handled={**seen.handled, **_looked_at(issue, before, reaches)})


def _looked_at(issue: Issue, state: IssueState, reaches: Mapping[str, Reach]) -> dict[str, Items]:
    """Return what is remembered of the issue after this direct read, without our own moves.

    Of a kind that only a later version knows, it stays as it is: that version would carry all of it over again.
    """

    def look(kind: str, known: Items) -> Items:
        if kind not in ITEM_FACETS:
            return known
        removals = kind in reaches and reaches[kind].removals
        return looked_at(ITEM_FACETS[kind].observe(issue), known, removals=removals)

    return {kind: look(kind, known) for kind, known in state.handled.items() if kind != own_writes.MOVES}


def _is_answered(sync: Sync, side: Side, status: str, issue: Issue) -> bool:
    if any(rule.sync_direction.leads_from(side) and rule.answers(status) for rule in sync.ordered_rules):
        return True
    falls_back = side is Side.DEV and sync.default_behavior.fallback_behavior is not Fallback.IGNORE
    return falls_back and issue.is_done and fold(status) == fold(issue.status)
