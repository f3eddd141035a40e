"""Routes about remote links: links from an issue to anything with an address."""

from __future__ import annotations

from aiohttp import web

from jira_simulator.rest.incoming_call import API, IncomingCall, answer, call_of
from jira_simulator.rest.properties import LONGEST_KEY
from jira_simulator.site.model import JiraError, SimulatedIssue, SimulatedRemoteLink
from jira_simulator.site.permissions import EDIT_ISSUES, LINK_ISSUES

routes = web.RouteTableDef()
MISSING = "The remote issue link does not exist."


@routes.get(API + "/issue/{issue}/remotelink")
async def remote_links(request: web.Request) -> web.Response:
    call = call_of(request)
    issue = call.issue()
    call.site.issue_limits.check_links(len(issue.links))
    wanted = request.query.get("globalId")
    if wanted is None:
        return answer([call.show.remote_link(issue, link) for link in issue.links])
    return answer(call.show.remote_link(issue, _link_named(issue, wanted)))


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
    return answer(call.show.remote_link(issue, _link(call, issue)))


@routes.delete(API + "/issue/{issue}/remotelink/{link}")
async def delete_remote_link_by_id(request: web.Request) -> web.Response:
    """Delete a link by its id, for which Jira wants one permission more than by its globalId."""
    call = call_of(request)
    call.issue_to(EDIT_ISSUES)
    _, issue = call.issue_to(LINK_ISSUES)
    call.site.remove_remote_link(issue, _link(call, issue))
    return web.Response(status=204)


@routes.delete(API + "/issue/{issue}/remotelink")
async def delete_remote_link(request: web.Request) -> web.Response:
    call = call_of(request)
    _, issue = call.issue_to(LINK_ISSUES)
    wanted = request.query.get("globalId")
    if not wanted:
        raise JiraError(400, "The 'globalId' query parameter is required.")
    call.site.remove_remote_link(issue, _link_named(issue, wanted))
    return web.Response(status=204)


def _link(call: IncomingCall, issue: SimulatedIssue) -> SimulatedRemoteLink:
    """Return the link whose id the path names. Raises JiraError: 400 for the link of another issue, 404 for none."""
    link_id = call.request.match_info["link"]
    if not link_id.isdigit():
        raise JiraError(400, f"'{link_id}' is not a valid id of a remote issue link.")
    if found := _with_id(issue, link_id):
        return found
    if any(_with_id(other, link_id) for other in call.site.issues.values()):
        raise JiraError(400, f"The remote issue link {link_id} does not belong to {issue.key}.")
    raise JiraError(404, MISSING)


def _with_id(issue: SimulatedIssue, link_id: str) -> SimulatedRemoteLink | None:
    return next((link for link in issue.links if str(link.id) == link_id), None)


def _link_named(issue: SimulatedIssue, global_id: str) -> SimulatedRemoteLink:
    found = next((link for link in issue.links if link.global_id == global_id), None)
    if found is None:
        raise JiraError(404, MISSING)
    return found
