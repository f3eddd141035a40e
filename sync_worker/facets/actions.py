"""Carrying out what a cause calls for, each action at most once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from sync_model.definition import Side, fold
from sync_worker.core.errors import InvalidRequest, OutcomeUnknown, SyncError, Unavailable, to_go_by
from sync_worker.core.issue import Issue, Transition
from sync_worker.core.ports import Jira
from sync_worker.core.rules import (
    Action,
    Comment,
    CopyAttachments,
    Create,
    Link,
    Move,
    actions_for,
    fill_in,
    plain_text,
)
from sync_worker.core.state import STATUS_CAUSES, Attempt, CauseKind, IssueState, OwnMove
from sync_worker.engine.intents import CLOCK_GRAIN, REQUEST_LIFETIME, SKIPPED, Intents, Work, unless_it_happened
from sync_worker.facets.attachments import Attachments
from sync_worker.facets.counterpart import Creation


class Actions:
    """Carries out actions, as the ledger says what is begun and done. For several issues at once, if no two of them
    belong to one pair.

    A status change that moves the counterpart overrules those that are still pending there: they came before it, and
    must not move this issue back when their turn comes.
    """

    def __init__(self, intents: Intents) -> None:
        self._intents = intents
        self._sync, self._jiras, self._store = intents.sync, intents.jiras, intents.store
        self.creation = Creation(intents)
        self._attachments = Attachments(intents)

    def carry_out(self, work: Work) -> None:
        """Do everything that the cause in hand calls for and is not done yet.

        Only what rests on a failed action waits for it: everything on the counterpart, and a comment on the
        counterpart and on the move that it tells of. A file or a link that fails holds up nothing else. Raises
        an error once all the others are done: one that waiting may mend, if there is one.
        """
        failures: list[SyncError] = []
        can_tell = True
        for action in actions_for(self._sync, work.side, work.cause, paired=work.pair is not None):
            if work.cause.has_done(action.kind) or (isinstance(action, Comment) and not can_tell):
                continue
            try:
                self._do(work, action)
            except (InvalidRequest, Unavailable) as error:
                self._intents.report_failure(work, action, error)
                if isinstance(error, Unavailable) and not isinstance(action, Link | CopyAttachments):
                    raise
                failures.append(error)
                can_tell = can_tell and not isinstance(action, Create | Move)
                if isinstance(action, Create):
                    break
        if failures:
            raise to_go_by(failures)

    def _do(self, work: Work, action: Action) -> None:
        match action:
            case Create():
                self.creation.create(work, action)
            case Move():
                self._move(work, action)
            case Link():
                self._link(work, action)
            case CopyAttachments():
                self._attachments.copy(work, action)
            case Comment():
                self._comment(work, action)
            case _:
                assert_never(action)

    # Move

    def _move(self, work: Work, action: Move) -> None:
        """Bring the counterpart into a status, by whichever transition leads there."""
        counterpart = self._intents.read_counterpart(work)
        state = self._intents.observed(work.side.other, counterpart)
        own_move = state.own_move(work.cause.id)
        if self._is_superseded(work, state):
            self._intents.report(
                work, action, "status left alone: the counterpart was changed later", SKIPPED, status=counterpart.status
            )
            self._store.save([state.without_own_move(work.cause.id)])
        elif (
            fold(counterpart.status) == fold(action.to)
            or (own_move and own_move.landed)
            or self._moved_unknown_to_us(work, counterpart, action)
        ):
            self._store.save([state.without_own_move(work.cause.id).superseded()])
        else:
            self._transition(work, action, counterpart, state)
        self._intents.finish(work, Move.kind)
        # The counterpart is where it belongs: what this issue went through before is history.
        if work.cause.kind in STATUS_CAUSES:
            work.state = work.state.expired(work.cause.at)

    def _is_superseded(self, work: Work, counterpart: IssueState) -> bool:
        """Tell whether the counterpart's own, later change is about to move our issue: the later change wins."""
        ahead = self._jiras[counterpart.side].now() - self._jiras[work.side].now()
        if abs(ahead) <= CLOCK_GRAIN:
            ahead = timedelta()  # no more than what we cannot tell; most clocks are right to the millisecond
        return any(
            cause.kind in STATUS_CAUSES
            and cause.at > work.cause.at + ahead
            and any(isinstance(each, Move) for each in actions_for(self._sync, counterpart.side, cause, paired=True))
            for cause in counterpart.pending
        )

    def _moved_unknown_to_us(self, work: Work, counterpart: Issue, action: Move) -> bool:
        """Tell whether this move was made after the backup that our database was restored from."""
        side, restored = work.side.other, self._intents.restored
        if restored is None or not restored.may_know(work.cause, work.side):
            return False
        ahead = self._jiras[side].now() - self._jiras[work.side].now()
        return any(
            change.author == self._intents.accounts[side]
            and fold(change.to_status) == fold(action.to)
            and work.cause.at + ahead - CLOCK_GRAIN <= change.at <= restored.until[side]
            for change in counterpart.changes
        )

    def _transition(self, work: Work, action: Move, counterpart: Issue, state: IssueState) -> None:
        """Remember that this move is ours, then carry it out."""
        target = self._jiras[state.side]
        transition_to = target.transition_to(counterpart, action.to)
        if transition_to is None:
            offered = ", ".join(target.reachable_statuses(counterpart)) or "nothing"
            raise InvalidRequest(
                f"{counterpart.key} cannot get from {counterpart.status} to {action.to}: "
                f"its workflow offers our account {offered} from there"
            )
        expecting = state.with_own_move(OwnMove(work.cause.id, transition_to.to_status))
        self._store.save([expecting])
        with unless_it_happened(lambda: self._store.save([state])):
            try:
                target.transition(counterpart, transition_to)
            except InvalidRequest as error:
                raise self._after_rejected_move(target, counterpart, action, transition_to, error) from error
        settled = expecting.with_own_move(OwnMove(work.cause.id, transition_to.to_status, settled=True)).superseded()
        self._store.save([replace(settled, status=transition_to.to_status)])
        said = f"{counterpart.status} → {transition_to.to_status}"
        self._intents.report(
            work, action, "counterpart moved", text=said, status=transition_to.to_status, previous=counterpart.status
        )

    def _after_rejected_move(
        self, target: Jira, counterpart: Issue, action: Move, transition_to: Transition, error: InvalidRequest
    ) -> SyncError:
        """Tell a move that cannot be from one that what we knew of the issue or its workflow was too old for."""
        present, again = target.issue(counterpart.id), target.transition_to(counterpart, action.to, refresh=True)
        if error.status == 409 or present is None or present.status != counterpart.status or again != transition_to:  # noqa: PLR2004
            return Unavailable(f"{counterpart.key} was changed under our hands; it is looked at again ({error})")
        return error

    # Link

    def _link(self, work: Work, action: Link) -> None:
        pair = work.counterpart
        if work.cause.kind is CauseKind.MOVED and not pair.linked:
            return
        missing = [side for side in Side if pair.linked.get(side) != pair.key(side.other)]
        for side in missing:
            key = pair.key(side.other)
            there, other = self._jiras[side], self._jiras[side.other]
            global_id = f"jira-sync:{other.site()}:{pair.id(side.other)}"
            summary = work.issue.summary if side is not work.side else ""
            there.link(pair.id(side), global_id, other.browse(key), key, summary)
            pair = work.pair = replace(pair, linked={**pair.linked, side: key})
            self._intents.note_own_write(work, side, pair.id(side))
        self._store.save_pair(pair)
        self._intents.finish(work, Link.kind)
        if missing:
            self._intents.report(work, action, "cross-linked")

    # Comment

    def _comment(self, work: Work, action: Comment) -> None:
        issue_id = work.pair.id(action.side) if work.pair else work.issue.id
        jira = self._jiras[action.side]
        marker = f"{work.side}:{work.issue.id}:{work.cause.id}"
        begun = self._intents.begun(work, Comment.kind, action.side)
        if begun is None or not self._was_posted(jira, issue_id, marker, begun):
            body = fill_in(action.template, self._placeholders(work))
            with self._intents.attempt(work, Comment.kind, action.side):
                jira.comment(issue_id, body, marker)
            self._intents.report(work, action, "comment posted", on=action.side)
        self._intents.note_own_write(work, action.side, issue_id)
        self._intents.finish(work, Comment.kind)

    def _was_posted(self, jira: Jira, issue_id: str, marker: str, begun: Attempt) -> bool:
        if jira.has_comment(issue_id, marker, begun.at - CLOCK_GRAIN):
            return True
        if jira.now() < begun.at + REQUEST_LIFETIME:
            raise OutcomeUnknown("whether the comment was posted is not certain yet")
        return False

    def _placeholders(self, work: Work) -> dict[str, str]:
        pair, cause = work.pair, work.cause
        actions = actions_for(self._sync, work.side, cause, paired=pair is not None)
        target_status = next((each.to for each in actions if isinstance(each, Move)), None)
        if target_status is None and pair:
            counterpart = self._store.state(work.side.other, pair.id(work.side.other))
            target_status = counterpart.status if counterpart else ""
        return {
            "sourceKey": work.issue.key,
            "targetKey": pair.key(work.side.other) if pair else "",
            "sourceStatus": cause.to_status,
            "targetStatus": target_status or "",
            "sourceSummary": plain_text(work.issue.summary),
        }
