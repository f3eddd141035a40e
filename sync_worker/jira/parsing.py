"""Turns Jira's JSON into our values. It makes no requests.

What has another shape than Jira's raises whatever Python raises then, as ODD lists it. `answers.parsed` surrounds all
of it, and makes one error of that. Of one issue among others `issues` says it by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issue import (
    MARKER,
    NOT_SHOWN,
    Attachment,
    Candidate,
    Created,
    Glimpse,
    Issue,
    MarkedIssue,
    StatusChange,
    StatusName,
    Transition,
)
from sync_worker.core.marks import label_in
from sync_worker.core.ports import CreateScreen, IssueType, Read
from sync_worker.core.rate_limit import API_PATH
from sync_worker.core.site_info import Server
from sync_worker.core.timing import EARLIEST, LATEST
from sync_worker.jira.wording import explanation

T = TypeVar("T")

FIELDS = (
    "project", "issuetype", "summary", "description", "status", "priority", "labels",
    "creator", "created", "updated", "attachment",
)  # fmt: skip
"""The fields of an issue that a direct read asks for."""
ALWAYS_THERE = {"project": dict, "issuetype": dict, "status": dict, "summary": str, "created": str, "updated": str}
"""Fields without which there is no issue, and what they are in JSON."""
BULK_CREATION = f"POST {API_PATH}/issue/bulk"
ID = re.compile("[0-9]{1,20}")
KEY = re.compile(r"[^\W\d_]\w*-[0-9]{1,20}")
"""The pattern of keys is a site's own choice; letters, digits and _ are what Jira takes."""
LONGEST_NAME = 255
ODD = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""What comes up in Python when JSON has another shape than Jira's."""


# Shapes


def an_object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TypeError("no object")
    return data


def objects(data: Any) -> list[dict[str, Any]]:
    if not isinstance(data, list):
        raise TypeError("no list")
    return [an_object(item) for item in data]


def identified(data: Any) -> list[dict[str, Any]]:
    """Return the objects in a list, all of which have an id."""
    found = objects(data)
    for item in found:
        identity(item)
    return found


def list_of(make: Callable[[Mapping[str, Any]], T]) -> Callable[[Any], list[T]]:
    """Return a function that makes a value of each object in a list."""
    return lambda data: [make(item) for item in objects(data)]


def nothing(data: Any) -> None:
    """Accept an answer without a body."""
    if data is not None:
        raise ValueError("a body where none is expected")


def identity(data: Mapping[str, Any]) -> str:
    """Return the id of an issue, a comment, a file. In some answers it is a number, in others a string."""
    given = data["id"]
    if isinstance(given, bool) or not ID.fullmatch(str(given)):
        raise ValueError("no id")
    return str(given)


def key(data: Mapping[str, Any]) -> str:
    """Return the key of an issue. It becomes a part of addresses, of searches and of lines for people."""
    given = string(data["key"])
    if len(given) > LONGEST_NAME or not KEY.fullmatch(given):
        raise ValueError("no key")
    return given


def name_of(value: Any) -> str:
    """Return what names an account or a status: a site may choose it freely, but it is one line that can be seen."""
    given = string(value)
    if len(given) > LONGEST_NAME or not given.isprintable():
        raise ValueError("no name")
    return given


def string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def text(value: Any) -> str | None:
    """Return a text. Where a site gives the tree of a rich text in its place, this is the text in that tree."""
    if isinstance(value, dict):
        return "".join(_text_in(value)).strip("\n")
    return None if value is None else string(value)


def _text_in(node: Any) -> Iterable[str]:
    """Yield the pieces of text in a node of Atlassian's document format; a block ends its line."""
    match node:
        case {"type": "text", "text": str(words)}:
            yield words
        case {"type": "mention" | "emoji" | "status", "attrs": {"text": str(words)}}:
            yield words
        case {"type": "inlineCard" | "blockCard", "attrs": {"url": str(address)}}:
            yield address
        case {"type": "hardBreak"}:
            yield "\n"
        case {"type": str(kind)}:
            for child in node.get("content") or ():
                yield from _text_in(child)
            if kind in LINES:
                yield "\n"
        case _:
            raise TypeError("no text")


LINES = frozenset({"paragraph", "heading", "codeBlock", "rule", "tableRow", "mediaSingle", "mediaGroup"})
"""Nodes after which a new line begins."""


# The site, and errors


def server_info(data: Any) -> Server:
    """Return what a site says it is. What says nothing of that is no Jira."""
    if not any(isinstance(data.get(name), str) for name in ("deploymentType", "version", "baseUrl")):
        raise ValueError("no site")
    return server(data)


def server(data: Mapping[str, Any]) -> Server:
    server_id = data.get("serverId")
    try:
        at = time_of(data["serverTime"])
    except ODD:
        at = None
    is_cloud, version = data.get("deploymentType") == "Cloud", str(data.get("version") or "")
    return Server(is_cloud, version, server_id if isinstance(server_id, str) else None, at)


def site_identity(data: Any, name: str) -> str:
    """Return the identity in what a site tells of itself, under `name`."""
    found = string(an_object(data)[name])
    if not found:
        raise ValueError("no identity")
    return found


def global_id(link: Mapping[str, Any]) -> str:
    """Return the global id of a remote link; empty when it has none."""
    return str(link.get("globalId") or "")


def is_error(data: Any, status: int) -> bool:
    """Tell whether `data` is the body of an answer with this `status` as Jira itself gives it.

    Jira's resources answer errors with `errorMessages` and `errors`, what stands around them with `message` and
    `status-code`.
    """
    if not isinstance(data, dict) or data.get("status") not in (None, status):
        return False
    if isinstance(data.get("errorMessages"), list):
        return isinstance(data.get("errors", {}), dict | None)
    return isinstance(data.get("message"), str) and data.get("status-code") == status


def display_name(data: Any) -> str:
    """Return the name of a person, for people; empty when the site does not show it."""
    return str(an_object(data).get("displayName") or "")


def own_account(data: Any) -> str:
    found = account(an_object(data))
    if found is None:
        raise ValueError("nobody")
    return string(found)


def account(user: Mapping[str, Any]) -> str | None:
    """Return the id of an account: `accountId` on Cloud, `key` on Data Center. None when there is none."""
    found = user.get("accountId") or user.get("key") or user.get("name")
    return name_of(found) if found else None


# Issues


def candidate(data: Mapping[str, Any]) -> Candidate:
    return Candidate(identity(data), _time_shown(data), _key_shown(data))


def glimpse(data: Mapping[str, Any]) -> Glimpse:
    """Return what search shows. What cannot be understood is such that the issue has to be read."""
    fields = data.get("fields") or {}
    status, description = (fields.get("status") or {}).get("name") or "", fields.get("description")
    try:
        words = text(description)
    except ODD:
        words = None
    return Glimpse(identity(data), _key_shown(data) or "", string(status), _time_shown(data) or LATEST, words)


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
    creator = account(data["fields"].get("creator") or {})
    return MarkedIssue(identity(data), time_of(data["fields"]["created"]), creator, marker(data))


def issue(data: Mapping[str, Any]) -> Issue:
    """Return the issue in `data`, read with FIELDS and, for its history, `expand=changelog`."""
    fields = data["fields"]
    changelog = data.get("changelog") or {}
    entries = changelog.get("histories") or []
    status = fields["status"]
    return Issue(
        id=identity(data),
        key=key(data),
        project_id=identity(fields["project"]),
        issue_type=string(fields["issuetype"]["name"]),
        summary=text(fields["summary"]) or "",
        description=text(fields.get("description")),
        status=string(status["name"]),
        status_id=name_of(str(status.get("id") or "")),
        is_done=(status.get("statusCategory") or {}).get("key") == "done",
        priority=(fields.get("priority") or {}).get("name"),
        labels=tuple(string(label) for label in fields.get("labels") or ()),
        creator=account(fields.get("creator") or {}),
        created=time_of(fields["created"]),
        updated=time_of(fields["updated"]),
        attachments=tuple(attachment(file) for file in fields.get("attachment") or ()),
        changes=status_changes(entries),
        history_from=_history_from(changelog, entries),
        had_other_key=any(item.get("field") == "Key" for entry in entries for item in entry.get("items") or ()),
        marker=marker(data),
    )


def an_issue(data: Any) -> dict[str, Any]:
    """Return the JSON of one issue, of which at least the id is known."""
    identity(an_object(data))
    return an_object(data)


def property_value(data: Any) -> Any:
    return data["value"]


def understood(data: Mapping[str, Any]) -> Issue:
    """Return the issue in `data`. Raises InvalidRequest when it cannot be understood, although it is an issue."""
    try:
        return issue(data)
    except ODD as error:
        name = _key_shown(data) or identity(data)
        raise InvalidRequest(f"Jira's answer for {name} cannot be understood: {_odd_part(data)}") from error


def _key_shown(data: Mapping[str, Any]) -> str | None:
    """Return the key that an answer shows; None when it shows none. The id says which issue it is."""
    try:
        return key(data)
    except ODD:
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
            read.unprocessable[identity(data)] = str(error)
    return read


def status_changes(entries: Iterable[Mapping[str, Any]]) -> tuple[StatusChange, ...]:
    """Return the status changes among the entries of a changelog, oldest first."""
    return in_order(change for entry in entries for change in changes_in_entry(entry))


def changes_in_entry(entry: Mapping[str, Any]) -> list[StatusChange]:
    """Return the status changes in one entry of a changelog."""
    return [
        StatusChange(
            id=str(entry["id"]),
            at=time_of(entry["created"]),
            author=account(entry.get("author") or {}),
            from_status=item.get("fromString") or "",
            to_status=item.get("toString") or "",
            from_id=str(item.get("from") or ""),
            to_id=str(item.get("to") or ""),
        )
        for item in entry.get("items") or ()
        if _is_status(item)
    ]


def in_order(changes: Iterable[StatusChange]) -> tuple[StatusChange, ...]:
    """Return the changes, oldest first."""
    return tuple(sorted(changes, key=lambda change: (change.at, int(change.id) if change.id.isdigit() else 0)))


def _is_status(item: Mapping[str, Any]) -> bool:
    """Tell whether an item of a changelog says that the status changed. A custom field may have that name.

    A transition that leads back to where it began changes nothing.
    """
    is_about_it = (item.get("fieldId") or item.get("field")) == "status" and item.get("fieldtype") != "custom"
    return is_about_it and (item.get("from") is None or item.get("from") != item.get("to"))


def time_of(text: str) -> datetime:
    """Parse a time such as `2024-11-29T10:44:51.887+0000`. Raises ValueError when it has no zone."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time without a zone says nothing")
    # What an import left at the end of what can be told is brought so far from there that one can reckon with it.
    return min(max(value, EARLIEST), LATEST)


def _time_shown(data: Mapping[str, Any]) -> datetime | None:
    """Return the `updated` of a match of search; None when there is none that can be understood."""
    try:
        return time_of((data.get("fields") or {})["updated"])
    except ODD:
        return None


def _history_from(changelog: Mapping[str, Any], entries: list[dict[str, Any]]) -> datetime | None:
    """Return the time before which changes may be missing; None when none are. A bulk read gives the newest 40."""
    if len(entries) >= (changelog.get("total") or len(entries)):
        return None
    return min(time_of(entry["created"]) for entry in entries) if entries else None


# What was created


def created(data: Mapping[str, Any]) -> Created:
    return Created(identity(data), key(data))


def creations(answer: Mapping[str, Any], count: int) -> list[Created | InvalidRequest]:
    """Return what became of each of `count` issues that one request was to create.

    The answer lists the created issues without gaps. Its errors say by number which issues are missing from that list.
    Raises ValueError when the two do not add up to `count`.
    """
    outcomes: list[Created | InvalidRequest | None] = [None] * count
    errors = objects(answer["errors"])
    for error in errors:
        number, status = error["failedElementNumber"], error.get("status") or 400
        if not 0 <= number < count:
            raise ValueError("no such issue")
        why = explanation(an_object(error.get("elementErrors") or {})) or "no reason is given"
        outcomes[number] = InvalidRequest(f"{BULK_CREATION}: {status} {why}", status=status, final=True)
    succeeded = [created(data) for data in answer.get("issues") or ()]
    if len(succeeded) != outcomes.count(None) or len(errors) + len(succeeded) != count:
        raise ValueError("the issues and the errors do not add up")
    rest = iter(succeeded)
    return [outcome or next(rest) for outcome in outcomes]


def attachment(data: Mapping[str, Any]) -> Attachment:
    author = account(data.get("author") or {})
    return Attachment(identity(data), string(data["filename"]), int(data["size"]), data.get("mimeType") or "", author)


def uploaded(data: Any) -> Attachment:
    """Return the one file that an upload has filed."""
    (filed,) = objects(data)
    return attachment(filed)


# What a project and its workflow offer


def transitions(data: Any) -> list[Transition]:
    return [transition(item) for item in objects(data["transitions"])]


def transition(data: Mapping[str, Any]) -> Transition:
    target = data["to"]
    return Transition(str(data["id"]), string(data["name"]), string(target["name"]), str(target.get("id") or ""))


def status_names(data: Any) -> list[StatusName]:
    return [status_name(item) for item in objects(data)]


def statuses_of_types(data: Any) -> list[StatusName]:
    """Return the statuses of all issue types of a project, each once. Every project has some."""
    found = [status_name(item) for issue_type in objects(data) for item in objects(issue_type["statuses"])]
    if not found:
        raise ValueError("no status")
    return list(dict.fromkeys(found))


def status_name(data: Mapping[str, Any]) -> StatusName:
    name = string(data["name"])
    return StatusName(str(data["id"]), name, text(data.get("untranslatedName")) or name)


def issue_type(data: Mapping[str, Any]) -> IssueType:
    return IssueType(str(data["id"]), string(data["name"]), bool(data.get("subtask")))


def create_field(data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the id of a field of a create screen, and the names of the values that it allows, if it is a priority."""
    name = field_id(data)
    allowed = data.get("allowedValues") or () if name == "priority" else ()
    return name, tuple(string(value["name"]) for value in allowed)


def create_screen(fields: Iterable[tuple[str, tuple[str, ...]]]) -> CreateScreen:
    """Return the create screen that consists of these fields."""
    allowed = dict(fields)
    return CreateScreen(frozenset(allowed), allowed.get("priority", ()))


def field_id(data: Mapping[str, Any]) -> str:
    """Return the id of a field of a create screen. Older sites call it `key`."""
    return string(data.get("fieldId") or data.get("key"))


def upload_limit(meta: Mapping[str, Any]) -> int | None:
    """Return the largest attachment in bytes: 0 where attachments are switched off, None where Jira does not say."""
    if not meta.get("enabled", True):
        return 0
    limit = meta.get("uploadLimit")
    return int(limit) if isinstance(limit, int) and limit > 0 else None


def missing_permissions(answer: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Return those among `names` that an answer to `mypermissions` says our account does not have."""
    permissions = an_object(answer.get("permissions") or {})
    return {name for name in names if not (permissions.get(name) or {}).get("havePermission", True)}
