"""What a cause calls for: the actions of the first rule that fits it. Pure, and the same in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sync_model.definition.sync import Direction, OnDelete, Rule, Side, Sync
from sync_worker.core.decisions.templates import DEFAULT_CREATE_TEMPLATE, DEFAULT_DELETE_TEMPLATE, DEFAULT_TEMPLATE
from sync_worker.core.issues.actions import Action, CarryItems, Comment, Create, Link, Move, find
from sync_worker.core.issues.causes import Cause, CauseKind

FALLBACK = "fallbackBehavior"
ON_DELETE = "onDelete"


def actions_for(sync: Sync, side: Side, cause: Cause, *, paired: bool) -> list[Action]:
    """Return what the first rule that fits `cause` calls for, in the order in which it is to be done.

    `paired` says whether there is a counterpart now. One that this very cause created does not count against
    the rule that had it created.
    """
    if cause.kind is CauseKind.MOVED:
        return [Link("moved")] if paired else []
    if cause.kind is CauseKind.GONE:
        return _after_disappearance(sync, side) if paired else []
    if cause.kind is CauseKind.RESYNC:
        return _resync(sync, side, cause) if paired else []
    created_here = cause.begun(Create.kind) is not None
    rule = _matching_rule(sync, side, cause, paired=paired and not created_here)
    if rule is None:
        return _without_rule(sync, side, cause, paired=paired)
    creates = rule.actions.create_issue and (created_here or not paired)
    if not paired and not creates:
        return [comment for comment in _comments(rule, cause, creates=False) if comment.side is side]
    actions: list[Action] = []
    if creates:
        actions.append(Create(rule.label, sync.issue_type_for(rule)))
    if sync.adds_cross_link(rule):
        actions.append(Link(rule.label))
    following, in_full = sync.items_carried_from(side), rule.actions.items_carried_in_full
    actions += [CarryItems(kind, rule.label, everything=kind in in_full) for kind in sorted({*following, *in_full})]
    # The move comes after links and files: in some statuses an issue can only be read.
    if rule.actions.sync_status and cause.may_move:
        actions.append(Move(rule.label, rule.target_for(cause.to_status)))
    return actions + _comments(rule, cause, creates=creates)


def moves_counterpart(sync: Sync, side: Side, cause: Cause) -> bool:
    """Tell whether a cause of an issue of `side`, which has a counterpart, is going to move that counterpart."""
    return find(Move, actions_for(sync, side, cause, paired=True)) is not None


def active_rules(sync: Sync) -> Iterator[Rule]:
    """Yield the rules that apply in any direction."""
    return (rule for rule in sync.ordered_rules if rule.sync_direction is not Direction.NONE)


def _after_disappearance(sync: Sync, side: Side) -> list[Action]:
    """Return what becomes of the counterpart of an issue of `side` that is gone, or not visible to us."""
    rule = f"{ON_DELETE} {sync.on_delete}"
    if sync.on_delete is OnDelete.COMMENT:
        return [Comment(rule, side.other, sync.on_delete_comment or DEFAULT_DELETE_TEMPLATE)]
    if sync.on_delete is OnDelete.TRANSITION and sync.on_delete_status:
        return [Move(rule, sync.on_delete_status)]
    return []


def _resync(sync: Sync, side: Side, cause: Cause) -> list[Action]:
    """Return all that a pair of this sync has, as far as it is safe to do again: no comments."""
    actions: list[Action] = []
    if any(sync.adds_cross_link(rule) for rule in sync.ordered_rules if rule.sync_direction is not Direction.NONE):
        actions.append(Link("resync"))
    carried = {*sync.items_carried_from(side)}.union(
        *(rule.actions.items_carried_in_full for rule in sync.ordered_rules if rule.sync_direction.leads_from(side))
    )
    actions += [CarryItems(kind, "resync", everything=True) for kind in sorted(carried)]
    asserted = actions_for(sync, side, replace(cause, kind=CauseKind.STATUS), paired=True)
    return actions + [action for action in asserted if isinstance(action, Move)]


def creates_from(sync: Sync, side: Side, status: str | None = None) -> bool:
    """Tell whether any rule creates counterparts of `side`'s issues, or of those in `status`."""
    rules = (rule for rule in sync.ordered_rules if status is None or rule.answers(status))
    return any(may_create(rule, side) for rule in rules)


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


def may_create(rule: Rule, side: Side) -> bool:
    """Tell whether a rule creates counterparts of `side`'s issues."""
    return rule.may_create(side)


def _comments(rule: Rule, cause: Cause, *, creates: bool) -> list[Comment]:
    """A comment is posted once per status change; one of a rule that creates announces the creation."""
    posted = creates if rule.actions.create_issue else cause.kind is CauseKind.STATUS
    if not (rule.actions.add_comment and posted):
        return []
    default = DEFAULT_CREATE_TEMPLATE if creates else DEFAULT_TEMPLATE
    return [Comment(rule.label, Side(rule.actions.comment_on), rule.actions.comment_template or default)]


def _without_rule(sync: Sync, side: Side, cause: Cause, *, paired: bool) -> list[Action]:
    if not paired or cause.kind not in (CauseKind.STATUS, CauseKind.UPDATE):
        return []
    actions: list[Action] = [CarryItems(kind, field) for kind, field in sync.items_carried_from(side).items()]
    target = sync.default_behavior.fallback_behavior.target_status
    if side is Side.DEV and cause.kind is CauseKind.STATUS and cause.is_done and cause.may_move and target:
        actions.append(Move(f"{FALLBACK} {sync.default_behavior.fallback_behavior}", target))
    return actions
