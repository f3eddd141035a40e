"""What a change calls for. Pure: an issue, what is remembered of it and the sync's rules go in; values come out.

Two questions are answered here. `observe`: what of this issue is new, and is it a cause? `actions_for`: what
does the first rule that fits a cause call for? Both mean the same in both directions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from sync_model.definition import PLACEHOLDERS, Direction, Fallback, OnDelete, Rule, Side, Sync, fold
from sync_worker.core.issue import Attachment, Issue, StatusChange
from sync_worker.core.state import Cause, CauseKind, IssueState, OwnMove

SEEN_WINDOW = timedelta(hours=1)
"""Ids of status changes are compared within this window, times beyond it. Nodes of one Jira hand out ids in
blocks and their clocks differ, so that neither alone orders two changes that are close together."""

DEFAULT_TEMPLATE = "${sourceKey} is now in status “${sourceStatus}”."
DEFAULT_DELETE_TEMPLATE = "${sourceKey}, the counterpart of this issue, was deleted."
DEFAULT_CREATE_TEMPLATE = "${targetKey} was created for ${sourceKey}."


@dataclass(frozen=True)
class Create:
    """Create the counterpart, as `issue_type` where the sync says one."""

    kind: ClassVar[str] = "create"
    rule: str
    issue_type: str | None


@dataclass(frozen=True)
class Move:
    """Bring the counterpart into status `to`."""

    kind: ClassVar[str] = "move"
    rule: str
    to: str


@dataclass(frozen=True)
class Link:
    """See that each of the two issues links to the other."""

    kind: ClassVar[str] = "link"
    rule: str


@dataclass(frozen=True)
class CopyAttachments:
    """See that every file on the issue is on its counterpart too."""

    kind: ClassVar[str] = "attachments"
    rule: str


@dataclass(frozen=True)
class Comment:
    """Post `template`, filled in, on `side`'s issue."""

    kind: ClassVar[str] = "comment"
    rule: str
    side: Side
    template: str


Action = Create | Move | Link | CopyAttachments | Comment


def observe(
    sync: Sync,
    side: Side,
    issue: Issue,
    state: IssueState | None,
    *,
    paired: bool,
    account: str,
    baseline: datetime | None,
    unknown_until: datetime | None = None,
) -> IssueState:
    """Return what is to be remembered after a direct read of `issue`, with new causes at the end of `pending`.

    `paired` says whether the issue has a counterpart, `account` is our own account on its site, and changes
    before `baseline` are only noted. Up to `unknown_until` our account may have moved it without our knowing.
    """
    if state is None:
        return _first_sight(sync, side, issue, paired=paired, baseline=baseline)
    unseen = [change for change in issue.changes if not is_seen(state, change)]
    own_moves, theirs, followed = _tell_apart(state, unseen, account, unknown_until)
    if len(theirs) < len(unseen):
        # A move of ours overrules what came before it on this issue, which then moves the counterpart no more.
        state = state.superseded()
    if sync.default_behavior.skip_intermediate_statuses:
        theirs = [change for change in theirs[-1:] if change is unseen[-1]]
    causes = [
        _status_cause(change, issue, may_move=change not in followed)
        for change in theirs
        if _is_answered(sync, side, change.to_status, issue)
    ]
    if not causes and issue.updated > state.updated:
        causes += _update_causes(sync, side, issue, state, paired=paired, status_stands=not unseen)
    pending = _queued(state.pending, causes)
    if paired and issue.key != state.key:
        # First of all: it mends links, whatever may be in the way of a status.
        moved = Cause(f"moved-{issue.key}", CauseKind.MOVED, issue.updated, None, issue.status)
        pending = (moved, *(each for each in pending if each.kind is not CauseKind.MOVED))
    return replace(
        with_history(state, issue.changes),
        key=issue.key,
        status=issue.status,
        updated=max(issue.updated, state.updated),
        own_moves=own_moves,
        pending=pending,
    )


def needs_history_before(state: IssueState | None, issue: Issue) -> bool:
    """Tell whether the part of the history that a bulk read leaves out may hold something new."""
    if issue.history_from is None:
        return False
    if state is None:
        return not issue.changes
    return issue.history_from > state.seen_until - SEEN_WINDOW


def actions_for(sync: Sync, side: Side, cause: Cause, *, paired: bool) -> list[Action]:
    """Return what the first rule that fits `cause` calls for, in the order in which it is to be done.

    `paired` says whether there is a counterpart now. One that this very cause created does not count against
    the rule that had it created.
    """
    if cause.kind is CauseKind.MOVED:
        return [Link("moved")] if paired else []
    if cause.kind is CauseKind.GONE:
        return _after_deletion(sync, side) if paired else []
    if cause.kind is CauseKind.ANEW:
        return _anew(sync, side, cause) if paired else []
    created_here = cause.begun(Create.kind) is not None
    rule = _matching_rule(sync, side, cause, paired=paired and not created_here)
    if rule is None:
        return _without_rule(sync, side, cause, paired=paired)
    creates = rule.actions.create_issue and (created_here or not paired)
    if not paired and not creates:
        return [each for each in _comments(rule, cause, creates=False) if each.side is side]
    actions: list[Action] = []
    if creates:
        actions.append(Create(rule.label, sync.issue_type_for(rule)))
    if rule.actions.sync_status and cause.may_move:
        actions.append(Move(rule.label, rule.target_for(cause.to_status)))
    if sync.adds_cross_link(rule):
        actions.append(Link(rule.label))
    if rule.actions.sync_attachments or _tops_up(sync, side):
        actions.append(CopyAttachments(rule.label))
    return actions + _comments(rule, cause, creates=creates)


def _after_deletion(sync: Sync, side: Side) -> list[Action]:
    """Return what becomes of the counterpart of an issue of `side` that was deleted."""
    rule = f"onDelete {sync.on_delete}"
    if sync.on_delete is OnDelete.COMMENT:
        return [Comment(rule, side.other, sync.on_delete_comment or DEFAULT_DELETE_TEMPLATE)]
    if sync.on_delete is OnDelete.TRANSITION and sync.on_delete_status:
        return [Move(rule, sync.on_delete_status)]
    return []


def _anew(sync: Sync, side: Side, cause: Cause) -> list[Action]:
    """Return all that a pair of this sync has, as far as it is safe to do again: no comments."""
    asserted = actions_for(sync, side, replace(cause, kind=CauseKind.STATUS), paired=True)
    actions: list[Action] = [each for each in asserted if isinstance(each, Move)]
    if any(sync.adds_cross_link(rule) for rule in sync.ordered_rules if rule.sync_direction is not Direction.NONE):
        actions.append(Link("resync"))
    copied = (rule.actions.sync_attachments and rule.sync_direction.leads_from(side) for rule in sync.ordered_rules)
    if any(copied) or _tops_up(sync, side):
        actions.append(CopyAttachments("resync"))
    return actions


def creates_from(sync: Sync, side: Side, status: str | None = None) -> bool:
    """Tell whether any rule creates counterparts of `side`'s issues, or of those in `status`."""
    rules = (rule for rule in sync.ordered_rules if status is None or rule.answers(status))
    return any(_may_create(rule, side) for rule in rules)


def is_seen(state: IssueState, change: StatusChange) -> bool:
    return change.id in state.seen or change.at < state.seen_until - SEEN_WINDOW


def with_history(state: IssueState, changes: Sequence[StatusChange]) -> IssueState:
    """Return this memory with `changes`, oldest first, as the ones that were seen."""
    seen_until = max([state.seen_until, *(change.at for change in changes)])
    recent = tuple(change.id for change in changes if change.at >= seen_until - SEEN_WINDOW)
    return replace(state, seen_until=seen_until, seen=recent)


def missing_attachments(issue: Issue, state: IssueState) -> list[Attachment]:
    """Return the files on `issue` that are neither copied yet nor copies themselves."""
    return [each for each in issue.attachments if each.id not in state.copied and each.id not in state.received]


def fill_in(template: str, values: dict[str, str]) -> str:
    """Replace the placeholders in `template`; all else in it, dollar signs included, stays as it is."""
    return re.sub(rf"\$\{{({'|'.join(PLACEHOLDERS)})\}}", lambda match: values[match[1]], template)


def plain_text(text: str) -> str:
    """Return wiki markup that shows `text` as it is: a customer's summary must not become a macro or a mention."""
    return re.sub(r"([\\{}\[\]|!])", r"\\\1", text)


def _queued(pending: tuple[Cause, ...], causes: list[Cause]) -> tuple[Cause, ...]:
    """Append `causes`; an update that is still waiting becomes the newer one instead of standing there twice."""
    for cause in causes:
        waiting = next((each for each in pending if each.kind is cause.kind is CauseKind.UPDATE), None)
        if waiting:
            newer = replace(cause, id=waiting.id, marks=waiting.marks, failure=waiting.failure)
            pending = tuple(newer if each is waiting else each for each in pending)
        else:
            pending = (*pending, cause)
    return pending


def _first_sight(sync: Sync, side: Side, issue: Issue, *, paired: bool, baseline: datetime | None) -> IssueState:
    last = issue.changes[-1] if issue.changes else None
    state = IssueState(side, issue.id, issue.key, issue.status, issue.updated, seen_until=issue.created)
    state = with_history(state, issue.changes)
    at = last.at if last else issue.created
    if paired or not creates_from(sync, side, issue.status) or (baseline is not None and at < baseline):
        return state
    previous = last.from_status if last else None
    cause = Cause(last.id if last else "first", CauseKind.FIRST, at, previous, issue.status, issue.is_done)
    return replace(state, pending=(cause,))


def _tell_apart(
    state: IssueState, unseen: Sequence[StatusChange], account: str, unknown_until: datetime | None
) -> tuple[tuple[OwnMove, ...], list[StatusChange], list[StatusChange]]:
    """Split what is new into our own moves, marked as landed, and changes that others made.

    The third part is those of the others that a move of ours followed.
    """
    own_moves, theirs, followed = list(state.own_moves), [], []
    for change in unseen:
        match = next(
            (
                index
                for index, move in enumerate(own_moves)
                if not move.landed and change.author == account and fold(move.to_status) == fold(change.to_status)
            ),
            None,
        )
        forgotten = unknown_until is not None and change.author == account and change.at <= unknown_until
        if match is None and not forgotten:
            theirs.append(change)
            continue
        if match is not None:
            own_moves[match] = replace(own_moves[match], landed=True)
        followed = list(theirs)
    return tuple(move for move in own_moves if not (move.landed and move.settled)), theirs, followed


def _status_cause(change: StatusChange, issue: Issue, *, may_move: bool) -> Cause:
    is_done = issue.is_done and fold(change.to_status) == fold(issue.status)
    return Cause(change.id, CauseKind.STATUS, change.at, change.from_status, change.to_status, is_done, may_move)


def _update_causes(
    sync: Sync, side: Side, issue: Issue, state: IssueState, *, paired: bool, status_stands: bool
) -> list[Cause]:
    """An update is a cause for rules that do not wait for a status change, and for files that are missing."""
    asserted = status_stands and any(
        not sync.only_on_status_change(rule) and rule.sync_direction.leads_from(side) and rule.answers(issue.status)
        for rule in sync.ordered_rules
    )
    top_up = paired and _tops_up(sync, side) and missing_attachments(issue, state)
    if not asserted and not top_up:
        return []
    identity = f"update-{int(issue.updated.timestamp() * 1000)}"
    echo = state.wrote_until is not None and issue.updated <= state.wrote_until
    return [
        Cause(
            identity, CauseKind.UPDATE, issue.updated, None, issue.status, issue.is_done, may_move=asserted and not echo
        ),
    ]


def _is_answered(sync: Sync, side: Side, status: str, issue: Issue) -> bool:
    if any(rule.sync_direction.leads_from(side) and rule.answers(status) for rule in sync.ordered_rules):
        return True
    falls_back = side is Side.DEV and sync.default_behavior.fallback_behavior is not Fallback.IGNORE
    return falls_back and issue.is_done and fold(status) == fold(issue.status)


def _matching_rule(sync: Sync, side: Side, cause: Cause, *, paired: bool) -> Rule | None:
    return next((rule for rule in sync.ordered_rules if _fits(sync, rule, side, cause, paired=paired)), None)


def _fits(sync: Sync, rule: Rule, side: Side, cause: Cause, *, paired: bool) -> bool:
    if not (rule.sync_direction.leads_from(side) and rule.answers(cause.to_status)):
        return False
    if cause.kind is CauseKind.FIRST and not rule.actions.create_issue:
        return False
    if cause.kind is CauseKind.UPDATE and sync.only_on_status_change(rule):
        return False
    return paired or not rule.requires_mapping


def _may_create(rule: Rule, side: Side) -> bool:
    return rule.sync_direction.leads_from(side) and rule.actions.create_issue and not rule.requires_mapping


def _comments(rule: Rule, cause: Cause, *, creates: bool) -> list[Comment]:
    """A comment is posted once per status change; one of a rule that creates announces the creation."""
    posted = creates if rule.actions.create_issue else cause.kind is CauseKind.STATUS
    if not (rule.actions.add_comment and posted):
        return []
    default = DEFAULT_CREATE_TEMPLATE if creates else DEFAULT_TEMPLATE
    return [Comment(rule.label, Side(rule.actions.comment_on), rule.actions.comment_template or default)]


def _tops_up(sync: Sync, side: Side) -> bool:
    """Files that customers add later follow; what developers add does not leave the dev project unasked."""
    return side is Side.USER and sync.default_behavior.sync_attachments


def _without_rule(sync: Sync, side: Side, cause: Cause, *, paired: bool) -> list[Action]:
    if not paired:
        return []
    target = sync.default_behavior.fallback_behavior.target_status
    if side is Side.DEV and cause.kind is CauseKind.STATUS and cause.is_done and cause.may_move and target:
        return [Move(f"fallbackBehavior {sync.default_behavior.fallback_behavior}", target)]
    if cause.kind is CauseKind.UPDATE and _tops_up(sync, side):
        return [CopyAttachments("defaultBehavior.syncAttachments")]
    return []
