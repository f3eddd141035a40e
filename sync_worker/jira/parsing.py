"""Turns Jira's JSON into our values. It makes no requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issue import Attachment, Candidate, Created, Glimpse, Issue, StatusChange, Transition
from sync_worker.core.ports import CreateScreen, IssueType, Read
from sync_worker.core.rate_limit import API_PATH
from sync_worker.core.site_info import Server
from sync_worker.core.timing import EARLIEST, LATEST

FIELDS = (
    "project", "issuetype", "summary", "description", "status", "priority", "labels",
    "creator", "created", "updated", "attachment",
)  # fmt: skip
"""The fields of an issue that a direct read asks for."""
BULK_CREATION = f"POST {API_PATH}/issue/bulk"


def server(data: Mapping[str, Any]) -> Server:
    return Server(data.get("deploymentType") == "Cloud", str(data.get("version") or ""))


def candidate(data: dict[str, Any]) -> Candidate:
    return Candidate(str(data["id"]), _time_shown(data), data.get("key"))


def glimpse(data: dict[str, Any]) -> Glimpse:
    """Return what search shows. What cannot be understood is such that the issue has to be read."""
    fields = data.get("fields") or {}
    status, description = (fields.get("status") or {}).get("name") or "", fields.get("description")
    return Glimpse(str(data["id"]), data["key"], status, _time_shown(data) or LATEST, description)


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
        attachments=tuple(attachment(file) for file in fields.get("attachment") or ()),
        changes=status_changes(entries),
        history_from=_history_from(changelog, entries),
    )


def issues(found: Iterable[dict[str, Any]]) -> Read:
    """Return the issues in an answer, and separately those that cannot be understood."""
    read = Read([], {})
    for data in found:
        try:
            read.issues.append(issue(data))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"Jira's answer for {data.get('key')} cannot be understood: {type(error).__name__} {error}"
            read.unprocessable[str(data["id"])] = why
    return read


def created(data: dict[str, Any]) -> Created:
    return Created(str(data["id"]), data["key"])


def creations(answer: dict[str, Any], count: int) -> list[Created | InvalidRequest]:
    """Return what became of each of `count` issues that one request was to create.

    The answer lists the created issues without gaps. Its errors say by number which issues are missing from that list.
    Raises Unavailable, ambiguous, when the two do not add up to `count`, and InvalidRequest when Jira has refused the
    request as a whole.
    """
    errors = answer.get("errors")
    if not isinstance(errors, list):
        if answer.get("issues"):
            raise Unavailable("the answer to a bulk creation cannot be understood", ambiguous=True)
        raise InvalidRequest(f"{BULK_CREATION}: 400 {explanation(answer)}", status=400)
    outcomes: list[Created | InvalidRequest | None] = [None] * count
    for error in errors:
        number, status = error.get("failedElementNumber"), error.get("status") or 400
        if not isinstance(number, int) or not 0 <= number < count:
            raise Unavailable("the answer to a bulk creation cannot be understood", ambiguous=True)
        why = explanation(error.get("elementErrors") or {}) or "no reason is given"
        outcomes[number] = InvalidRequest(f"{BULK_CREATION}: {status} {why}", status=status, final=True)
    succeeded = [created(data) for data in answer.get("issues") or ()]
    if len(succeeded) != outcomes.count(None):
        raise Unavailable("the answer to a bulk creation does not add up", ambiguous=True)
    rest = iter(succeeded)
    return [outcome or next(rest) for outcome in outcomes]


def explanation(body: dict[str, Any]) -> str:
    """Return what the body of an error says is wrong, in one line."""
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
    """Return the id of an account: `accountId` on Cloud, `key` on Data Center. None when there is none."""
    return user.get("accountId") or user.get("key") or user.get("name")


def attachment(data: dict[str, Any]) -> Attachment:
    # In some answers the id is a number, in others a string.
    author = account(data.get("author") or {})
    return Attachment(str(data["id"]), data["filename"], int(data["size"]), data.get("mimeType") or "", author)


def transition(data: dict[str, Any]) -> Transition:
    return Transition(str(data["id"]), data["name"], data["to"]["name"])


def issue_type(data: Mapping[str, Any]) -> IssueType:
    return IssueType(str(data["id"]), data["name"], bool(data.get("subtask")))


def create_screen(found: Iterable[dict[str, Any]]) -> CreateScreen:
    """Return the create screen that consists of these fields."""
    fields = {field_id(data): data for data in found}
    priorities = fields.get("priority", {}).get("allowedValues") or ()
    return CreateScreen(frozenset(fields), tuple(priority["name"] for priority in priorities))


def field_id(data: Mapping[str, Any]) -> str:
    """Return the id of a field of a create screen. Older sites call it `key`."""
    return str(data.get("fieldId") or data.get("key"))


def upload_limit(meta: Mapping[str, Any]) -> int | None:
    """Return the largest attachment in bytes: 0 where attachments are switched off, None where Jira does not say."""
    if not meta.get("enabled", True):
        return 0
    limit = meta.get("uploadLimit")
    return int(limit) if isinstance(limit, int) and limit > 0 else None


def missing_permissions(answer: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Return those among `names` that an answer to `mypermissions` says our account does not have."""
    permissions = answer.get("permissions") or {}
    return {name for name in names if not (permissions.get(name) or {}).get("havePermission", True)}


def time_of(text: str) -> datetime:
    """Parse a time such as `2024-11-29T10:44:51.887+0000`. Raises ValueError when it has no zone.

    A time at the end of what can be told, as an import may have left it, is brought so far from there that one can
    reckon with it.
    """
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time without a zone says nothing")
    return min(max(value, EARLIEST), LATEST)


def _time_shown(data: Mapping[str, Any]) -> datetime | None:
    """Return the `updated` of a match of search; None when there is none that can be understood."""
    try:
        return time_of((data.get("fields") or {})["updated"])
    except (KeyError, TypeError, ValueError):
        return None


def _history_from(changelog: dict[str, Any], entries: list[dict[str, Any]]) -> datetime | None:
    """Return the time before which changes may be missing; None when none are. A bulk read gives the newest 40."""
    if len(entries) >= changelog.get("total", len(entries)):
        return None
    return min(time_of(entry["created"]) for entry in entries) if entries else None
