"""The names of statuses in a sync's rules, resolved against what its projects really have. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sync_model.definition.sync import ANY_STATUS, OnDelete, Rule, Side, Sync, fold
from sync_worker.core.decisions.rules import active_rules
from sync_worker.core.issues.issue import StatusName

Statuses = Mapping[Side, Collection[StatusName]]
"""The statuses of the workflows of each side's project."""


def unknown_statuses(sync: Sync, statuses: Statuses) -> tuple[str, ...]:
    """Return a sentence for each name of a status that neither project, or not the right one, has."""
    known = {side: _names(statuses[side]) for side in Side}
    return tuple(dict.fromkeys(_unknown(sync, known)))


def with_shown_names(sync: Sync, statuses: Statuses) -> Sync:
    """Return `sync` with rules that answer a status by the name that its site shows, too, where they name another."""
    rules = tuple(_with_shown_names(rule, statuses) for rule in sync.rules)
    return sync if rules == sync.rules else sync.model_copy(update={"rules": rules})


def _unknown(sync: Sync, known: Mapping[Side, Collection[str]]) -> Iterator[str]:
    for rule in active_rules(sync):
        sources = [side for side in Side if rule.sync_direction.leads_from(side)]
        for name in rule.source_status:
            if name.strip() != ANY_STATUS and not any(fold(name) in known[side] for side in sources):
                yield _sentence(sync, f"rule {rule.label}", name, sources)
        targets, target = [side.other for side in sources], rule.actions.target_status or rule.target_status
        if rule.actions.sync_status and target and not any(fold(target) in known[side] for side in targets):
            yield _sentence(sync, f"rule {rule.label}", target, targets)
    closing = sync.on_delete_status if sync.on_delete is OnDelete.TRANSITION else None
    if closing and not any(fold(closing) in known[side] for side in Side):
        yield _sentence(sync, "onDeleteStatus", closing, list(Side))


def _sentence(sync: Sync, where: str, name: str, sides: Collection[Side]) -> str:
    projects = " or ".join(sync.project_key(side) for side in sides)
    return f"{where} names the status {name!r}, which project {projects} does not have"


def _names(statuses: Collection[StatusName]) -> frozenset[str]:
    return frozenset(fold(name) for status in statuses for name in (status.name, status.untranslated))


def _with_shown_names(rule: Rule, statuses: Statuses) -> Rule:
    shown = [
        status.name
        for side in Side
        if rule.sync_direction.leads_from(side)
        for status in statuses[side]
        if rule.answers(status.untranslated) and not rule.answers(status.name)
    ]
    return rule.model_copy(update={"source_status": (*rule.source_status, *shown)}) if shown else rule
