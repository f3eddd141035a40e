"""What the rules of a sync need of Jira, all of them together: permissions, statuses, issue types. Pure.

`core.decisions.rules` says what one change calls for; this module says what any change may call for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync_model.definition.sync import ANY_STATUS, OnDelete, Side, Sync, fold
from sync_worker.core.decisions.rules import FALLBACK, ON_DELETE, active_rules, may_create
from sync_worker.core.permissions import Permission
from sync_worker.facets.catalogue import FACETS, ITEM_FACETS


@dataclass(frozen=True)
class NamedStatus:
    """A status that something in the file calls by its name. `by`: the labels of the rules, or a field."""

    status: str
    by: tuple[str, ...]


def permissions(sync: Sync, side: Side) -> dict[Permission, tuple[str, ...]]:
    """Return the permissions that our account needs in `side`'s project, and what needs each of them."""
    needed = [(facet.permission, by) for facet in FACETS.values() for by in facet.called_for_by(sync, side)]
    needed += [more for facet in ITEM_FACETS.values() for more in facet.also_needs(sync, side)]
    found: dict[Permission, tuple[str, ...]] = {Permission.BROWSE: ("any rule",)}
    for permission, by in needed:
        found[permission] = tuple(dict.fromkeys([*found.get(permission, ()), by]))
    return found


def source_statuses(sync: Sync, side: Side) -> list[NamedStatus]:
    """Return the statuses of `side` that rules answer, but for `*`."""
    return _collected(
        (status, rule.label)
        for rule in active_rules(sync)
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
        for rule in active_rules(sync)
        if rule.sync_direction.leads_from(side.other)
        and rule.actions.sync_status
        and ANY_STATUS in rule.source_status
        and rule.target_for(ANY_STATUS) == ANY_STATUS
    ]


def issue_types(sync: Sync, side: Side) -> list[str | None]:
    """Return the types of the issues that rules create on `side`; None stands for the type of the source."""
    creating = (rule for rule in active_rules(sync) if may_create(rule, side.other))
    return list(dict.fromkeys(sync.issue_type_for(rule) for rule in creating))


def copies_files(sync: Sync, to: Side) -> bool:
    """Tell whether files are copied to issues of `to`."""
    return Permission.ATTACH in permissions(sync, to)


def _targets(sync: Sync, side: Side) -> Iterator[tuple[str, str]]:
    for rule in active_rules(sync):
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
