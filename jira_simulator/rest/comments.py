"""Routes about comments and their properties."""

from __future__ import annotations

from aiohttp import web

from jira_simulator.rest.incoming_call import API, IncomingCall, answer, call_of
from jira_simulator.rest.properties import keys_answer, properties_in, property_answer
from jira_simulator.site.model import JiraError, SimulatedComment
from jira_simulator.site.permissions import ADD_COMMENTS

routes = web.RouteTableDef()
COMMENTS_PAGE = 100
BULK_READ = 1000


@routes.get(API + "/issue/{issue}/comment")
async def comments(request: web.Request) -> web.Response:
    call = call_of(request)
    issue = call.issue()
    order = request.query.get("orderBy", "created")
    if order not in ("created", "+created", "-created"):
        raise JiraError(400, "orderBy must be created, +created or -created.")
    is_newest_first = order.startswith("-") and not call.fault("ignore_order")
    ordered = sorted(issue.comments, key=lambda comment: comment.id, reverse=is_newest_first)
    start, size = call.number("startAt", 0), min(call.number("maxResults", COMMENTS_PAGE), COMMENTS_PAGE)
    shown = [call.show.comment(issue, comment) for comment in ordered[start : start + size]]
    return answer({"startAt": start, "maxResults": size, "total": len(ordered), "comments": shown})


@routes.post(API + "/issue/{issue}/comment")
async def add_comment(request: web.Request) -> web.Response:
    call = call_of(request)
    body = await call.json()
    user, issue = call.issue_to(ADD_COMMENTS)
    text, visibility = body.get("body"), body.get("visibility")
    comment = call.site.add_comment(user, issue, text, properties_in(body), visibility)
    return answer(call.show.comment(issue, comment), 201)


@routes.post(f"{API}/comment/list")
async def comments_by_ids(request: web.Request) -> web.Response:
    call = call_of(request)
    if not call.site.is_cloud:
        raise JiraError(404, "null for uri: comment/list")
    given = (await call.json()).get("ids") or ()
    wanted = {int(comment_id) for comment_id in given if str(comment_id).isdigit()}
    if not 0 < len(wanted) <= BULK_READ:
        raise JiraError(400, f"Between 1 and {BULK_READ} comments can be asked for at once.")
    with_properties = "properties" in request.query.get("expand", "").split(",")
    found = [comment for comment_id in sorted(wanted) if (comment := _visible_comment(call, comment_id))]
    values = [
        call.show.comment(call.site.issues[comment.issue_id], comment, properties=with_properties) for comment in found
    ]
    page = {"startAt": 0, "maxResults": BULK_READ, "total": len(values), "isLast": True}
    return answer({**page, "values": values})


@routes.get(API + "/comment/{comment}/properties")
async def comment_property_keys(request: web.Request) -> web.Response:
    return keys_answer(_comment(call_of(request)).properties)


@routes.get(API + "/comment/{comment}/properties/{key}")
async def comment_property(request: web.Request) -> web.Response:
    return property_answer(_comment(call_of(request)).properties, request.match_info["key"])


def _comment(call: IncomingCall) -> SimulatedComment:
    comment_id = call.request.match_info["comment"]
    found = _visible_comment(call, int(comment_id)) if comment_id.isdigit() else None
    if found is None:
        raise JiraError(404, f"Can not find a comment for the id: {comment_id}.")
    return found


def _visible_comment(call: IncomingCall, comment_id: int) -> SimulatedComment | None:
    found = call.site.comments.get(comment_id)
    return found if found and call.sees(call.site.issues[found.issue_id]) else None
