"""What a counterpart looks like when it is created. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sync_worker.core.decisions.long_texts import one_line
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.marks import unmarked
from sync_worker.core.ports import CreateScreen, IssueType


def choose_type(types: Sequence[IssueType], wanted: str | None, source: str) -> IssueType:
    """Return the type for a counterpart: the `wanted` one, else the source's where there is one, else the first.

    Sub-tasks are never chosen unasked: they need a parent. Raises InvalidRequest when the wanted type is not there.
    """
    by_name = {type_.name.casefold(): type_ for type_ in types}
    if wanted is not None:
        if chosen := by_name.get(wanted.casefold()):
            return chosen
        names = ", ".join(type_.name for type_ in types) or "none"
        raise InvalidRequest(f"the target project has no issue type {wanted!r}; it has {names}")
    same = by_name.get(source.casefold())
    if same and not same.is_subtask:
        return same
    standard = next((type_ for type_ in types if not type_.is_subtask), None)
    if standard is None:
        raise InvalidRequest("our account can create no issue in the target project: it offers no issue type")
    return standard


def fields_for(issue: Issue, screen: CreateScreen) -> dict[str, object]:
    """Return the fields to copy, as far as the target's create screen has them.

    No issue can do without a summary. If the source has none that can be shown, its key takes the place.
    """
    summary = one_line(issue.summary)
    fields: dict[str, object] = {"summary": summary if summary.strip() else issue.key}
    if issue.description and "description" in screen.fields:
        fields["description"] = issue.description
    if (labels := unmarked(issue.labels)) and "labels" in screen.fields:
        fields["labels"] = labels
    allowed = {name.casefold(): name for name in screen.priorities}
    if issue.priority and "priority" in screen.fields and issue.priority.casefold() in allowed:
        fields["priority"] = {"name": allowed[issue.priority.casefold()]}
    return fields
