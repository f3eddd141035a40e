"""Routes about the site and the caller: who am I, what may I do, which statuses, priorities and fields exist."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from jira_simulator.rest.incoming_call import API, IncomingCall, answer, call_of
from jira_simulator.site import permissions
from jira_simulator.site.model import JiraError, SimulatedProject

routes = web.RouteTableDef()


@routes.get(f"{API}/myself")
async def myself(request: web.Request) -> web.Response:
    call = call_of(request)
    return answer(call.show.user(call.known_user()))


@routes.get(f"{API}/user")
async def user(request: web.Request) -> web.Response:
    call = call_of(request)
    call.known_user()
    wanted, users = request.query, call.site.users.values()
    if call.site.is_cloud:
        found = next((user for user in users if user.id == wanted.get("accountId")), None)
    else:
        found = next(
            (user for user in users if wanted.get("username") == user.name or wanted.get("key") == user.id), None
        )
    if found is None:
        raise JiraError(404, "The user does not exist.")
    return answer(call.show.user(found))


@routes.get(f"{API}/serverInfo")
async def server_info(request: web.Request) -> web.Response:
    call = call_of(request)
    version = [int(part) for part in call.site.version.split(".")]
    server_id = {"serverId": call.site.identity} if call.site.shows_identity == "serverInfo" else {}
    return answer(
        {
            **server_id,
            "baseUrl": f"{request.url.origin()}/{call.site.name}",
            "version": call.site.version,
            "versionNumbers": version,
            "deploymentType": "Cloud" if call.site.is_cloud else "Server",
            "serverTime": call.show.time(call.site.now()),
            "serverTitle": call.site.name.capitalize(),
        }
    )


@routes.get("/{site}/rest/pat/latest/tokens")
async def tokens(request: web.Request) -> web.Response:
    """List the caller's personal access tokens. Which of them is in use is not said."""
    call = call_of(request)
    if call.site.is_cloud:
        raise JiraError(404, "null for uri: tokens")
    own = call.known_user()
    return answer(
        [
            {"id": number, "name": name, "createdAt": call.show.time(call.site.now()), "expiringAt": expires}
            for number, (name, expires) in enumerate(own.listed_tokens, 1)
        ]
    )


@routes.get("/{site}/_edge/tenant_info")
async def tenant_info(request: web.Request) -> web.Response:
    call = call_of(request)
    if not call.site.is_cloud or call.site.shows_identity == "nowhere":
        raise JiraError(404, "null for uri: tenant_info")
    return answer({"cloudId": call.site.identity})


@routes.get("/{site}/rest/applinks/1.0/manifest")
async def manifest(request: web.Request) -> web.Response:
    """Tell another application with which one it is about to be linked. Strangers are told, too."""
    call = call_of(request)
    if call.site.is_cloud or call.site.shows_identity != "usual":
        raise JiraError(404, "null for uri: manifest")
    return answer(
        {
            "id": call.site.identity,
            "name": call.site.name.capitalize(),
            "typeId": "jira",
            "version": call.site.version,
            "url": f"{request.url.origin()}/{call.site.name}",
        }
    )


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


def _permission_context(call: IncomingCall) -> list[SimulatedProject]:
    """Return the projects in one of which a permission is enough: all of them unless the query names one."""
    query, projects = call.request.query, list(call.site.projects.values())
    if reference := query.get("projectId") or query.get("projectKey"):
        projects = [call.project_named(reference)]
    elif reference := query.get("issueId") or query.get("issueKey"):
        projects = [call.issue_named(reference).project]
    return projects


def _permission(call: IncomingCall, name: str, projects: list[SimulatedProject]) -> dict[str, Any]:
    return {
        "id": permissions.IDS[name],
        "key": name,
        "name": name.replace("_", " ").title(),
        "type": "PROJECT",
        "description": "",
        "havePermission": any(call.may(name, project) for project in projects),
    }


@routes.get(f"{API}/status")
async def statuses(request: web.Request) -> web.Response:
    call = call_of(request)
    return answer([call.show.status(status) for status in call.site.statuses.values()] if call.user else [])


@routes.get(f"{API}/priority")
async def priorities(request: web.Request) -> web.Response:
    call = call_of(request)
    call.known_user()
    return answer([call.show.priority(name) for name in call.site.priorities])


@routes.get(f"{API}/field")
async def fields(request: web.Request) -> web.Response:
    call_of(request).known_user()
    names = ("summary", "description", "labels", "priority", "status", "issuetype", "project", "attachment", "comment")
    return answer([{"id": name, "key": name, "name": name.capitalize(), "custom": False} for name in names])


@routes.get(f"{API}/attachment/meta")
async def attachment_meta(request: web.Request) -> web.Response:
    site = call_of(request).site
    return answer({"enabled": site.takes_attachments, "uploadLimit": site.upload_limit})
