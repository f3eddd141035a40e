"""Behind the curtain: what no Jira has, for tests and for people who try things out.

POST   /control/sites                       add a site (a SiteSeed)
GET    /control/{site}/issues               everything the site knows about its issues
POST   /control/{site}/faults               switch a Fault on; answers its id
DELETE /control/{site}/faults[/{id}]        switch one, or all, off
POST   /control/{site}/index                {"lag": seconds, "hold": true|false, "hide": [keys], "show": [keys],
                                            "hideFor": {key: seconds, after which the issue is found again}}
POST   /control/{site}/clock                {"offset": seconds}
POST   /control/{site}/settings             {"latency": seconds, "uploadLimit": bytes, "attachments": true|false,
                                            "linksCountAsUpdates": …,
                                            "seed": number: what is left to chance is repeatable from here}
POST   /control/{site}/tokens               {"user": name, "token": text}
POST   /control/{site}/permissions          {"user": name, "project": key, "revoke": [names], "grant": [names]}
POST   /control/{site}/users/{user}         {"timeZone": name}
POST   /control/{site}/issues/many          {"project": key, "count": n, "status": name, "summary": "issue {}",
                                            "user": name}: create many issues; answers their keys
POST   /control/{site}/issues/{key}/move    {"project": key}
DELETE /control/{site}/issues/{key}         delete an issue
DELETE /control/{site}/projects/{key}       delete a project with all its issues
GET    /control/{site}/counts               {project key: how many issues are in it}; cheap
GET    /control/{site}/deleted              id, key, project and properties of every issue that was deleted
GET    /control/{site}/calls?since=n        the latest calls that reached the site; DELETE forgets them
GET    /control/{site}/calls/summary        {"calls": n, "byEndpoint": {"POST /issue": {"201": n}}}: every call since
                                            they were last forgotten; status 0 is a connection closed without an answer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from aiohttp import web
from pydantic import ValidationError

from jira_simulator import permissions, seed
from jira_simulator.faults import InjectedFault
from jira_simulator.hosting import Hosted
from jira_simulator.model import JiraError

routes = web.RouteTableDef()
HOSTED = web.AppKey("hosted", dict)


def hosted_of(request: web.Request) -> Hosted:
    name = request.match_info["site"]
    hosts: dict[str, Hosted] = request.app[HOSTED]
    if name not in hosts:
        raise JiraError(404, f"There is no site {name}; there are {', '.join(hosts)}.")
    return hosts[name]


@routes.post("/control/sites")
async def add_site(request: web.Request) -> web.Response:
    try:
        wanted = seed.SiteSeed.model_validate(await request.json())
    except ValidationError as error:
        raise JiraError(400, str(error)) from None
    request.app[HOSTED][wanted.name] = Hosted(seed.build(wanted))
    return web.json_response({"name": wanted.name}, status=201)


@routes.post("/control/{site}/faults")
async def add_fault(request: web.Request) -> web.Response:
    try:
        fault = InjectedFault.model_validate(await request.json())
    except ValidationError as error:
        raise JiraError(400, str(error)) from None
    return web.json_response({"id": hosted_of(request).faults.add(fault)}, status=201)


@routes.delete("/control/{site}/faults")
async def remove_faults(request: web.Request) -> web.Response:
    hosted_of(request).faults.remove()
    return web.Response(status=204)


@routes.delete("/control/{site}/faults/{fault}")
async def remove_fault(request: web.Request) -> web.Response:
    hosted_of(request).faults.remove(int(request.match_info["fault"]))
    return web.Response(status=204)


@routes.post("/control/{site}/index")
async def set_index(request: web.Request) -> web.Response:
    hosted, wanted = hosted_of(request), await request.json()
    index = hosted.index
    index.lag = float(wanted.get("lag", index.lag))
    index.is_held = bool(wanted.get("hold", index.is_held))
    index.hide(_ids(hosted, wanted.get("hide", ())))
    for key, seconds in wanted.get("hideFor", {}).items():
        index.hide(_ids(hosted, [key]), float(seconds))
    index.show(_ids(hosted, wanted.get("show", ())))
    return web.Response(status=204)


def _ids(hosted: Hosted, keys: list[str]) -> set[int]:
    return {issue.id for key in keys if (issue := hosted.site.issue(key))}


@routes.post("/control/{site}/clock")
async def set_clock(request: web.Request) -> web.Response:
    hosted_of(request).site.clock_offset = timedelta(seconds=(await request.json())["offset"])
    return web.Response(status=204)


@routes.post("/control/{site}/settings")
async def set_settings(request: web.Request) -> web.Response:
    hosted, wanted = hosted_of(request), await request.json()
    hosted.latency = float(wanted.get("latency", hosted.latency))
    if "seed" in wanted:
        hosted.faults.seed(int(wanted["seed"]))
    hosted.site.upload_limit = int(wanted.get("uploadLimit", hosted.site.upload_limit))
    hosted.site.takes_attachments = bool(wanted.get("attachments", hosted.site.takes_attachments))
    hosted.site.links_count_as_updates = bool(wanted.get("linksCountAsUpdates", hosted.site.links_count_as_updates))
    return web.Response(status=204)


@routes.post("/control/{site}/tokens")
async def set_token(request: web.Request) -> web.Response:
    wanted: Mapping[str, str] = await request.json()
    tokens = hosted_of(request).site.tokens
    if wanted.get("user") not in tokens or not wanted.get("token"):
        raise JiraError(400, f"Name a user, one of {', '.join(tokens)}, and a token.")
    tokens[wanted["user"]] = wanted["token"]
    return web.Response(status=204)


@routes.post("/control/{site}/permissions")
async def set_permissions(request: web.Request) -> web.Response:
    site, wanted = hosted_of(request).site, await request.json()
    user, project = site.users.get(wanted.get("user")), site.project(str(wanted.get("project")))
    revoke, grant = wanted.get("revoke", ()), wanted.get("grant", ())
    if user is None or project is None or not set(permissions.IDS).issuperset([*revoke, *grant]):
        known = ", ".join([*site.users, *site.projects, *permissions.IDS])
        raise JiraError(400, f"Name a user, a project, and permissions to revoke or grant, out of {known}.")
    site.permissions.change(user, project, revoke=revoke, grant=grant)
    return web.Response(status=204)


@routes.post("/control/{site}/users/{user}")
async def set_user(request: web.Request) -> web.Response:
    users = hosted_of(request).site.users
    name = request.match_info["user"]
    users[name] = replace(users[name], time_zone=(await request.json())["timeZone"])
    return web.Response(status=204)
