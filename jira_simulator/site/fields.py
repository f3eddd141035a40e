"""Which values the fields of an issue accept, and Jira's messages for the others. Nothing here needs a site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jira_simulator.site.model import JiraError, SimulatedIssueType, SimulatedProject

LONGEST_SUMMARY = 255
LONGEST_TEXT = 32_767
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
LAST_OF_ONE_UNIT = 0xFFFF
NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of {} characters."


@dataclass(frozen=True)
class LongestText:
    """How long descriptions and comments may be, and what Jira says of a longer one; `units` 0 means no limit.

    On Data Center it is the setting `jira.text.field.character.limit`. {} in the message stands for the number.
    """

    units: int = LONGEST_TEXT
    message: str = TOO_LONG

    def error(self, text: Any) -> str | None:
        """Return what is wrong with a text; None when nothing is."""
        if text is not None and not isinstance(text, str):
            return "Operation value must be a string"  # version 3 of the API has documents here, version 2 has text
        is_too_long = text is not None and 0 < self.units < length(text)
        return self.message.replace("{}", f"{self.units:,}") if is_too_long else None


def length(text: str) -> int:
    """Return the length of a text as Java counts it: in units of UTF-16, so that an emoji counts as two."""
    return len(text) + sum(ord(letter) > LAST_OF_ONE_UNIT for letter in text)


def type_named(project: SimulatedProject, reference: dict[str, Any]) -> SimulatedIssueType | None:
    """Return the project's issue type that `reference` names by id or name."""
    identity, name = str(reference.get("id")), str(reference.get("name", "")).lower()
    found = (issue_type for issue_type in project.types if issue_type.id == identity or issue_type.name.lower() == name)
    return next(found, None)


def priority_named(fields: dict[str, Any]) -> str | None:
    """Return the name of the priority in `fields`, which name it by name or id."""
    reference = fields.get("priority") or {}
    ids = {str(index + 1): name for index, name in enumerate(PRIORITIES)}
    return reference.get("name") or ids.get(str(reference.get("id")))


def check_objects(fields: dict[str, Any]) -> None:
    """Raise JiraError for fields that must be objects and are not."""
    names = ("project", "issuetype", "priority")
    if wrong := [name for name in names if not isinstance(fields.get(name, {}), dict | None)]:
        raise JiraError(400, **dict.fromkeys(wrong, "data was not an object"))


def check_fields(
    project: SimulatedProject, fields: dict[str, Any], issue_type: SimulatedIssueType | None, limit: LongestText
) -> None:
    """Raise one JiraError for all that is wrong with `fields`."""
    errors = {"summary": error} if (error := _summary_error(fields.get("summary"))) else {}
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
    texts = {"labels": _labels_error(fields.get("labels")), "description": limit.error(fields.get("description"))}
    errors |= {name: error for name, error in texts.items() if error}
    if fields.get("priority") and priority_named(fields) not in PRIORITIES:
        errors["priority"] = "The priority selected is invalid."
    if errors:
        raise JiraError(400, **errors)


def _labels_error(labels: Any) -> str | None:
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return "data was not an array of strings"
    has_space = any(not label or any(letter.isspace() for letter in label) for label in labels)
    return "The label contains spaces which is invalid." if has_space else None


def _summary_error(summary: Any) -> str | None:
    if not isinstance(summary, str) or not summary.strip():
        return "You must specify a summary of the issue."
    if "\n" in summary or "\r" in summary:
        return "The summary is invalid because it contains newline characters."
    return "Summary can't exceed 255 characters." if length(summary) > LONGEST_SUMMARY else None
