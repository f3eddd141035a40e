"""Turns what Jira says of a site, of projects and workflows, and of what it has created, into our values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.issue import (
    Created,
    StatusName,
    Transition,
)
from sync_worker.core.ports import CreateScreen, IssueType
from sync_worker.core.site_info import Server
from sync_worker.jira.parsing import shapes
from sync_worker.jira.wording import explanation

BULK_CREATION = f"POST {API_PATH}/issue/bulk"


def server_info(data: Any) -> Server:
    """Return what a site says it is. What says nothing of that is no Jira."""
    if not any(isinstance(data.get(name), str) for name in ("deploymentType", "version", "baseUrl")):
        raise ValueError("no site")
    return server(data)


def server(data: Mapping[str, Any]) -> Server:
    server_id = data.get("serverId")
    try:
        at = shapes.time_of(data["serverTime"])
    except shapes.ODD:
        at = None
    is_cloud, version = data.get("deploymentType") == "Cloud", str(data.get("version") or "")
    return Server(is_cloud, version, server_id if isinstance(server_id, str) else None, at)


def site_identity(data: Any, name: str) -> str:
    """Return the identity in what a site tells of itself, under `name`."""
    found = shapes.string(shapes.an_object(data)[name])
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
    return str(shapes.an_object(data).get("displayName") or "")


def own_account(data: Any) -> str:
    found = shapes.account(shapes.an_object(data))
    if found is None:
        raise ValueError("nobody")
    return shapes.string(found)


def created(data: Mapping[str, Any]) -> Created:
    return Created(shapes.identity(data), shapes.key(data))


def creations(answer: Mapping[str, Any], count: int) -> list[Created | InvalidRequest]:
    """Return what became of each of `count` issues that one request was to create.

    The answer lists the created issues without gaps. Its errors say by number which issues are missing from that list.
    Raises ValueError when the two do not add up to `count`.
    """
    outcomes: list[Created | InvalidRequest | None] = [None] * count
    errors = shapes.objects(answer["errors"])
    for error in errors:
        number, status = error["failedElementNumber"], error.get("status") or 400
        if not 0 <= number < count:
            raise ValueError("no such issue")
        why = explanation(shapes.an_object(error.get("elementErrors") or {})) or "no reason is given"
        outcomes[number] = InvalidRequest(f"{BULK_CREATION}: {status} {why}", status=status, final=True)
    succeeded = [created(data) for data in answer.get("issues") or ()]
    if len(succeeded) != outcomes.count(None) or len(errors) + len(succeeded) != count:
        raise ValueError("the issues and the errors do not add up")
    rest = iter(succeeded)
    return [outcome or next(rest) for outcome in outcomes]


def transitions(data: Any) -> list[Transition]:
    return [transition(item) for item in shapes.objects(data["transitions"])]


def transition(data: Mapping[str, Any]) -> Transition:
    target = data["to"]
    return Transition(
        str(data["id"]), shapes.label(data["name"]), shapes.label(target["name"]), str(target.get("id") or "")
    )


def status_names(data: Any) -> list[StatusName]:
    return [status_name(item) for item in shapes.objects(data)]


def statuses_of_types(data: Any) -> list[StatusName]:
    """Return the statuses of all issue types of a project, each once. Every project has some."""
    found = [
        status_name(item) for issue_type in shapes.objects(data) for item in shapes.objects(issue_type["statuses"])
    ]
    if not found:
        raise ValueError("no status")
    return list(dict.fromkeys(found))


def status_name(data: Mapping[str, Any]) -> StatusName:
    name = shapes.label(data["name"])
    return StatusName(str(data["id"]), name, shapes.label(data.get("untranslatedName") or name))


def issue_type(data: Mapping[str, Any]) -> IssueType:
    return IssueType(str(data["id"]), shapes.string(data["name"]), bool(data.get("subtask")))


def create_field(data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the id of a field of a create screen, and the names of the values that it allows, if it is a priority."""
    name = field_id(data)
    allowed = data.get("allowedValues") or () if name == "priority" else ()
    return name, tuple(shapes.string(value["name"]) for value in allowed)


def create_screen(fields: Iterable[tuple[str, tuple[str, ...]]]) -> CreateScreen:
    """Return the create screen that consists of these fields."""
    allowed = dict(fields)
    return CreateScreen(frozenset(allowed), allowed.get("priority", ()))


def field_id(data: Mapping[str, Any]) -> str:
    """Return the id of a field of a create screen. Older sites call it `key`."""
    return shapes.string(data.get("fieldId") or data.get("key"))


def upload_limit(meta: Mapping[str, Any]) -> int | None:
    """Return the largest attachment in bytes: 0 where attachments are switched off, None where Jira does not say."""
    if not meta.get("enabled", True):
        return 0
    limit = meta.get("uploadLimit")
    return int(limit) if isinstance(limit, int) and limit > 0 else None


def missing_permissions(answer: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Return those among `names` that an answer to `mypermissions` says our account does not have."""
    permissions = shapes.an_object(answer.get("permissions") or {})
    return {name for name in names if not (permissions.get(name) or {}).get("havePermission", True)}
