"""What the rules of a sync need of Jira, all of them together: permissions, statuses, issue types. Pure.

`rules.actions_for` says what one change calls for; this says what any change may call for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync_model.definition import ANY_STATUS, OnDelete, Rule, Side, Sync, fold

BROWSE = "BROWSE_PROJECTS"
CREATE = "CREATE_ISSUES"
MOVE = "TRANSITION_ISSUES"
COMMENT = "ADD_COMMENTS"
LINK = "LINK_ISSUES"
ATTACH = "CREATE_ATTACHMENTS"
FALLBACK = "fallbackBehavior"
ON_DELETE = "onDelete"


@dataclass(frozen=True)
class NamedStatus:
    """A status that something in the file calls by its name. `by`: the labels of the rules, or a field."""

    status: str
    by: tuple[str, ...]


def permissions(sync: Sync, side: Side) -> dict[str, tuple[str, ...]]:
    """Return the permissions that our account needs in `side`'s project, and what needs each of them."""
    found: dict[str, tuple[str, ...]] = {BROWSE: ("any rule",)}
    for name, by in _permissions(sync, side):
        found[name] = tuple(dict.fromkeys([*found.get(name, ()), by]))
    return found


def source_statuses(sync: Sync, side: Side) -> list[NamedStatus]:
    """Return the statuses of `side` that rules answer, but for `*`."""
    return _collected(
        (status, rule.label)
        for rule in _rules(sync)
        if rule.sync_direction.leads_from(side)
        for status in rule.source_status
        if status != ANY_STATUS
    )


def target_statuses(sync: Sync, side: Side) -> list[NamedStatus]:
    """Return the statuses that issues of `side` are moved to, as far as the file names them."""
    return _collected(_targets(sync, side))


def followers(sync: Sync, side: Side) -> list[str]:
    """Return the labels of the rules that move issues of `side` to whatever status their counterpart is in."""
    return [
        rule.label
        for rule in _rules(sync)
        if rule.sync_direction.leads_from(side.other)
        and rule.actions.sync_status
        and ANY_STATUS in rule.source_status
        and rule.target_for(ANY_STATUS) == ANY_STATUS
    ]


def issue_types(sync: Sync, side: Side) -> list[str | None]:
    """Return the types of the issues that rules create on `side`; None stands for the type of the source."""
    creating = (rule for rule in _rules(sync) if rule.sync_direction.leads_from(side.other) and _creates(rule))
    return list(dict.fromkeys(sync.issue_type_for(rule) for rule in creating))


def copies_files(sync: Sync, to: Side) -> bool:
    """Tell whether files are copied to issues of `to`."""
    return ATTACH in permissions(sync, to)


def _rules(sync: Sync) -> Iterator[Rule]:
    return (rule for rule in sync.ordered_rules if any(rule.sync_direction.leads_from(side) for side in Side))


def _creates(rule: Rule) -> bool:
    return rule.actions.create_issue and not rule.requires_mapping


def _permissions(sync: Sync, side: Side) -> Iterator[tuple[str, str]]:
    for rule in _rules(sync):
        yield from ((name, rule.label) for name in _asked_by(sync, rule, side))
    if side is Side.DEV and sync.default_behavior.sync_attachments:
        yield ATTACH, "defaultBehavior.syncAttachments"
    if side is Side.USER and sync.default_behavior.fallback_behavior.target_status:
        yield MOVE, FALLBACK
    if sync.on_delete is not OnDelete.KEEP:
        yield (COMMENT if sync.on_delete is OnDelete.COMMENT else MOVE), ON_DELETE


def _asked_by(sync: Sync, rule: Rule, side: Side) -> Iterator[str]:
    if sync.adds_cross_link(rule):
        yield LINK
    if rule.actions.add_comment and rule.actions.comment_on == side:
        yield COMMENT
    if rule.sync_direction.leads_from(side.other):
        wanted = {CREATE: _creates(rule), MOVE: rule.actions.sync_status, ATTACH: rule.actions.sync_attachments}
        yield from (name for name, is_wanted in wanted.items() if is_wanted)


def _targets(sync: Sync, side: Side) -> Iterator[tuple[str, str]]:
    for rule in _rules(sync):
        if rule.sync_direction.leads_from(side.other) and rule.actions.sync_status:
            targets = (rule.target_for(status) for status in rule.source_status)
            yield from ((target, rule.label) for target in targets if target != ANY_STATUS)
    fallback = sync.default_behavior.fallback_behavior.target_status
    if side is Side.USER and fallback:
        yield fallback, FALLBACK
    if sync.on_delete is OnDelete.TRANSITION and sync.on_delete_status:
        yield sync.on_delete_status, ON_DELETE


def _collected(pairs: Iterable[tuple[str, str]]) -> list[NamedStatus]:
    """Return each status once, however it is spelled, with all that name it."""
    found: dict[str, NamedStatus] = {}
    for status, by in pairs:
        known = found.get(fold(status), NamedStatus(status, ()))
        found[fold(status)] = NamedStatus(known.status, tuple(dict.fromkeys([*known.by, by])))
    return list(found.values())
