"""Routes about projects: their statuses, and what an issue that is created there must have."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from jira_simulator.rest.incoming_call import API, PAGE_SIZE, IncomingCall, answer, call_of
from jira_simulator.site.model import JiraError

routes = web.RouteTableDef()
LARGEST_PAGE = 200


@routes.get(f"{API}/project")
async def projects(request: web.Request) -> web.Response:
    call = call_of(request)
    return answer([call.show.project(project) for project in call.projects()])


# Before the route for one project, which would take "search" for a key.
@routes.get(f"{API}/project/search")
async def project_search(request: web.Request) -> web.Response:
    call = call_of(request)
    if not call.site.is_cloud:
        raise JiraError(404, "No project could be found with key 'search'.")
    found = [call.show.project(project) for project in call.projects()]
    page = {"startAt": 0, "maxResults": PAGE_SIZE, "total": len(found), "isLast": True}
    return answer({**page, "values": found})


@routes.get(API + "/project/{project}")
async def project(request: web.Request) -> web.Response:
    call = call_of(request)
    return answer(call.show.project(call.project()))


@routes.get(API + "/project/{project}/statuses")
async def project_statuses(request: web.Request) -> web.Response:
    call = call_of(request)
    found = call.project()
    beans = []
    for issue_type in found.types:
        used = sorted(found.workflow_of(issue_type).statuses, key=lambda status: int(status.id))
        shown = {key: call.show.issue_type(issue_type)[key] for key in ("self", "id", "name", "subtask")}
        beans.append({**shown, "statuses": [call.show.status(status) for status in used]})
    return answer(beans)


@routes.get(API + "/issue/createmeta/{project}/issuetypes")
async def creatable_types(request: web.Request) -> web.Response:
    call = call_of(request)
    found = [call.show.issue_type(issue_type) for issue_type in call.project().types]
    return answer(_page(call, found, "issueTypes"))


@routes.get(API + "/issue/createmeta/{project}/issuetypes/{type}")
async def create_screen(request: web.Request) -> web.Response:
    call = call_of(request)
    found = call.project()
    if all(issue_type.id != request.match_info["type"] for issue_type in found.types):
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
        entry["allowedValues"] = [call.show.priority(priority) for priority in call.site.priorities]
    return entry


def _page(call: IncomingCall, entries: list[dict[str, Any]], cloud_name: str) -> dict[str, Any]:
    """Return one page of `entries`, which Cloud calls by a name of their own."""
    start, size = call.number("startAt", 0), min(call.number("maxResults", PAGE_SIZE), LARGEST_PAGE)
    name = cloud_name if call.site.is_cloud else "values"
    page = {"startAt": start, "maxResults": size, "total": len(entries), name: entries[start : start + size]}
    return page if call.site.is_cloud else {**page, "isLast": start + size >= len(entries)}
