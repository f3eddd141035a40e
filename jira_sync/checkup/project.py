"""The two projects of a sync: whether they let our account do what the rules ask for."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from jira_sync.checkup import creation, workflow
from jira_sync.checkup.finding import Finding, failed, listed, of_error, passed, warning
from sync_model.definition import Side, Sync
from sync_worker.core.errors import SyncError
from sync_worker.core.permissions import Permission
from sync_worker.core.site_info import Project, Workflows
from sync_worker.facets import permissions
from sync_worker.jira.survey import Survey

MEGABYTE = 1024 * 1024
MOST_SHOWN = 20


@dataclass(frozen=True)
class Ground:
    """What stands firm about one side before anything more is asked."""

    survey: Survey
    project: Project
    missing: frozenset[str]
    workflows: Workflows


def examine(sync: Sync, surveys: Mapping[Side, Survey | None]) -> dict[Side, list[Finding]]:
    """Return what there is to say of each side; nothing of one whose site was not reached."""
    findings: dict[Side, list[Finding]] = {side: [] for side in Side}
    grounds: dict[Side, Ground] = {}
    for side, survey in surveys.items():
        with _told_in(findings[side]):
            if survey and (found := _ground(sync, side, survey, findings[side])):
                grounds[side] = found
    for side, ground in grounds.items():
        with _told_in(findings[side]):
            for finding in _of_side(sync, side, ground, grounds.get(side.other)):
                findings[side].append(finding)
    return findings


@contextmanager
def _told_in(findings: list[Finding]) -> Iterator[None]:
    """Let what the site does not answer be a finding, after which it is asked no more."""
    try:
        yield
    except SyncError as error:
        findings.append(of_error(error))


def _ground(sync: Sync, side: Side, survey: Survey, findings: list[Finding]) -> Ground | None:
    key = sync.project_key(side)
    project = survey.project(key)
    if project is None:
        findings.append(_no_project(key, survey))
        return None
    named = f", and is called {project.key} now" if project.key.upper() != key.upper() else ""
    findings.append(passed(f"{key} is there: {project.name}{named}"))
    wanted = permissions.permissions(sync, side)
    missing = frozenset(survey.missing_permissions(project, wanted))
    for name in sorted(name for name in Permission if name in missing):
        says = f"our account may not {name.may} in {key}, as {listed(wanted[name])} asks"
        findings.append(failed(says, f"grant it {name} in the permission scheme of {key}"))
    if granted := [name.may for name in Permission if name in wanted and name not in missing]:
        findings.append(passed(f"our account may {listed(granted)} in {key}"))
    return Ground(survey, project, missing, survey.workflows(project))


def _no_project(key: str, survey: Survey) -> Finding:
    seen = sorted(each.key for each in survey.projects())
    near = difflib.get_close_matches(key.upper(), seen, n=1)
    hint = (
        f"did you mean {near[0]}?" if near else f"it sees {listed(seen[:MOST_SHOWN])}{', …' * (len(seen) > MOST_SHOWN)}"
    )
    return failed(
        f"there is no project {key}, or our account may not see it",
        f"{hint} If {key} is right, let our account see it (BROWSE_PROJECTS)"
        if near
        else f"{hint}; let it see {key} too",
    )


def _of_side(sync: Sync, side: Side, here: Ground, there: Ground | None) -> Iterator[Finding]:
    key = here.project.key
    yield from workflow.sources(key, permissions.source_statuses(sync, side), here.workflows)
    types = [each.name for each in here.workflows.types if not each.is_subtask]
    if wanted := permissions.issue_types(sync, side) if Permission.CREATE not in here.missing else []:
        # Of a project that is not seen nothing is known: what becomes of its types is told when it is.
        sources = [each.name for each in there.workflows.types] if there else []
        chosen, findings = creation.choose(key, wanted, here.survey.creatable_types(here.project), sources)
        yield from findings
        shown = {kind: here.survey.create_screen(here.project, kind) for kind in chosen}
        yield from creation.screens(key, shown, is_cloud=here.survey.server.is_cloud)
        types = [each.name for each in chosen]
    yield from _moves(sync, side, here, there, types)
    if permissions.copies_files(sync, side):
        yield _files(sync, side, here, there)


def _moves(sync: Sync, side: Side, here: Ground, there: Ground | None, types: list[str]) -> Iterator[Finding]:
    key, named = here.project.key, permissions.target_statuses(sync, side)
    may_move = Permission.TRANSITION not in here.missing
    samples = here.survey.samples(here.project, here.workflows.statuses) if named and may_move else None
    yield from workflow.targets(key, named, here.workflows, samples, types)
    if there:
        yield from workflow.followed(key, permissions.followers(sync, side), here.workflows, there.workflows)


def _files(sync: Sync, side: Side, here: Ground, there: Ground | None) -> Finding:
    limit = here.survey.upload_limit()
    if limit == 0:
        advice = "have them switched on (Jira settings, attachments), or take syncAttachments out of the file"
        return failed("attachments are switched off on this site, but rules copy files", advice)
    if limit is None:
        return passed("it takes attachments, and names no limit to their size")
    others = there.survey.upload_limit() if there else None
    if others and others > limit:
        says = (
            f"it takes attachments of up to {_size(limit)}; {sync.project_key(side.other)} takes up to {_size(others)}"
        )
        return warning(says, "larger files are not copied, and are given up; raise the limit here if need be")
    return passed(f"it takes attachments of up to {_size(limit)}")


def _size(count: int) -> str:
    return f"{count / MEGABYTE:.3g} MB"
