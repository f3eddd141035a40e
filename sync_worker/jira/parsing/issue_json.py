"""Turns Jira's JSON of issues, their histories and their files into our values.

One issue among others that cannot be understood is said by itself; see `issues`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.issue import (
    MARKER,
    NOT_SHOWN,
    Attachment,
    Candidate,
    Glimpse,
    Issue,
    MarkedIssue,
    StatusChange,
)
from sync_worker.core.issues.marks import label_in
from sync_worker.core.ports import Read
from sync_worker.core.timing import LATEST
from sync_worker.jira.parsing import shapes

FIELDS = (
    "project", "issuetype", "summary", "description", "status", "priority", "labels",
    "creator", "created", "updated", "attachment",
)  # fmt: skip
"""The fields of an issue that a direct read asks for."""
ALWAYS_THERE = {"project": dict, "issuetype": dict, "status": dict, "summary": str, "created": str, "updated": str}
"""Fields without which there is no issue, and what they are in JSON."""


def candidate(data: Mapping[str, Any]) -> Candidate:
    return Candidate(shapes.identity(data), _time_shown(data), _key_shown(data))


def glimpse(data: Mapping[str, Any]) -> Glimpse:
    """Return what search shows. What cannot be understood is such that the issue has to be read."""
    fields = data.get("fields") or {}
    status, description = (fields.get("status") or {}).get("name") or "", fields.get("description")
    try:
        words = shapes.text(description)
    except shapes.ODD:
        words = None
    return Glimpse(
        shapes.identity(data), _key_shown(data) or "", shapes.label(status), _time_shown(data) or LATEST, words
    )


def marker(data: Mapping[str, Any]) -> object:
    """Return the marker in what an answer shows of an issue: a property, or a label in its place.

    NOT_SHOWN when it shows no properties, and no such label.
    """
    shown, fields = data.get("properties"), data.get("fields")
    if isinstance(shown, dict) and shown.get(MARKER) is not None:
        return shown[MARKER]
    if isinstance(fields, dict) and (mark := label(data)):
        return mark
    return None if isinstance(shown, dict) else NOT_SHOWN


def label(data: Mapping[str, Any]) -> str | None:
    """Return the label of an issue that is a mark."""
    return label_in(label for label in data["fields"].get("labels") or () if isinstance(label, str))


def marked_issue(data: Mapping[str, Any]) -> MarkedIssue:
    creator = shapes.account(data["fields"].get("creator") or {})
    return MarkedIssue(shapes.identity(data), shapes.time_of(data["fields"]["created"]), creator, marker(data))


def issue(data: Mapping[str, Any]) -> Issue:
    """Return the issue in `data`, read with FIELDS and, for its history, `expand=changelog`."""
    fields = data["fields"]
    changelog = data.get("changelog") or {}
    entries = changelog.get("histories") or []
    status = fields["status"]
    return Issue(
        id=shapes.identity(data),
        key=shapes.key(data),
        project_id=shapes.identity(fields["project"]),
        issue_type=shapes.string(fields["issuetype"]["name"]),
        summary=shapes.text(fields["summary"]) or "",
        description=shapes.text(fields.get("description")),
        status=shapes.label(status["name"]),
        status_id=shapes.name_of(str(status.get("id") or "")),
        is_done=(status.get("statusCategory") or {}).get("key") == "done",
        priority=(fields.get("priority") or {}).get("name"),
        labels=tuple(shapes.string(label) for label in fields.get("labels") or ()),
        creator=shapes.account(fields.get("creator") or {}),
        created=shapes.time_of(fields["created"]),
        updated=shapes.time_of(fields["updated"]),
        attachments=tuple(attachment(file) for file in fields.get("attachment") or ()),
        changes=status_changes(entries),
        history_from=_history_from(changelog, entries),
        had_other_key=any(item.get("field") == "Key" for entry in entries for item in entry.get("items") or ()),
        marker=marker(data),
    )


def an_issue(data: Any) -> dict[str, Any]:
    """Return the JSON of one issue, of which at least the id is known."""
    shapes.identity(shapes.an_object(data))
    return shapes.an_object(data)


def property_value(data: Any) -> Any:
    return data["value"]


def understood(data: Mapping[str, Any]) -> Issue:
    """Return the issue in `data`. Raises InvalidRequest when it cannot be understood, although it is an issue."""
    try:
        return issue(data)
    except shapes.ODD as error:
        name = _key_shown(data) or shapes.identity(data)
        raise InvalidRequest(f"Jira's answer for {name} cannot be understood: {_odd_part(data)}") from error


def _key_shown(data: Mapping[str, Any]) -> str | None:
    """Return the key that an answer shows; None when it shows none. The id says which issue it is."""
    try:
        return shapes.key(data)
    except shapes.ODD:
        return None


def _odd_part(data: Mapping[str, Any]) -> str:
    """Say what is odd about an issue, as far as it is about what every issue has."""
    if _key_shown(data) is None:
        return "its key is none"
    fields = data.get("fields")
    if not isinstance(fields, dict):
        return "it has no fields"
    for name, kind in ALWAYS_THERE.items():
        if not isinstance(value := fields.get(name), kind):
            return f"its {name} is {'missing' if value is None else 'not as Jira gives it'}"
    return "one of its fields is not as Jira gives it"


def issues(found: Iterable[Mapping[str, Any]]) -> Read:
    """Return the issues in an answer, and separately those that cannot be understood."""
    read = Read([], {})
    for data in found:
        try:
            read.issues.append(understood(data))
        except InvalidRequest as error:
            read.unprocessable[shapes.identity(data)] = str(error)
    return read


def status_changes(entries: Iterable[Mapping[str, Any]]) -> tuple[StatusChange, ...]:
    """Return the status changes among the entries of a changelog, oldest first."""
    return in_order(change for entry in entries for change in changes_in_entry(entry))


def changes_in_entry(entry: Mapping[str, Any]) -> list[StatusChange]:
    """Return the status changes in one entry of a changelog."""
    return [
        StatusChange(
            id=str(entry["id"]),
            at=shapes.time_of(entry["created"]),
            author=shapes.account(entry.get("author") or {}),
            from_status=shapes.label(item.get("fromString") or ""),
            to_status=shapes.label(item.get("toString") or ""),
            from_id=str(item.get("from") or ""),
            to_id=str(item.get("to") or ""),
        )
        for item in entry.get("items") or ()
        if _is_status(item)
    ]


def files_removed(data: Mapping[str, Any]) -> list[list[tuple[str, str]]]:
    """Return the ids and names of the files that the changelog of an issue says were removed, by its entries."""
    return [files_removed_in_entry(entry) for entry in (data.get("changelog") or {}).get("histories") or ()]


def files_removed_in_entry(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the ids and names of the files that one entry of a changelog says were removed."""
    items = (item for item in entry.get("items") or () if _is_about("attachment", item))
    removed = (item for item in items if item.get("from") and not item.get("to"))
    return [(str(item["from"]), shapes.string(item.get("fromString") or "")) for item in removed]


def in_order(changes: Iterable[StatusChange]) -> tuple[StatusChange, ...]:
    """Return the changes, oldest first."""
    return tuple(sorted(changes, key=lambda change: (change.at, int(change.id) if change.id.isdigit() else 0)))


def _is_status(item: Mapping[str, Any]) -> bool:
    """Tell whether an item of a changelog says that the status changed.

    A transition that leads back to where it began changes nothing.
    """
    return _is_about("status", item) and (item.get("from") is None or item.get("from") != item.get("to"))


def _is_about(field: str, item: Mapping[str, Any]) -> bool:
    """Tell whether an item of a changelog is about one of Jira's own fields. A custom field may have that name."""
    name = item.get("fieldId") or item.get("field")
    return isinstance(name, str) and name.lower() == field and item.get("fieldtype") != "custom"


def _time_shown(data: Mapping[str, Any]) -> datetime | None:
    """Return the `updated` of a match of search; None when there is none that can be understood."""
    try:
        return shapes.time_of((data.get("fields") or {})["updated"])
    except shapes.ODD:
        return None


def _history_from(changelog: Mapping[str, Any], entries: list[dict[str, Any]]) -> datetime | None:
    """Return the time before which changes may be missing; None when none are. A bulk read gives the newest 40."""
    if len(entries) >= (changelog.get("total") or len(entries)):
        return None
    return min(shapes.time_of(entry["created"]) for entry in entries) if entries else None


def attachment(data: Mapping[str, Any]) -> Attachment:
    created = data.get("created")
    return Attachment(
        id=shapes.identity(data),
        filename=shapes.string(data["filename"]),
        size=int(data["size"]),
        mime_type=data.get("mimeType") or "",
        author=shapes.account(data.get("author") or {}),
        created=shapes.time_of(created) if created else None,
    )


def uploaded(data: Any) -> Attachment:
    """Return the one file that an upload has filed."""
    (filed,) = shapes.objects(data)
    return attachment(filed)
