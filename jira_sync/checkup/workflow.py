"""Checks whether the statuses that rules name exist and can be reached. Does no input or output."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence

from jira_sync.checkup.finding import Finding, failed, listed, passed, warning
from sync_model.definition.sync import fold
from sync_worker.core.decisions.rules import FALLBACK, ON_DELETE
from sync_worker.core.site_info import Sample, Workflows, WorkflowStatus
from sync_worker.facets.permissions import NamedStatus

FIELDS = frozenset({FALLBACK, ON_DELETE})
"""Names that stand for a field of the file instead of a rule."""


def sources(project: str, named: Sequence[NamedStatus], workflows: Workflows) -> Iterator[Finding]:
    """Yield whether the project has the source statuses of the rules."""
    existing = [source for source in named if find(workflows, source.status)]
    for source in named:
        if source not in existing:
            says = f"{project} has no status {source.status}, which {_by(source.by)} answers"
            yield failed(says, _nearest(source, workflows))
    if existing:
        yield passed(f"{project} has the statuses that rules answer: {', '.join(source.status for source in existing)}")


def targets(
    project: str,
    named: Sequence[NamedStatus],
    workflows: Workflows,
    samples: Sequence[Sample] | None,
    types: Collection[str],
) -> Iterator[Finding]:
    """Yield whether the project has the target statuses of the rules and whether they can be reached.

    `samples` is None if our account may not move issues, which is another finding. `types` are the issue types that
    the rules may move.
    """
    existing = []
    for target in named:
        status = find(workflows, target.status)
        if status is None:
            says = f"{project} has no status {target.status}, to which {_by(target.by)} moves issues"
            yield failed(says, _nearest(target, workflows))
            continue
        existing.append(target)
        if lacking := [name for name in types if name not in status.types]:
            says = f"{status.name} is not in the workflow of {listed(lacking, 'or')} in {project}"
            yield warning(says, f"issues of that type never get there: what {_by(target.by)} asks for them is given up")
    if samples is None or not existing:
        return
    if not samples:
        names = listed((target.status for target in existing), "or")
        says = f"{project} shows us no issue to try on whether one gets into {names}"
        yield warning(says, "ask again when there is one: create one there by hand, or let the sync do it")
        return
    yield from (reach(project, target, samples) for target in existing)


def namesakes(project: str, rules: Sequence[str], workflows: Workflows, others: Workflows) -> Iterator[Finding]:
    """Yield which statuses of the other project, `others`, have no status of the same name in this project."""
    lacking = [status.name for status in others.statuses if find(workflows, status.name) is None]
    if rules and lacking:
        names = listed(lacking, "or")
        says = f"{_by(rules)} moves issues of {project} to the status of the same name, but there is no {names}"
        yield warning(says, "such changes are given up: name the target in targetStatus, or the sources instead of *")


def reach(project: str, named: NamedStatus, samples: Sequence[Sample]) -> Finding:
    """Return from which statuses one transition leads to the named status, as far as the samples show."""
    target = named.status
    elsewhere = [sample for sample in samples if fold(sample.status) != fold(target)]
    if not elsewhere:
        says = f"all issues of {project} that we see are in {target}: there is none to try the way on"
        return warning(says, "ask again when there is one in another status")
    reasons = {sample.key: _why_not(sample, target) for sample in elsewhere if not _can_move(sample, target)}
    stuck = [f"{sample.status} ({sample.key}{reasons[sample.key]})" for sample in elsewhere if sample.key in reasons]
    movable = dict.fromkeys(sample.status for sample in elsewhere if sample.key not in reasons)
    if not stuck:
        return passed(f"{project}: {target} can be reached from {listed(movable)}")
    if not movable:
        return failed(f"{project}: {target} cannot be reached from {listed(stuck, 'or')}", _advice(named, elsewhere))
    says = f"{project}: {target} can be reached from {listed(movable)}, but not from {listed(stuck, 'or')}"
    advice = (
        f"what {_by(named.by)} asks of an issue there is given up; add a transition, unless that is as it should be"
    )
    return warning(says, advice)


def _can_move(sample: Sample, target: str) -> bool:
    return any(fold(transition.to) == fold(target) and not transition.demands for transition in sample.transitions)


def _why_not(sample: Sample, target: str) -> str:
    """Return the fields that the transition to `target` demands, or nothing if there is no such transition."""
    transition = next((transition for transition in sample.transitions if fold(transition.to) == fold(target)), None)
    return f": “{transition.name}” demands {listed(transition.demands)}" if transition else ""


def find(workflows: Workflows, name: str) -> WorkflowStatus | None:
    return next((status for status in workflows.statuses if fold(status.name) == fold(name)), None)


def _advice(named: NamedStatus, samples: Sequence[Sample]) -> str:
    transitions = [transition for sample in samples for transition in sample.transitions]
    if any(transition.demands and fold(transition.to) == fold(named.status) for transition in transitions):
        return "jira-sync fills nothing in on a transition's screen: make the field optional there, or take it off"
    offered = listed(sorted({transition.to for transition in transitions}))
    return f"our account is offered {offered}: add a transition, or change the target of {_by(named.by)}"


def _nearest(named: NamedStatus, workflows: Workflows) -> str:
    names = {fold(status.name): status.name for status in workflows.statuses}
    nearest = difflib.get_close_matches(fold(named.status), names, n=1)
    return f"did you mean {names[nearest[0]]}?" if nearest else f"it has {listed(names.values())}"


def _by(names: Iterable[str]) -> str:
    """Return the rules and fields that name a status."""
    return listed(name if name in FIELDS else f"rule {name}" for name in names)
