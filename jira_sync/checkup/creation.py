"""Whether counterparts can be created as the rules want them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from jira_sync.checkup.finding import Finding, failed, listed, passed, warning
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.ports import IssueType
from sync_worker.core.site_info import Field
from sync_worker.facets.fields import choose_type

ALWAYS_FILLED = frozenset({"project", "issuetype", "summary"})
OFTEN_FILLED = frozenset({"description", "labels", "priority"})
"""Where the source has a value, and the screen the field."""
REPORTER = "reporter"


def choose(
    project: str, wanted: Iterable[str | None], creatable: Sequence[IssueType], sources: Sequence[str]
) -> tuple[list[IssueType], list[Finding]]:
    """Return the types that issues are created as, and what there is to say of them.

    `wanted`: as `needs.issue_types` gives it; `sources`: the types of the issues that get counterparts.
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
    """Say which fields Jira demands of new issues that jira-sync does not fill in."""
    fine = []
    for kind, fields in shown.items():
        if found := list(_screen(project, kind, fields, is_cloud=is_cloud)):
            yield from found
        else:
            fine.append(kind.name)
    if fine:
        yield passed(f"{project} demands no more of a new {listed(fine, 'or')} than jira-sync fills in")


def _screen(project: str, kind: IssueType, fields: Iterable[Field], *, is_cloud: bool) -> Iterator[Finding]:
    demanded = [each for each in fields if each.is_demanded and each.id not in ALWAYS_FILLED]
    sometimes = [each for each in demanded if each.id in OFTEN_FILLED]
    never = [each for each in demanded if each.id not in {*OFTEN_FILLED, REPORTER}]
    where = f"{kind.name} in {project}"
    if never:
        names = listed(f"{each.name} ({each.id})" for each in never)
        advice = "make it optional there, or give it a default, or have another type created: issueType"
        yield failed(f"a new {where} must have {names}, which jira-sync does not fill in", advice)
    if sometimes:
        names = listed(each.name for each in sometimes)
        advice = "issues without it get no counterpart; make it optional there if that is not wanted"
        yield warning(f"a new {where} must have {names}, which is filled in only where the source has it", advice)
    if not is_cloud and any(each.id == REPORTER for each in demanded):
        advice = "if issues are given up with “Reporter is required”, make it optional there; our account is meant"
        yield warning(f"a new {where} must have a Reporter, which not every Data Center fills in by itself", advice)
