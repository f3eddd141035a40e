"""The parts of the REST API that are about the site: who am I, projects, what can be created."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from jira_simulator import permissions
from jira_simulator.hosting import CALL, IncomingCall
from jira_simulator.model import JiraError, Project

routes = web.RouteTableDef()
API = "/{site}/rest/api/2"
PAGE = 50
INVALID = "Invalid request payload. Refer to the REST API documentation and try again."


def call_of(request: web.Request) -> IncomingCall:
    return request[CALL]


def answer(body: Any, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


@routes.get(f"{API}/myself")
async def myself(request: web.Request) -> web.Response:
    call = call_of(request)
    return answer(call.show.user(call.known_user()))


@routes.get(f"{API}/serverInfo")
async def server_info(request: web.Request) -> web.Response:
    call = call_of(request)
    version = [1001, 0, 0] if call.site.is_cloud else [10, 3, 19]
    return answer(
        {
            "baseUrl": f"{request.url.origin()}/{call.site.name}",
            "version": ".".join(str(part) for part in version),
            "versionNumbers": version,
            "deploymentType": "Cloud" if call.site.is_cloud else "Server",
            "serverTime": call.show.time(call.site.now()),
            "serverTitle": call.site.name.capitalize(),
        }
    )


@routes.get(f"{API}/project")
async def projects(request: web.Request) -> web.Response:
    call = call_of(request)
    return answer([call.show.project(each) for each in call.projects()])


@routes.get(f"{API}/project/search")
async def project_search(request: web.Request) -> web.Response:
    call = call_of(request)
    if not call.site.is_cloud:
        raise JiraError(404, "No project could be found with key 'search'.")
    found = [call.show.project(each) for each in call.projects()]
    page = {"startAt": 0, "maxResults": PAGE, "total": len(found), "isLast": True}
    return answer({**page, "values": found})


@routes.get(f"{API}/mypermissions")
async def my_permissions(request: web.Request) -> web.Response:
    call = call_of(request)
    projects, known = _permission_context(call), permissions.IDS
    names = [name for name in request.query.get("permissions", "").split(",") if name]
    if not names and call.site.is_cloud:
        raise JiraError(400, "The 'permissions' query parameter is required.")
    if unknown := [name for name in names if name not in known]:
        raise JiraError(400, f"Unrecognized permission: {', '.join(unknown)}")
    return answer({"permissions": {name: _permission(call, name, projects) for name in names or known}})


def _permission_context(call: IncomingCall) -> list[Project]:
    """Return the projects of which one is enough; all of them unless the caller names one, or an issue."""
    query, projects = call.request.query, list(call.site.projects.values())
    if reference := query.get("projectId") or query.get("projectKey"):
        projects = [call.project_named(reference)]
    elif reference := query.get("issueId") or query.get("issueKey"):
        projects = [call.issue_named(reference).project]
    return projects


def _permission(call: IncomingCall, name: str, projects: list[Project]) -> dict[str, Any]:
    return {
        "id": permissions.IDS[name],
        "key": name,
        "name": name.replace("_", " ").title(),
        "type": "PROJECT",
        "description": "",
        "havePermission": any(call.may(name, each) for each in projects),
    }


@routes.get(API + "/project/{project}")
async def project(request: web.Request) -> web.Response:
    call = call_of(request)
    return answer(call.show.project(call.project()))


@routes.get(API + "/project/{project}/statuses")
async def project_statuses(request: web.Request) -> web.Response:
    call = call_of(request)
    found = call.project()
    beans = []
    for each in found.types:
        used = sorted(found.workflow_of(each).statuses, key=lambda status: int(status.id))
        shown = {key: call.show.issue_type(each)[key] for key in ("self", "id", "name", "subtask")}
        beans.append({**shown, "statuses": [call.show.status(status) for status in used]})
    return answer(beans)


@routes.get(f"{API}/status")
async def statuses(request: web.Request) -> web.Response:
    call = call_of(request)
    return answer([call.show.status(each) for each in call.site.statuses.values()] if call.user else [])


@routes.get(f"{API}/priority")
async def priorities(request: web.Request) -> web.Response:
    call = call_of(request)
    call.known_user()
    return answer([call.show.priority(each) for each in call.site.priorities])


@routes.get(f"{API}/field")
async def fields(request: web.Request) -> web.Response:
    call_of(request).known_user()
    names = ("summary", "description", "labels", "priority", "status", "issuetype", "project", "attachment", "comment")
    return answer([{"id": each, "key": each, "name": each.capitalize(), "custom": False} for each in names])


@routes.get(f"{API}/attachment/meta")
async def attachment_meta(request: web.Request) -> web.Response:
    site = call_of(request).site
    return answer({"enabled": site.takes_attachments, "uploadLimit": site.upload_limit})


@routes.get(API + "/issue/createmeta/{project}/issuetypes")
async def creatable_types(request: web.Request) -> web.Response:
    call = call_of(request)
    found = [call.show.issue_type(each) for each in call.project().types]
    return answer(_page(call, found, "issueTypes"))


@routes.get(API + "/issue/createmeta/{project}/issuetypes/{type}")
async def create_screen(request: web.Request) -> web.Response:
    call = call_of(request)
    found = call.project()
    if all(each.id != request.match_info["type"] for each in found.types):
        raise JiraError(404, "Issue type not found.")
    shown = ["project", "issuetype", "summary", *found.screen]
    required = {"project", "issuetype", "summary", *found.required}
    entries = [_field(call, name, is_required=name in required) for name in shown]
    return answer(_page(call, entries, "fields"))


def _field(call: IncomingCall, name: str, *, is_required: bool) -> dict[str, Any]:
    kind = {"labels": "array", "priority": "priority", "project": "project", "issuetype": "issuetype"}.get(
        name, "string"
    )
    entry: dict[str, Any] = {
        "fieldId": name,
        "key": name,
        "name": name.capitalize(),
        "required": is_required,
        "hasDefaultValue": False,
        "operations": ["set"],
        "schema": {"type": kind, "system": name},
    }
    if name == "priority":
        entry["allowedValues"] = [call.show.priority(each) for each in call.site.priorities]
    return entry


def _page(call: IncomingCall, entries: list[dict[str, Any]], cloud_name: str) -> dict[str, Any]:
    start, most = call.number("startAt", 0), min(call.number("maxResults", PAGE), 200)
    name = cloud_name if call.site.is_cloud else "values"
    page = {"startAt": start, "maxResults": most, "total": len(entries), name: entries[start : start + most]}
    return page if call.site.is_cloud else {**page, "isLast": start + most >= len(entries)}
