"""From Jira's JSON to our values. Nothing here asks for anything."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issue import Attachment, Candidate, Created, Glimpse, Issue, StatusChange, Transition
from sync_worker.core.ports import Read
from sync_worker.core.rate_limit import API_PATH

FIELDS = (
    "project", "issuetype", "summary", "description", "status", "priority", "labels",
    "creator", "created", "updated", "attachment",
)  # fmt: skip


def candidate(data: dict[str, Any]) -> Candidate:
    return Candidate(str(data["id"]), time_of(data["fields"]["updated"]))


def glimpse(data: dict[str, Any]) -> Glimpse:
    fields = data["fields"]
    status, description = fields["status"]["name"], fields.get("description")
    return Glimpse(str(data["id"]), data["key"], status, time_of(fields["updated"]), description)


def issue(data: dict[str, Any]) -> Issue:
    """Return the issue in `data`, read with FIELDS and, for its history, `expand=changelog`."""
    fields = data["fields"]
    changelog = data.get("changelog") or {}
    entries = changelog.get("histories") or []
    status = fields["status"]
    return Issue(
        id=str(data["id"]),
        key=data["key"],
        project_id=str(fields["project"]["id"]),
        issue_type=fields["issuetype"]["name"],
        summary=fields["summary"],
        description=fields.get("description"),
        status=status["name"],
        is_done=status.get("statusCategory", {}).get("key") == "done",
        priority=(fields.get("priority") or {}).get("name"),
        labels=tuple(fields.get("labels") or ()),
        creator=account(fields.get("creator") or {}),
        created=time_of(fields["created"]),
        updated=time_of(fields["updated"]),
        attachments=tuple(attachment(each) for each in fields.get("attachment") or ()),
        changes=status_changes(entries),
        history_from=_history_from(changelog, entries),
    )


def issues(found: Iterable[dict[str, Any]]) -> Read:
    """Return the issues in an answer; one that cannot be understood does not take the others with it."""
    read = Read([], {})
    for data in found:
        if "error" in data:
            read.unprocessable[str(data["id"])] = data["error"]
            continue
        try:
            read.issues.append(issue(data))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"Jira's answer for {data.get('key')} cannot be understood: {type(error).__name__} {error}"
            read.unprocessable[str(data["id"])] = why
    return read


def creations(answer: dict[str, Any], count: int) -> list[Created | InvalidRequest]:
    """Return what became of each of `count` issues that were to be created in bulk.

    The list of those that were is compacted; the errors say which ones are missing from it. Raises Unavailable,
    ambiguous, when the two do not add up, and InvalidRequest when the request as a whole was refused.
    """
    errors = answer.get("errors")
    if not isinstance(errors, list):
        if answer.get("issues"):
            raise Unavailable("the answer to a bulk creation cannot be understood", ambiguous=True)
        raise InvalidRequest(f"POST {API_PATH}/issue/bulk: 400 {explanation(answer)}", status=400)
    outcome: list[Created | InvalidRequest | None] = [None] * count
    for error in errors:
        number, status = error.get("failedElementNumber"), error.get("status") or 400
        if not isinstance(number, int) or not 0 <= number < count:
            raise Unavailable("the answer to a bulk creation cannot be understood", ambiguous=True)
        why = explanation(error.get("elementErrors") or {}) or "no reason is given"
        outcome[number] = InvalidRequest(f"POST {API_PATH}/issue/bulk: {status} {why}", status=status, final=True)
    created = [Created(str(each["id"]), each["key"]) for each in answer.get("issues") or ()]
    if len(created) != outcome.count(None):
        raise Unavailable("the answer to a bulk creation does not add up", ambiguous=True)
    rest = iter(created)
    return [each or next(rest) for each in outcome]


def explanation(body: dict[str, Any]) -> str:
    """Return what an error of Jira's says is wrong, in one line."""
    errors = body.get("errors") or {}
    fields = [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, dict) else []
    parts = [*(body.get("errorMessages") or []), *fields, body.get("message") or ""]
    return " ".join("; ".join(str(part) for part in parts if part).split())


def status_changes(entries: Iterable[dict[str, Any]]) -> tuple[StatusChange, ...]:
    """Return the status changes among the entries of a changelog, oldest first."""
    changes = [
        StatusChange(
            id=str(entry["id"]),
            at=time_of(entry["created"]),
            author=account(entry.get("author") or {}),
            from_status=item.get("fromString") or "",
            to_status=item.get("toString") or "",
        )
        for entry in entries
        for item in entry.get("items", ())
        if item.get("fieldId", item.get("field")) == "status"
    ]
    return tuple(sorted(changes, key=lambda change: (change.at, int(change.id) if change.id.isdigit() else 0)))


def account(user: dict[str, Any]) -> str | None:
    """Return what identifies a user: `accountId` on Cloud, `key` on Data Center."""
    return user.get("accountId") or user.get("key") or user.get("name")


def attachment(data: dict[str, Any]) -> Attachment:
    # The id is a number in some answers and a string in others.
    author = account(data.get("author") or {})
    return Attachment(str(data["id"]), data["filename"], int(data["size"]), data.get("mimeType") or "", author)


def transition(data: dict[str, Any]) -> Transition:
    return Transition(str(data["id"]), data["name"], data["to"]["name"])


def time_of(text: str) -> datetime:
    """Return an aware datetime for `2024-11-29T10:44:51.887+0000`. Raises ValueError when there is no zone."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time without a zone says nothing")
    return value


def _history_from(changelog: dict[str, Any], entries: list[dict[str, Any]]) -> datetime | None:
    """Return the time before which the history may have gaps: bulk reads hold the newest 40 entries."""
    if len(entries) >= changelog.get("total", len(entries)):
        return None
    return min(time_of(entry["created"]) for entry in entries) if entries else None
