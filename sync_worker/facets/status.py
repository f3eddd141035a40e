"""Status: the counterpart is brought into the status that a rule calls for, by whichever transition leads there.

A status change that moves the counterpart supersedes the changes that are still pending there. They came before it,
and must not move this issue back when their turn comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from sync_model.definition.sync import OnDelete, Side, Sync, fold
from sync_worker.core.decisions.rules import FALLBACK, ON_DELETE, active_rules, moves_counterpart
from sync_worker.core.errors import InvalidRequest, SyncError, Unavailable
from sync_worker.core.issues import own_writes
from sync_worker.core.issues.actions import Create, Move
from sync_worker.core.issues.causes import STATUS_CAUSES, Attempt
from sync_worker.core.issues.issue import Issue, Transition
from sync_worker.core.issues.state import IssueState
from sync_worker.core.permissions import Permission
from sync_worker.core.ports import Jira
from sync_worker.core.timing import CLOCK_GRAIN
from sync_worker.facets.protocol import Expected, Request, Told, Words
from sync_worker.facets.work import SKIPPED, Intent, Intents

CONFLICT = 409


@dataclass(frozen=True)
class PlannedMove:
    """A move of an issue, as just read, by one of the transitions that it offers."""

    issue: Issue
    transition: Transition


def _target(text: str) -> str:
    """Return where a move led, from what the journal says of it: `To Do → Done`."""
    before, arrow, after = text.partition(" → ")
    return f"{after}, from {before}" if arrow else text


class Status:
    """Moves counterparts.

    A move may be repeated, because its plan reads where the counterpart is before each attempt.
    """

    kind: ClassVar = Move.kind
    after: ClassVar = frozenset({Create.kind})
    holds_up: ClassVar = True
    permission: ClassVar = Permission.TRANSITION
    has_own_brake: ClassVar = True
    words: ClassVar = Words(
        deed="move counterpart",
        counted="moved",
        planned=lambda _text: "to move",
        to_do=lambda text: f"move to {_target(text)}",
        done=lambda text: f"moved to {_target(text)}",
        found=lambda _text: "move found again",
    )

    def __init__(self, intents: Intents) -> None:
        self._intents, self._context = intents, intents.context

    @staticmethod
    def notifies(_text: str) -> bool:
        return True

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        for rule in active_rules(sync):
            if rule.sync_direction.leads_from(side.other) and rule.actions.sync_status:
                yield rule.label
        if side is Side.USER and sync.default_behavior.fallback_behavior.target_status:
            yield FALLBACK
        if sync.on_delete is OnDelete.TRANSITION:
            yield ON_DELETE

    def plan(self, intent: Intent[Move]) -> Sequence[Request[PlannedMove]]:
        work, action, side = intent.work, intent.action, intent.work.side.other
        counterpart = intent.read_counterpart()
        there = self._intents.observed(side, counterpart, work.counterpart)
        move = there.items(Move.kind).get(work.cause.id)
        without_move = there.with_items(Move.kind, {work.cause.id: None})
        if self._is_superseded(intent, there):
            text = "status left alone: the counterpart was changed later"
            intent.report(text, SKIPPED, status=counterpart.status)
            self._context.store.save([without_move])
        elif (
            fold(counterpart.status) == fold(action.to)
            or own_writes.has_landed(move)
            or self._was_there_before_restore(intent, counterpart)
        ):
            self._context.store.save([without_move.superseded()])
        else:
            return [self._request(intent, counterpart, there)]
        _end_history(intent)
        return []

    def _request(self, intent: Intent[Move], counterpart: Issue, there: IssueState) -> Request[PlannedMove]:
        pair, most = intent.work.counterpart, self._context.sync.most_moves_per_hour
        if pair.moves_too_often(most):
            raise InvalidRequest(
                f"{pair.user_key} and {pair.dev_key} were moved {most} times within an hour, so two automations may "
                f"contradict each other; they stay as they are until jira-sync retry {self._context.sync.name}",
                final=True,
            )
        target = self._context.jiras[there.side]
        transition = target.transition_to(counterpart, intent.action.to)
        if transition is None:
            offered = ", ".join(target.reachable_statuses(counterpart)) or "nothing"
            raise InvalidRequest(_unreachable(counterpart, intent.action, offered))
        leaves = own_writes.expected_move(transition.to_status, transition.to_id, since=target.now())
        planned, expected = PlannedMove(counterpart, transition), Expected(there, leaves)
        return Request(there.side, planned, "the counterpart was moved", is_repeatable=True, expected=expected)

    def find(self, _intent: Intent[Move], _request: Request[PlannedMove], _attempt: Attempt) -> Transition | None:
        return None  # its plan has looked, and has not found it

    def prepare(self, _intent: Intent[Move], _request: Request[PlannedMove]) -> str:
        return ""

    def carry_out(self, intent: Intent[Move], request: Request[PlannedMove]) -> Transition:
        target, issue, transition = self._context.jiras[request.side], request.plan.issue, request.plan.transition
        try:
            target.transition(issue, transition)
        except InvalidRequest as error:
            raise _after_refused_move(target, issue, intent.action, transition, error) from error
        return transition

    def confirm(self, intent: Intent[Move], request: Request[PlannedMove], receipt: Transition, _result: str) -> Told:
        status, before, store = receipt.to_status, request.plan.issue.status, self._context.store
        if request.expected:
            move = own_writes.made_move(status, receipt.to_id)
            there = request.expected.there.with_items(Move.kind, {intent.work.cause.id: move})
            store.save([replace(there.superseded(), status=status)])
        now, most = self._context.jiras[Side.USER].now(), self._context.sync.most_moves_per_hour
        pair = intent.work.counterpart.moved(now, most)
        store.save_pair(pair)
        intent.pair_with(pair)
        _end_history(intent)
        return Told("counterpart moved", f"{before} → {status}", {"status": status, "previous": before})

    def _is_superseded(self, intent: Intent[Move], counterpart: IssueState) -> bool:
        """Tell whether the counterpart's own, later change is about to move our issue: the later change wins."""
        at, sync = self._time_there(intent), self._context.sync
        return any(
            pending.at > at and moves_counterpart(sync, counterpart.side, pending)
            for pending in counterpart.pending
            if pending.kind in STATUS_CAUSES and not pending.has_done(Move.kind)
        )

    def _time_there(self, intent: Intent[Move]) -> datetime:
        """Return when the cause came about, by the clock of the counterpart's site."""
        ahead = self._context.clock_difference(intent.work.side)
        if abs(ahead) <= CLOCK_GRAIN:
            ahead = timedelta()  # no more than what we cannot tell; most clocks are right to the millisecond
        return intent.work.cause.at + ahead

    def _was_there_before_restore(self, intent: Intent[Move], counterpart: Issue) -> bool:
        """Tell whether the counterpart was in the status after the backup that our database was restored from.

        Either we moved it there; or it was there already when the cause came about, and somebody has moved it on.
        """
        work, restored, target = intent.work, self._intents.restored, fold(intent.action.to)
        side = work.side.other
        if restored is None or not restored.may_know(work.cause, work.side):
            return False
        at = self._time_there(intent)
        return any(
            (change.author in self._intents.accounts[side] and fold(change.to_status) == target)
            or (fold(change.from_status) == target and change.at >= at)
            for change in counterpart.changes
            if at - CLOCK_GRAIN <= change.at <= restored.until[side]
        )


def _end_history(intent: Intent[Move]) -> None:
    """Note that the counterpart is where it belongs: what this issue went through before is history."""
    cause = intent.work.cause
    if cause.kind in STATUS_CAUSES:
        intent.note(intent.work.state.expired(cause.at))


def _after_refused_move(
    target: Jira, counterpart: Issue, action: Move, transition: Transition, error: InvalidRequest
) -> SyncError:
    """Tell a move that cannot be from one that rested on outdated knowledge of the issue or of its workflow."""
    present, again = target.issue(counterpart.id), target.transition_to(counterpart, action.to, refresh=True)
    is_unchanged = present is not None and present.status == counterpart.status
    if error.status != CONFLICT and is_unchanged and again is None:
        # Issues of one type share a workflow, but a condition of it may hide a transition from one of them.
        offered = ", ".join(target.reachable_statuses(counterpart)) or "nothing"
        return InvalidRequest(_unreachable(counterpart, action, offered))
    if error.status == CONFLICT or not is_unchanged or again != transition:
        return Unavailable(f"{counterpart.key} was changed under our hands; it is looked at again ({error})")
    return error


def _unreachable(counterpart: Issue, action: Move, offered: str) -> str:
    return (
        f"{counterpart.key} cannot get from {counterpart.status} to {action.to}: "
        f"its workflow offers our account {offered} from there"
    )
