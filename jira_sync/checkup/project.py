"""Checks the two projects of a sync: whether our account can do there what the rules ask for."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from jira_sync.checkup import creation, workflow
from jira_sync.checkup.finding import Finding, failed, listed, of_error, passed, warning
from sync_model.definition.sync import Side, Sync
from sync_worker.core.errors import SyncError
from sync_worker.core.permissions import Permission
from sync_worker.core.site_info import Project, Workflows
from sync_worker.facets import permissions
from sync_worker.jira.survey import Survey

MEGABYTE = 1024 * 1024
MOST_SHOWN = 20


@dataclass(frozen=True)
class ProjectFacts:
    """The facts about one project that all further checks need. `missing` are permissions that our account lacks."""

    survey: Survey
    project: Project
    missing: frozenset[str]
    workflows: Workflows


def check_projects(sync: Sync, surveys: Mapping[Side, Survey | None]) -> dict[Side, list[Finding]]:
    """Return the findings about each side. There are none about a side without a survey."""
    findings: dict[Side, list[Finding]] = {side: [] for side in Side}
    facts: dict[Side, ProjectFacts] = {}
    for side, survey in surveys.items():
        with _errors_as_findings(findings[side]):
            if survey and (facts_of_side := _find_project(sync, side, survey, findings[side])):
                facts[side] = facts_of_side
    for side, own in facts.items():
        with _errors_as_findings(findings[side]):
            # One by one, so that the findings before an error are kept.
            for finding in _check_side(sync, side, own, facts.get(side.other)):
                findings[side].append(finding)
    return findings


@contextmanager
def _errors_as_findings(findings: list[Finding]) -> Iterator[None]:
    """Add an error of the site to the findings. The rest of the block, which would ask the site more, is skipped."""
    try:
        yield
    except SyncError as error:
        findings.append(of_error(error))


def _find_project(sync: Sync, side: Side, survey: Survey, findings: list[Finding]) -> ProjectFacts | None:
    """Return the facts about the project of a side, or None if our account does not see it. Adds to `findings`."""
    key = sync.project_key(side)
    project = survey.project(key)
    if project is None:
        findings.append(_no_project(key, survey))
        return None
    renamed = f", and is called {project.key} now" if project.key.upper() != key.upper() else ""
    findings.append(passed(f"{key} is there: {project.name}{renamed}"))
    wanted = permissions.permissions(sync, side)
    missing = frozenset(survey.missing_permissions(project, wanted))
    for name in sorted(name for name in Permission if name in missing):
        says = f"our account may not {name.may} in {key}, as {listed(wanted[name])} asks"
        findings.append(failed(says, f"grant it {name} in the permission scheme of {key}"))
    if granted := [name.may for name in Permission if name in wanted and name not in missing]:
        findings.append(passed(f"our account may {listed(granted)} in {key}"))
    return ProjectFacts(survey, project, missing, survey.workflows(project))


def _no_project(key: str, survey: Survey) -> Finding:
    visible = sorted(project.key for project in survey.projects())
    nearest = difflib.get_close_matches(key.upper(), visible, n=1)
    more = ", …" if len(visible) > MOST_SHOWN else ""
    hint = f"did you mean {nearest[0]}?" if nearest else f"it sees {listed(visible[:MOST_SHOWN])}{more}"
    return failed(
        f"there is no project {key}, or our account may not see it",
        f"{hint} If {key} is right, let our account see it (BROWSE_PROJECTS)"
        if nearest
        else f"{hint}; let it see {key} too",
    )


def _check_side(sync: Sync, side: Side, own: ProjectFacts, other: ProjectFacts | None) -> Iterator[Finding]:
    """Yield the findings about one side. `other` is None if the other project was not found."""
    key = own.project.key
    yield from workflow.sources(key, permissions.source_statuses(sync, side), own.workflows)
    types = [issue_type.name for issue_type in own.workflows.types if not issue_type.is_subtask]
    if wanted := permissions.issue_types(sync, side) if Permission.CREATE not in own.missing else []:
        # The types of a project that was not found are unknown, so nothing is said about their counterparts.
        sources = [issue_type.name for issue_type in other.workflows.types] if other else []
        chosen, findings = creation.choose(key, wanted, own.survey.creatable_types(own.project), sources)
        yield from findings
        shown = {kind: own.survey.create_screen(own.project, kind) for kind in chosen}
        yield from creation.screens(key, shown, is_cloud=own.survey.server.is_cloud)
        types = [issue_type.name for issue_type in chosen]
    yield from _check_moves(sync, side, own, other, types)
    if permissions.copies_files(sync, side):
        yield _check_uploads(sync, side, own, other)


def _check_moves(
    sync: Sync, side: Side, own: ProjectFacts, other: ProjectFacts | None, types: list[str]
) -> Iterator[Finding]:
    key, named = own.project.key, permissions.target_statuses(sync, side)
    may_move = Permission.TRANSITION not in own.missing
    samples = own.survey.samples(own.project, own.workflows.statuses) if named and may_move else None
    yield from workflow.targets(key, named, own.workflows, samples, types)
    if other:
        yield from workflow.namesakes(key, permissions.followers(sync, side), own.workflows, other.workflows)


def _check_uploads(sync: Sync, side: Side, own: ProjectFacts, other: ProjectFacts | None) -> Finding:
    limit = own.survey.upload_limit()
    if limit == 0:
        fields = "syncAttachments" if sync.attachments is None else "attachments and syncAttachments"
        advice = f"have them switched on (Jira settings, attachments), or take {fields} out of the file"
        return failed("attachments are switched off on this site, but rules copy files", advice)
    if limit is None:
        return passed("it takes attachments, and names no limit to their size")
    other_limit = other.survey.upload_limit() if other else None
    if other_limit and other_limit > limit:
        other_takes = f"{sync.project_key(side.other)} takes up to {_size(other_limit)}"
        says = f"it takes attachments of up to {_size(limit)}; {other_takes}"
        instead = "are given up" if sync.attachments is None else "are linked to"
        return warning(says, f"larger files are not copied, and {instead}; raise the limit here if need be")
    return passed(f"it takes attachments of up to {_size(limit)}")


def _size(count: int) -> str:
    return f"{count / MEGABYTE:.3g} MB"
