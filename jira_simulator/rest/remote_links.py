"""Routes about remote links: links from an issue to anything with an address."""

from __future__ import annotations

from aiohttp import web

from jira_simulator.rest.incoming_call import API, answer, call_of
from jira_simulator.rest.properties import LONGEST_KEY
from jira_simulator.site.model import JiraError, SimulatedIssue, SimulatedRemoteLink
from jira_simulator.site.permissions import LINK_ISSUES

routes = web.RouteTableDef()


@routes.get(API + "/issue/{issue}/remotelink")
async def remote_links(request: web.Request) -> web.Response:
    call = call_of(request)
    issue = call.issue()
    wanted = request.query.get("globalId")
    if wanted is None:
        return answer([call.show.remote_link(issue, link) for link in issue.links])
    found = next((link for link in issue.links if link.global_id == wanted), None)
    if found is None:
        raise JiraError(404, "The remote issue link does not exist.")
    return answer(call.show.remote_link(issue, found))


@routes.post(API + "/issue/{issue}/remotelink")
async def add_remote_link(request: web.Request) -> web.Response:
    call = call_of(request)
    body = await call.json()
    _, issue = call.issue_to(LINK_ISSUES)
    target = body.get("object") or {}
    if not target.get("url") or not target.get("title"):
        raise JiraError(400, title="'title' and 'url' are required.")
    if len(body.get("globalId") or "") > LONGEST_KEY:
        raise JiraError(400, globalId="'globalId' is too long.")
    link, is_new = call.site.add_remote_link(issue, body)
    return answer({"id": link.id, "self": call.show.remote_link(issue, link)["self"]}, 201 if is_new else 200)


@routes.get(API + "/issue/{issue}/remotelink/{link}")
async def remote_link(request: web.Request) -> web.Response:
    call = call_of(request)
    issue = call.issue()
    return answer(call.show.remote_link(issue, _link(issue, request.match_info["link"])))


@routes.delete(API + "/issue/{issue}/remotelink/{link}")
async def delete_remote_link_by_id(request: web.Request) -> web.Response:
    _, issue = call_of(request).issue_to(LINK_ISSUES)
    issue.links.remove(_link(issue, request.match_info["link"]))
    return web.Response(status=204)


def _link(issue: SimulatedIssue, link_id: str) -> SimulatedRemoteLink:
    for link in issue.links:
        if str(link.id) == link_id:
            return link
    raise JiraError(404, "The remote issue link does not exist.")


@routes.delete(API + "/issue/{issue}/remotelink")
async def delete_remote_link(request: web.Request) -> web.Response:
    _, issue = call_of(request).issue_to(LINK_ISSUES)
    wanted = request.query.get("globalId")
    issue.links = [link for link in issue.links if link.global_id != wanted]
    return web.Response(status=204)
