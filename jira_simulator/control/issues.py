"""Control routes about issues and projects."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from aiohttp import web

from jira_simulator.hosting.hosted_site import hosted_of
from jira_simulator.site.model import PROJECT_TYPES, JiraError, SimulatedComment, SimulatedIssue, SimulatedProject
from jira_simulator.site.simulated_site import SimulatedSite, served_by_node

routes = web.RouteTableDef()
CREATED_AT_A_STRETCH = 100
"""So many issues are created before other requests are served in between."""


def _issue(request: web.Request) -> tuple[SimulatedSite, SimulatedIssue]:
    site = hosted_of(request).site
    issue = site.issue(request.match_info["issue"])
    if issue is None:
        raise JiraError(404, "There is no such issue.")
    return site, issue


def _project(site: SimulatedSite, key: str) -> SimulatedProject:
    project = site.project(key)
    if project is None:
        raise JiraError(404, "There is no such project.")
    return project


@routes.get("/control/{site}/issues")
async def issues(request: web.Request) -> web.Response:
    return web.json_response([_everything(issue) for issue in hosted_of(request).site.issues.values()])


def _everything(issue: SimulatedIssue) -> dict[str, Any]:
    return {
        "id": str(issue.id),
        "key": issue.key,
        "project": issue.project.key,
        "type": issue.type.name,
        "summary": issue.summary,
        "description": issue.description,
        "labels": issue.labels,
        "priority": issue.priority,
        "status": issue.status.name,
        "creator": issue.creator.name,
        "created": issue.created.isoformat(),
        "recorded": (issue.recorded or issue.created).isoformat(),
        "updated": issue.updated.isoformat(),
        "properties": issue.properties,
        "comments": [
            {
                "id": str(comment.id),
                "author": comment.author.name,
                "created": comment.created.isoformat(),
                "updated": comment.updated.isoformat(),
                "updateAuthor": comment.update_author.name,
                "body": comment.body,
                "visibility": comment.visibility,
                "internal": comment.is_internal,
                "properties": comment.properties,
            }
            for comment in issue.comments
        ],
        "attachments": [
            {
                "id": str(attachment.id),
                "filename": attachment.filename,
                "author": attachment.author.name,
                "size": len(attachment.content),
                "sha256": hashlib.sha256(attachment.content).hexdigest(),
            }
            for attachment in issue.attachments
        ],
        "removedFiles": [
            {
                "id": str(file.id),
                "filename": file.filename,
                "author": file.author.name,
                "size": file.size,
                "sha256": file.sha256,
                "removedBy": file.removed_by.name,
            }
            for file in issue.removed_files
        ],
        "links": [{"id": str(link.id), "globalId": link.global_id, **link.body} for link in issue.links],
        "history": [
            {
                "id": str(entry.id),
                "author": entry.author.name,
                "created": entry.created.isoformat(),
                "recorded": entry.recorded.isoformat(),
                "field": item.field,
                "from": item.before_text,
                "to": item.after_text,
                "fromId": item.before,
                "toId": item.after,
            }
            for entry in issue.histories
            for item in entry.items
        ],
    }


@routes.post("/control/{site}/issues/many")
async def create_many(request: web.Request) -> web.Response:
    site, wanted = hosted_of(request).site, await request.json()
    project, name = _project(site, wanted["project"]), wanted.get("user") or next(iter(site.users))
    if name not in site.users:
        raise JiraError(400, f"There is no user {name}; there are {', '.join(site.users)}.")
    summary, status = wanted.get("summary") or "issue {}", wanted.get("status")
    ago = timedelta(seconds=float(wanted.get("ago", 0)))
    keys: list[str] = []
    for number in range(1, int(wanted["count"]) + 1):
        with served_by_node(-ago):  # an import gives an issue the dates that it had
            issue = site.create_minimal(site.users[name], project, summary.replace("{}", str(number)), status)
        keys.append(issue.key)
        if number % CREATED_AT_A_STRETCH == 0:
            await asyncio.sleep(0)
    return web.json_response(keys, status=201)


@routes.post("/control/{site}/properties")
async def keep_in_properties(request: web.Request) -> web.Response:
    """Take everything out of all properties but what is to be kept of their values."""
    site, wanted = hosted_of(request).site, set((await request.json())["keep"])
    bearers: list[SimulatedIssue | SimulatedComment] = [*site.issues.values(), *site.comments.values()]
    for bearer in bearers:
        for key, value in bearer.properties.items():
            bearer.properties[key] = {name: part for name, part in value.items() if name in wanted}
    return web.Response(status=204)


@routes.put("/control/{site}/issues/{issue}/properties/{key}")
async def set_property(request: web.Request) -> web.Response:
    _, issue = _issue(request)
    issue.properties[request.match_info["key"]] = await request.json()
    return web.Response(status=204)


@routes.post("/control/{site}/issues/{issue}/texts")
async def overwrite(request: web.Request) -> web.Response:
    site, issue = _issue(request)
    wanted = await request.json()
    site.overwrite(issue, wanted.get("summary"), wanted.get("description"))
    return web.Response(status=204)


@routes.post("/control/{site}/issues/{issue}/move")
async def move(request: web.Request) -> web.Response:
    site, issue = _issue(request)
    project = _project(site, (await request.json())["project"])
    site.move(issue.creator, issue, project)
    return web.json_response({"key": issue.key})


@routes.post("/control/{site}/issues/{issue}/conditions")
async def set_conditions(request: web.Request) -> web.Response:
    _, issue = _issue(request)
    issue.closed_statuses = frozenset((await request.json())["closedStatuses"])
    return web.Response(status=204)


@routes.delete("/control/{site}/issues/{issue}")
async def delete(request: web.Request) -> web.Response:
    site, issue = _issue(request)
    site.delete(issue)
    return web.Response(status=204)


@routes.post("/control/{site}/projects/{project}")
async def change_project(request: web.Request) -> web.Response:
    """Change the type of a project, as an administrator does. Comments that are there stay internal or public."""
    site, wanted = hosted_of(request).site, (await request.json()).get("projectTypeKey")
    if wanted not in PROJECT_TYPES:
        raise JiraError(400, f"Name a projectTypeKey, one of {', '.join(PROJECT_TYPES)}.")
    _project(site, request.match_info["project"]).type_key = wanted
    return web.Response(status=204)


@routes.delete("/control/{site}/projects/{project}")
async def delete_project(request: web.Request) -> web.Response:
    site = hosted_of(request).site
    site.delete_project(_project(site, request.match_info["project"]))
    return web.Response(status=204)


@routes.get("/control/{site}/counts")
async def counts(request: web.Request) -> web.Response:
    projects = hosted_of(request).site.projects.values()
    return web.json_response({project.key: project.issue_count for project in projects})


@routes.get("/control/{site}/deleted")
async def deleted(request: web.Request) -> web.Response:
    issues = hosted_of(request).site.deleted
    return web.json_response([{**asdict(issue), "id": str(issue.id)} for issue in issues])
