"""Whether the statuses that a file names are there, and whether issues get into them. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence

from jira_sync.checkup.finding import Finding, failed, listed, passed, warning
from sync_model.definition import fold
from sync_worker.core.rules import FALLBACK, ON_DELETE
from sync_worker.core.site_info import Sample, Status, Workflows
from sync_worker.facets.permissions import NamedStatus

FIELDS = frozenset({FALLBACK, ON_DELETE})


def sources(project: str, named: Sequence[NamedStatus], there: Workflows) -> Iterator[Finding]:
    """Say whether the statuses that rules answer are there."""
    found = [each for each in named if find(there, each.status)]
    for each in named:
        if each not in found:
            yield failed(f"{project} has no status {each.status}, which {_by(each.by)} answers", _nearest(each, there))
    if found:
        yield passed(f"{project} has the statuses that rules answer: {', '.join(each.status for each in found)}")


def targets(
    project: str,
    named: Sequence[NamedStatus],
    there: Workflows,
    samples: Sequence[Sample] | None,
    types: Collection[str],
) -> Iterator[Finding]:
    """Say whether the statuses that issues are moved to are there, and can be reached.

    `samples` is None where our account may not move issues, which is said elsewhere. `types` are the issue types
    that matter.
    """
    found = []
    for each in named:
        status = find(there, each.status)
        if status is None:
            says = f"{project} has no status {each.status}, to which {_by(each.by)} moves issues"
            yield failed(says, _nearest(each, there))
            continue
        found.append(each)
        if lacking := [name for name in types if name not in status.types]:
            says = f"{status.name} is not in the workflow of {listed(lacking, 'or')} in {project}"
            yield warning(says, f"issues of that type never get there: what {_by(each.by)} asks for them is given up")
    if samples is None or not found:
        return
    if not samples:
        names = listed((each.status for each in found), "or")
        says = f"{project} shows us no issue to try on whether one gets into {names}"
        yield warning(says, "ask again when there is one: create one there by hand, or let the sync do it")
        return
    yield from (reach(project, each, samples) for each in found)


def followed(project: str, rules: Sequence[str], there: Workflows, others: Workflows) -> Iterator[Finding]:
    """Say which statuses of the other project, whatever they are, have no namesake that issues could be moved to."""
    lacking = [each.name for each in others.statuses if find(there, each.name) is None]
    if rules and lacking:
        names = listed(lacking, "or")
        says = f"{_by(rules)} moves issues of {project} to the status of the same name, but there is no {names}"
        yield warning(says, "such changes are given up: name the target in targetStatus, or the sources instead of *")


def reach(project: str, named: NamedStatus, samples: Sequence[Sample]) -> Finding:
    """Say from which statuses, of those with a sample, issues get into a status by one transition."""
    target = named.status
    tried = [each for each in samples if fold(each.status) != fold(target)]
    if not tried:
        says = f"all issues of {project} that we see are in {target}: there is none to try the way on"
        return warning(says, "ask again when there is one in another status")
    lost = {sample.key: _no_way(sample, target) for sample in tried if not _has_way(sample, target)}
    stuck = [f"{each.status} ({each.key}{lost[each.key]})" for each in tried if each.key in lost]
    free = dict.fromkeys(each.status for each in tried if each.key not in lost)
    if not lost:
        return passed(f"{project}: {target} can be reached from {listed(free)}")
    if not free:
        return failed(f"{project}: {target} cannot be reached from {listed(stuck, 'or')}", _way_out(named, tried))
    says = f"{project}: {target} can be reached from {listed(free)}, but not from {listed(stuck, 'or')}"
    advice = (
        f"what {_by(named.by)} asks of an issue there is given up; add a transition, unless that is as it should be"
    )
    return warning(says, advice)


def _has_way(sample: Sample, target: str) -> bool:
    return any(fold(way.to) == fold(target) and not way.demands for way in sample.ways)


def _no_way(sample: Sample, target: str) -> str:
    """Say why an issue does not get there, as far as there is more to say than that."""
    way = next((way for way in sample.ways if fold(way.to) == fold(target)), None)
    return f": “{way.name}” demands {listed(way.demands)}" if way else ""


def find(there: Workflows, name: str) -> Status | None:
    return next((each for each in there.statuses if fold(each.name) == fold(name)), None)


def _way_out(named: NamedStatus, tried: Sequence[Sample]) -> str:
    if any(way.demands and fold(way.to) == fold(named.status) for sample in tried for way in sample.ways):
        return "jira-sync fills nothing in on a transition's screen: make the field optional there, or take it off"
    offered = listed(sorted({way.to for sample in tried for way in sample.ways}))
    return f"our account is offered {offered}: add a transition, or change the target of {_by(named.by)}"


def _nearest(named: NamedStatus, there: Workflows) -> str:
    names = {fold(each.name): each.name for each in there.statuses}
    near = difflib.get_close_matches(fold(named.status), names, n=1)
    return f"did you mean {names[near[0]]}?" if near else f"it has {listed(names.values())}"


def _by(names: Iterable[str]) -> str:
    """Name rules by their ids, and fields by their names."""
    return listed(name if name in FIELDS else f"rule {name}" for name in names)
