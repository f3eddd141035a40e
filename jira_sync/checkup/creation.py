"""Checks whether counterparts can be created as the rules want them. Does no input or output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from jira_sync.checkup.finding import Finding, failed, listed, passed, warning
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.ports import IssueType
from sync_worker.core.site_info import Field
from sync_worker.facets.fields import choose_type

ALWAYS_FILLED = frozenset({"project", "issuetype", "summary"})
OFTEN_FILLED = frozenset({"description", "labels", "priority"})
"""Filled in if the source issue has a value and the screen has the field."""
REPORTER = "reporter"


def choose(
    project: str, wanted: Iterable[str | None], creatable: Sequence[IssueType], sources: Sequence[str]
) -> tuple[list[IssueType], list[Finding]]:
    """Return the types of the new issues, and the findings about them.

    `wanted` are the configured types; None stands for the type of the source issue. `sources` are the types that
    source issues have.
    """
    chosen: dict[IssueType, list[str]] = {}
    findings: list[Finding] = []
    for name in wanted:
        for source in ["every issue"] if name else sources:
            try:
                chosen.setdefault(choose_type(creatable, name, source), []).append(source)
            except InvalidRequest as error:
                why = str(error).replace("the target project", project)
                findings.append(failed(why, "mend issueType in the file, or let our account create that type"))
                break
    if chosen:
        becomes = ", ".join(
            f"{listed(dict.fromkeys(names), 'or')} becomes {kind.name}" for kind, names in chosen.items()
        )
        findings.append(passed(f"{project} has the types of new issues: {becomes}"))
    return list(chosen), findings


def screens(project: str, shown: Mapping[IssueType, Sequence[Field]], *, is_cloud: bool) -> Iterator[Finding]:
    """Yield which required fields of new issues jira-sync does not fill in. `shown` are the fields of each type."""
    passing = []
    for kind, fields in shown.items():
        if findings := list(_screen(project, kind, fields, is_cloud=is_cloud)):
            yield from findings
        else:
            passing.append(kind.name)
    if passing:
        yield passed(f"{project} demands no more of a new {listed(passing, 'or')} than jira-sync fills in")


def _screen(project: str, kind: IssueType, fields: Iterable[Field], *, is_cloud: bool) -> Iterator[Finding]:
    demanded = [field for field in fields if field.is_demanded and field.id not in ALWAYS_FILLED]
    sometimes = [field for field in demanded if field.id in OFTEN_FILLED]
    never = [field for field in demanded if field.id not in {*OFTEN_FILLED, REPORTER}]
    where = f"{kind.name} in {project}"
    if never:
        names = listed(f"{field.name} ({field.id})" for field in never)
        advice = "make it optional there, or give it a default, or have another type created: issueType"
        yield failed(f"a new {where} must have {names}, which jira-sync does not fill in", advice)
    if sometimes:
        names = listed(field.name for field in sometimes)
        advice = "issues without it get no counterpart; make it optional there if that is not wanted"
        yield warning(f"a new {where} must have {names}, which is filled in only where the source has it", advice)
    if not is_cloud and any(field.id == REPORTER for field in demanded):
        advice = "if issues are given up with “Reporter is required”, make it optional there; our account is meant"
        yield warning(f"a new {where} must have a Reporter, which not every Data Center fills in by itself", advice)
