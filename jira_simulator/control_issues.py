"""Behind the curtain, the part about issues and calls; `control` says what there is."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import asdict
from typing import Any

from aiohttp import web

from jira_simulator.control import hosted_of
from jira_simulator.hosting import Hosted
from jira_simulator.model import Issue, JiraError, Project
from jira_simulator.state import Site

routes = web.RouteTableDef()
BATCH = 100


def _issue(request: web.Request) -> tuple[Hosted, Issue]:
    hosted = hosted_of(request)
    issue = hosted.site.issue(request.match_info["issue"])
    if issue is None:
        raise JiraError(404, "There is no such issue.")
    return hosted, issue


def _project(site: Site, key: str) -> Project:
    project = site.project(key)
    if project is None:
        raise JiraError(404, "There is no such project.")
    return project


@routes.get("/control/{site}/issues")
async def dump(request: web.Request) -> web.Response:
    return web.json_response([_everything(issue) for issue in hosted_of(request).site.issues.values()])


def _everything(issue: Issue) -> dict[str, Any]:
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
        "updated": issue.updated.isoformat(),
        "properties": issue.properties,
        "comments": [
            {
                "id": str(each.id),
                "author": each.author.name,
                "created": each.created.isoformat(),
                "body": each.body,
                "properties": each.properties,
            }
            for each in issue.comments
        ],
        "attachments": [
            {
                "id": str(each.id),
                "filename": each.filename,
                "author": each.author.name,
                "size": len(each.content),
                "sha256": hashlib.sha256(each.content).hexdigest(),
            }
            for each in issue.attachments
        ],
        "links": [{"globalId": each.global_id, **each.body} for each in issue.links],
        "history": [
            {
                "id": str(each.id),
                "author": each.author.name,
                "created": each.created.isoformat(),
                "field": change.field,
                "from": change.before_text,
                "to": change.after_text,
            }
            for each in issue.histories
            for change in each.changes
        ],
    }


@routes.post("/control/{site}/issues/many")
async def create_many(request: web.Request) -> web.Response:
    site, wanted = hosted_of(request).site, await request.json()
    project, name = _project(site, wanted["project"]), wanted.get("user") or next(iter(site.users))
    if name not in site.users:
        raise JiraError(400, f"There is no user {name}; there are {', '.join(site.users)}.")
    summary, status = wanted.get("summary") or "issue {}", wanted.get("status")
    keys: list[str] = []
    for number in range(1, int(wanted["count"]) + 1):
        issue = site.create_in(site.users[name], project, summary.replace("{}", str(number)), status)
        keys.append(issue.key)
        if number % BATCH == 0:
            await asyncio.sleep(0)  # others are served meanwhile
    return web.json_response(keys, status=201)


@routes.post("/control/{site}/issues/{issue}/move")
async def move(request: web.Request) -> web.Response:
    hosted, issue = _issue(request)
    project = _project(hosted.site, (await request.json())["project"])
    hosted.site.move(issue.creator, issue, project)
    return web.json_response({"key": issue.key})


@routes.delete("/control/{site}/issues/{issue}")
async def delete(request: web.Request) -> web.Response:
    hosted, issue = _issue(request)
    hosted.site.delete(issue)
    return web.Response(status=204)


@routes.delete("/control/{site}/projects/{project}")
async def delete_project(request: web.Request) -> web.Response:
    site = hosted_of(request).site
    site.delete_project(_project(site, request.match_info["project"]))
    return web.Response(status=204)


@routes.get("/control/{site}/counts")
async def counts(request: web.Request) -> web.Response:
    projects = hosted_of(request).site.projects.values()
    return web.json_response({each.key: each.issue_count for each in projects})


@routes.get("/control/{site}/deleted")
async def deleted(request: web.Request) -> web.Response:
    gone = hosted_of(request).site.deleted
    return web.json_response([{**asdict(each), "id": str(each.id)} for each in gone])


@routes.get("/control/{site}/calls")
async def calls(request: web.Request) -> web.Response:
    return web.json_response(hosted_of(request).calls.since(int(request.query.get("since", 0))))


@routes.get("/control/{site}/calls/summary")
async def call_summary(request: web.Request) -> web.Response:
    return web.json_response(hosted_of(request).calls.summary())


@routes.delete("/control/{site}/calls")
async def forget_calls(request: web.Request) -> web.Response:
    hosted_of(request).calls.clear()
    return web.Response(status=204)
