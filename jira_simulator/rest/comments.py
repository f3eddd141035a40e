"""Routes about comments and their properties."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from jira_simulator.rest.incoming_call import API, INVALID, IncomingCall, answer, call_of
from jira_simulator.rest.properties import keys_answer, properties_in, property_answer
from jira_simulator.site.model import JiraError, SimulatedComment, SimulatedIssue
from jira_simulator.site.permissions import (
    ADD_COMMENTS,
    DELETE_ALL_COMMENTS,
    DELETE_OWN_COMMENTS,
    EDIT_ALL_COMMENTS,
    EDIT_OWN_COMMENTS,
)

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
    page = ordered[start : start + size]
    shown = [call.show.comment(issue, comment, properties=_expands_properties(call)) for comment in page]
    return answer({"startAt": start, "maxResults": size, "total": len(ordered), "comments": shown})


@routes.post(API + "/issue/{issue}/comment")
async def add_comment(request: web.Request) -> web.Response:
    call = call_of(request)
    body = await call.json()
    user, issue = call.issue_to(ADD_COMMENTS)
    comment = call.site.add_comment(user, issue, body.get("body"), properties_in(body), _visibility(body))
    return answer(call.show.comment(issue, comment, properties=_expands_properties(call)), 201)


@routes.get(API + "/issue/{issue}/comment/{comment}")
async def comment(request: web.Request) -> web.Response:
    call = call_of(request)
    issue, found = _comment_of_issue(call)
    return answer(call.show.comment(issue, found, properties=_expands_properties(call)))


@routes.put(API + "/issue/{issue}/comment/{comment}")
async def edit_comment(request: web.Request) -> web.Response:
    """Edit a comment. Who may not gets 400, on both flavours. What the body leaves out stays as it is."""
    call = call_of(request)
    body, user = await call.json(), call.known_user()
    issue, found = _comment_of_issue(call)
    if not call.may_change(issue, found.author, own=EDIT_OWN_COMMENTS, every=EDIT_ALL_COMMENTS):
        raise JiraError(400, f"{user.display_name}, you do not have the permission to edit this comment.")
    if "properties" in body:
        raise JiraError(501, "This simulator does not change the properties of a comment.")
    visibility = _visibility(body) if "visibility" in body else found.visibility
    call.site.edit_comment(user, found, body.get("body"), visibility)
    return answer(call.show.comment(issue, found, properties=_expands_properties(call)))


@routes.delete(API + "/issue/{issue}/comment/{comment}")
async def delete_comment(request: web.Request) -> web.Response:
    """Delete a comment. Who may not gets 400, on both flavours, and an anonymous visitor 405."""
    call = call_of(request)
    if call.user is None:
        raise JiraError(405, "Comments cannot be deleted anonymously.")
    issue, found = _comment_of_issue(call)
    if not call.may_change(issue, found.author, own=DELETE_OWN_COMMENTS, every=DELETE_ALL_COMMENTS):
        raise JiraError(400, f"You do not have permission to delete comment with id: {found.id}")
    call.site.delete_comment(found)
    return web.Response(status=204)


def _expands_properties(call: IncomingCall) -> bool:
    """Tell whether comments are shown with their properties: on Data Center if the call wants it.

    That is the only way there to see that a comment is internal. Cloud has `comment/list` for it, and `jsdPublic`.
    """
    return not call.site.is_cloud and "properties" in call.request.query.get("expand", "").split(",")


def _visibility(body: dict[str, Any]) -> dict[str, Any] | None:
    """Return the role or group that a comment is to be visible to; None for everybody. Raises JiraError 400."""
    visibility: dict[str, Any] | None = body.get("visibility")
    if visibility is None:
        return None
    if not isinstance(visibility, dict) or visibility.get("type") not in ("role", "group"):
        raise JiraError(400, INVALID)
    if not (visibility.get("value") or visibility.get("identifier")):
        raise JiraError(400, commentLevel="The role or the group that may see the comment is missing.")
    return visibility


def _comment_of_issue(call: IncomingCall) -> tuple[SimulatedIssue, SimulatedComment]:
    """Return the issue and the comment that the path names. Raises JiraError 404 when they do not belong together."""
    issue, found = call.issue(), _comment(call)
    if found.issue_id != issue.id:
        raise JiraError(404, f"No comment with given ID found for issue {issue.key}")
    return issue, found


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
