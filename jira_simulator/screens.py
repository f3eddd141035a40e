"""What may be set on an issue, and what Jira says of the rest. What decides here needs no site."""

from __future__ import annotations

from typing import Any

from jira_simulator.model import IssueType, JiraError, Project

LONGEST_SUMMARY = 255
LONGEST_TEXT = 32_767
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


def type_named(project: Project, reference: dict[str, Any]) -> IssueType | None:
    wanted = (str(reference.get("id")), str(reference.get("name", "")).lower())
    return next((each for each in project.types if each.id == wanted[0] or each.name.lower() == wanted[1]), None)


def priority_named(fields: dict[str, Any]) -> str | None:
    reference = fields.get("priority") or {}
    ids = {str(index + 1): name for index, name in enumerate(PRIORITIES)}
    return reference.get("name") or ids.get(str(reference.get("id")))


def check_objects(fields: dict[str, Any]) -> None:
    names = ("project", "issuetype", "priority")
    if wrong := [name for name in names if not isinstance(fields.get(name, {}), dict | None)]:
        raise JiraError(400, **dict.fromkeys(wrong, "data was not an object"))


def check_fields(project: Project, fields: dict[str, Any], issue_type: IssueType | None) -> None:
    """Raises JiraError, with all that is wrong."""
    errors = {"summary": fault} if (fault := _summary_fault(fields.get("summary"))) else {}
    if issue_type is None:
        errors["issuetype"] = "The issue type selected is invalid."
    elif issue_type.is_subtask and not fields.get("parent"):
        errors["parent"] = "Issue type is a sub-task but parent issue key or id not specified."
    for name in fields:
        if name not in ("project", "issuetype", "summary", "parent", *project.screen):
            errors[name] = NOT_ON_SCREEN.format(name)
    for name in project.required:
        if not fields.get(name):
            errors[name] = f"{name} is required."
    faults = {"labels": _labels_fault(fields.get("labels")), "description": text_fault(fields.get("description"))}
    errors |= {name: fault for name, fault in faults.items() if fault}
    if fields.get("priority") and priority_named(fields) not in PRIORITIES:
        errors["priority"] = "The priority selected is invalid."
    if errors:
        raise JiraError(400, **errors)


def _labels_fault(labels: Any) -> str | None:
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return "data was not an array of strings"
    has_space = any(not label or any(letter.isspace() for letter in label) for label in labels)
    return "The label contains spaces which is invalid." if has_space else None


def text_fault(text: Any) -> str | None:
    if text is not None and not isinstance(text, str):
        return "Operation value must be a string"  # a document of version 3 is no text of version 2
    if text is not None and len(text) > LONGEST_TEXT:
        return f"The entered text is too long. It exceeds the allowed limit of {LONGEST_TEXT:,} characters."
    return None


def _summary_fault(summary: Any) -> str | None:
    if not isinstance(summary, str) or not summary.strip():
        return "You must specify a summary of the issue."
    if "\n" in summary:
        return "The summary is invalid because it contains newline characters."
    return "Summary can't exceed 255 characters." if len(summary) > LONGEST_SUMMARY else None
