"""Status: the counterpart is brought into the status that a rule calls for, by whichever transition leads there.

A status change that moves the counterpart supersedes the changes that are still pending there. They came before it,
and must not move this issue back when their turn comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from sync_model.definition import OnDelete, Side, Sync, fold
from sync_worker.core.actions import Create, Move
from sync_worker.core.causes import STATUS_CAUSES
from sync_worker.core.errors import InvalidRequest, OutcomeUnknown, SyncError, Unavailable, unless_carried_out
from sync_worker.core.issue import Issue, Transition
from sync_worker.core.permissions import Permission
from sync_worker.core.ports import Jira
from sync_worker.core.rules import FALLBACK, ON_DELETE, active_rules, moves_counterpart
from sync_worker.core.state import IssueState, OwnMove
from sync_worker.core.timing import CLOCK_GRAIN
from sync_worker.facets.protocol import SKIPPED, Intent, Intents, Words

CONFLICT = 409


def _target(text: str) -> str:
    """Return where a move led, from what the journal says of it: `To Do → Done`."""
    before, arrow, after = text.partition(" → ")
    return f"{after}, from {before}" if arrow else text


class Status:
    """Moves counterparts."""

    kind: ClassVar = Move.kind
    after: ClassVar = frozenset({Create.kind})
    holds_up: ClassVar = True
    permission: ClassVar = Permission.TRANSITION
    notifies: ClassVar = True
    words: ClassVar = Words(
        deed="move counterpart",
        counted="moved",
        planned="to move",
        to_do=lambda text: f"move to {_target(text)}",
        done=lambda text: f"moved to {_target(text)}",
        found=lambda _text: "move found again",
    )

    def __init__(self, intents: Intents) -> None:
        self._intents, self._context = intents, intents.context

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        for rule in active_rules(sync):
            if rule.sync_direction.leads_from(side.other) and rule.actions.sync_status:
                yield rule.label
        if side is Side.USER and sync.default_behavior.fallback_behavior.target_status:
            yield FALLBACK
        if sync.on_delete is OnDelete.TRANSITION:
            yield ON_DELETE

    def carry_out(self, intent: Intent[Move]) -> None:
        work, action = intent.work, intent.action
        counterpart = intent.read_counterpart()
        state = self._intents.observed(work.side.other, counterpart, work.counterpart)
        own_move = state.own_move(work.cause.id)
        if self._is_superseded(intent, state):
            text = "status left alone: the counterpart was changed later"
            intent.report(text, SKIPPED, status=counterpart.status)
            self._context.store.save([state.without_own_move(work.cause.id)])
        elif (
            fold(counterpart.status) == fold(action.to)
            or (own_move and own_move.landed)
            or self._was_there_before_restore(intent, counterpart)
        ):
            self._context.store.save([state.without_own_move(work.cause.id).superseded()])
        else:
            self._give_up_if_refused(intent, state)
            self._move(intent, counterpart, state)
        intent.finish()
        # The counterpart is where it belongs: what this issue went through before is history.
        if work.cause.kind in STATUS_CAUSES:
            intent.note(intent.work.state.expired(work.cause.at))

    def _is_superseded(self, intent: Intent[Move], counterpart: IssueState) -> bool:
        """Tell whether the counterpart's own, later change is about to move our issue: the later change wins."""
        cause, sync = intent.work.cause, self._context.sync
        ahead = self._context.clock_difference(intent.work.side)
        if abs(ahead) <= CLOCK_GRAIN:
            ahead = timedelta()  # no more than what we cannot tell; most clocks are right to the millisecond
        return any(
            pending.kind in STATUS_CAUSES
            and pending.at > cause.at + ahead
            and moves_counterpart(sync, counterpart.side, pending)
            for pending in counterpart.pending
        )

    def _was_there_before_restore(self, intent: Intent[Move], counterpart: Issue) -> bool:
        """Tell whether the counterpart was in the status after the backup that our database was restored from.

        Either we moved it there; or it was there already, and somebody has moved it on.
        """
        work, restored, target = intent.work, self._intents.restored, fold(intent.action.to)
        side = work.side.other
        if restored is None or not restored.may_know(work.cause, work.side):
            return False
        since = work.cause.at + self._context.clock_difference(work.side) - CLOCK_GRAIN
        return any(
            (change.author in self._intents.accounts[side] and fold(change.to_status) == target)
            or fold(change.from_status) == target
            for change in counterpart.changes
            if since <= change.at <= restored.until[side]
        )

    def _give_up_if_refused(self, intent: Intent[Move], state: IssueState) -> None:
        """Raise InvalidRequest when something else than Jira has refused this move and it was not made all the same."""
        cause = intent.work.cause
        if cause.begun(Move.kind):
            try:
                intent.missed(state.side, "the counterpart was moved")
            except InvalidRequest:
                self._context.store.save([state.without_own_move(cause.id)])
                raise

    def _move(self, intent: Intent[Move], counterpart: Issue, state: IssueState) -> None:
        """Write that this move is ours, then carry it out."""
        pair, most = intent.work.counterpart, self._context.sync.most_moves_per_hour
        if pair.moves_too_often(most):
            raise InvalidRequest(
                f"{pair.user_key} and {pair.dev_key} were moved {most} times within an hour, so two automations may "
                f"contradict each other; they stay as they are until jira-sync retry {self._context.sync.name}",
                final=True,
            )
        cause, store, target = intent.work.cause, self._context.store, self._context.jiras[state.side]
        transition = target.transition_to(counterpart, intent.action.to)
        if transition is None:
            offered = ", ".join(target.reachable_statuses(counterpart)) or "nothing"
            raise InvalidRequest(_unreachable(counterpart, intent.action, offered))
        expecting = state.with_own_move(OwnMove(cause.id, transition.to_status, to_id=transition.to_id))
        store.save([expecting])
        with unless_carried_out(lambda: store.save([state])):
            try:
                target.transition(counterpart, transition)
            except OutcomeUnknown as error:
                intent.leave_open(state.side, error)
                raise
            except InvalidRequest as error:
                raise _after_refused_move(target, counterpart, intent.action, transition, error) from error
        own_move = OwnMove(cause.id, transition.to_status, settled=True, to_id=transition.to_id)
        settled = expecting.with_own_move(own_move).superseded()
        store.save([replace(settled, status=transition.to_status)])
        pair = pair.moved(self._context.jiras[Side.USER].now(), most)
        store.save_pair(pair)
        intent.pair_with(pair)
        text = f"{counterpart.status} → {transition.to_status}"
        intent.report("counterpart moved", text=text, status=transition.to_status, previous=counterpart.status)


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
