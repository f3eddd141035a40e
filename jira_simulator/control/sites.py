"""Control routes about a site as a whole: its faults, its index, its clock, its users and their permissions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from aiohttp import web
from pydantic import ValidationError

from jira_simulator import seed
from jira_simulator.hosting.faults import InjectedFault
from jira_simulator.hosting.hosted_site import HOSTED, HostedSite, hosted_of
from jira_simulator.site import permissions
from jira_simulator.site.fields import LongestText
from jira_simulator.site.limits import IssueLimits
from jira_simulator.site.model import JiraError

routes = web.RouteTableDef()


@routes.post("/control/sites")
async def add_site(request: web.Request) -> web.Response:
    try:
        wanted = seed.SiteSeed.model_validate(await request.json())
    except ValidationError as error:
        raise JiraError(400, str(error)) from None
    request.app[HOSTED][wanted.name] = HostedSite(seed.build(wanted))
    return web.json_response({"name": wanted.name}, status=201)


@routes.post("/control/{site}/projects")
async def add_project(request: web.Request) -> web.Response:
    try:
        wanted = seed.ProjectSeed.model_validate(await request.json())
    except ValidationError as error:
        raise JiraError(400, str(error)) from None
    seed.add_project(hosted_of(request).site, wanted)
    return web.Response(status=201)


@routes.post("/control/{site}/names")
async def add_name(request: web.Request) -> web.Response:
    """Give a site one more address, which leads to the same site."""
    request.app[HOSTED][(await request.json())["name"]] = hosted_of(request)
    return web.Response(status=201)


@routes.post("/control/{site}/clones")
async def clone(request: web.Request) -> web.Response:
    """Set up a copy of the site at an address of its own: with the same identity and ids, unless asked for others."""
    wanted = await request.json()
    copied = hosted_of(request).site.copy()
    copied.name, copied.identity = wanted["name"], wanted.get("identity", copied.identity)
    copied.flavor = wanted.get("flavor", copied.flavor)
    if wanted.get("renumber"):
        copied.renumber()
    request.app[HOSTED][copied.name] = HostedSite(copied)
    return web.Response(status=201)


@routes.post("/control/{site}/backups")
async def back_up(request: web.Request) -> web.Response:
    return web.json_response({"number": hosted_of(request).back_up()}, status=201)


@routes.post("/control/{site}/backups/{number}/restore")
async def restore(request: web.Request) -> web.Response:
    hosted_of(request).restore(int(request.match_info["number"]))
    return web.Response(status=204)


@routes.post("/control/{site}/faults")
async def add_fault(request: web.Request) -> web.Response:
    try:
        fault = InjectedFault.model_validate(await request.json())
    except ValidationError as error:
        raise JiraError(400, str(error)) from None
    return web.json_response({"id": hosted_of(request).faults.add(fault)}, status=201)


@routes.get("/control/{site}/faults/{fault}")
async def show_fault(request: web.Request) -> web.Response:
    return web.json_response({"strikes": hosted_of(request).faults.strikes[int(request.match_info["fault"])]})


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
    orphans = _ids(hosted, wanted.get("orphan", ()))
    index.orphan(orphans)
    for issue_id in orphans:
        hosted.site.delete(hosted.site.issues[issue_id])
    return web.Response(status=204)


def _ids(hosted: HostedSite, keys: Iterable[str]) -> set[int]:
    return {issue.id for key in keys if (issue := hosted.site.issue(key))}


@routes.post("/control/{site}/clock")
async def set_clock(request: web.Request) -> web.Response:
    hosted_of(request).site.clock_offset = timedelta(seconds=(await request.json())["offset"])
    return web.Response(status=204)


@routes.post("/control/{site}/settings")
async def change_settings(request: web.Request) -> web.Response:
    hosted, wanted = hosted_of(request), await request.json()
    hosted.latency = float(wanted.get("latency", hosted.latency))
    hosted.result_window = int(wanted.get("resultWindow", hosted.result_window))
    if "seed" in wanted:
        hosted.faults.seed(int(wanted["seed"]))
    site = hosted.site
    site.upload_limit = int(wanted.get("uploadLimit", site.upload_limit))
    limit = site.text_limit
    site.text_limit = LongestText(
        int(wanted.get("textLimit", limit.units)), str(wanted.get("textLimitMessage", limit.message))
    )
    most = site.issue_limits
    site.issue_limits = IssueLimits(
        wanted.get("attachmentsPerIssue", most.attachments),
        wanted.get("linksPerIssue", most.links),
        wanted.get("commentsPerIssue", most.comments),
    )
    site.translations = dict(wanted.get("translations", site.translations))
    site.read_only_statuses = frozenset(wanted.get("readOnlyStatuses", site.read_only_statuses))
    site.version = str(wanted.get("version", site.version))
    site.takes_attachments = bool(wanted.get("attachments", site.takes_attachments))
    site.identity = str(wanted.get("identity", site.identity))
    site.shows_identity = str(wanted.get("showsIdentity", site.shows_identity))
    site.keeps_properties = bool(wanted.get("keepsProperties", site.keeps_properties))
    site.access_tokens.lifetime = float(wanted.get("tokenLifetime", site.access_tokens.lifetime))
    site.links_count_as_updates = bool(wanted.get("linksCountAsUpdates", site.links_count_as_updates))
    counts = wanted.get("commentChangesCountAsUpdates", site.comment_changes_count_as_updates)
    site.comment_changes_count_as_updates = bool(counts)
    return web.Response(status=204)


@routes.post("/control/{site}/statuses/{name}")
async def rename_status(request: web.Request) -> web.Response:
    wanted = await request.json()
    hosted_of(request).site.rename_status(request.match_info["name"], wanted["name"])
    return web.Response(status=204)


@routes.post("/control/{site}/tokens")
async def set_token(request: web.Request) -> web.Response:
    wanted: Mapping[str, str] = await request.json()
    tokens = hosted_of(request).site.tokens
    if wanted.get("user") not in tokens or not wanted.get("token"):
        raise JiraError(400, f"Name a user, one of {', '.join(tokens)}, and a token.")
    tokens[wanted["user"]] = wanted["token"]
    return web.Response(status=204)


@routes.post("/control/{site}/clients")
async def add_client(request: web.Request) -> web.Response:
    """Give a user an OAuth 2.0 credential, or another secret or other scopes to the one with this id."""
    site, wanted = hosted_of(request).site, await request.json()
    user = wanted.pop("user", None)
    if user not in site.users:
        raise JiraError(400, f"Name a user, one of {', '.join(site.users)}.")
    try:
        seed.add_client(site, user, seed.ClientSeed.model_validate(wanted))
    except ValidationError as error:
        raise JiraError(400, str(error)) from None
    return web.Response(status=204)


@routes.delete("/control/{site}/access-tokens")
async def revoke_access_tokens(request: web.Request) -> web.Response:
    hosted_of(request).site.access_tokens.revoke()
    return web.Response(status=204)


@routes.post("/control/{site}/permissions")
async def change_permissions(request: web.Request) -> web.Response:
    site, wanted = hosted_of(request).site, await request.json()
    user, project = site.users.get(wanted.get("user")), site.project(str(wanted.get("project")))
    revoke, grant = wanted.get("revoke", ()), wanted.get("grant", ())
    if user is None or project is None or not set(permissions.IDS).issuperset([*revoke, *grant]):
        known = ", ".join([*site.users, *site.projects, *permissions.IDS])
        raise JiraError(400, f"Name a user, a project, and permissions to revoke or grant, out of {known}.")
    site.permissions.change(user, project, revoke=revoke, grant=grant)
    return web.Response(status=204)


@routes.post("/control/{site}/visibility")
async def change_visibility(request: web.Request) -> web.Response:
    """Hide issues from a user, as issue security does, or show them again."""
    site, wanted = hosted_of(request).site, await request.json()
    user = site.users.get(wanted.get("user"))
    issues = {key: site.issue(key) for key in (*wanted.get("hide", ()), *wanted.get("show", ()))}
    if user is None or not all(issues.values()):
        raise JiraError(400, f"Name a user, one of {', '.join(site.users)}, and issues that are there.")
    site.permissions.hide(user, [issue for key in wanted.get("hide", ()) if (issue := issues[key])])
    site.permissions.show(user, [issue for key in wanted.get("show", ()) if (issue := issues[key])])
    return web.Response(status=204)


@routes.post("/control/{site}/users/{user}")
async def change_user(request: web.Request) -> web.Response:
    users = hosted_of(request).site.users
    name = request.match_info["user"]
    users[name] = replace(users[name], time_zone=(await request.json())["timeZone"])
    return web.Response(status=204)
