"""The parts of the REST API that are about what hangs on an issue: comments, attachments, remote links."""

from __future__ import annotations

from aiohttp import BodyPartReader, web

from jira_simulator.hosting import IncomingCall
from jira_simulator.model import Attachment, Comment, Issue, JiraError, RemoteLink
from jira_simulator.permissions import ADD_COMMENTS, CREATE_ATTACHMENTS, LINK_ISSUES
from jira_simulator.rest_issues import LONGEST_KEY, properties_in, property_answer
from jira_simulator.rest_site import API, answer, call_of

routes = web.RouteTableDef()
COMMENTS_READ = 1000
CHUNK = 64 * 1024


# Comments


@routes.get(API + "/issue/{issue}/comment")
async def comments(request: web.Request) -> web.Response:
    call = call_of(request)
    issue = call.issue()
    order = request.query.get("orderBy", "created")
    if order not in ("created", "+created", "-created"):
        raise JiraError(400, "orderBy must be created, +created or -created.")
    ordered = sorted(issue.comments, key=lambda each: each.id, reverse=order.startswith("-"))
    start, most = call.number("startAt", 0), min(call.number("maxResults", 100), 100)
    shown = [call.show.comment(issue, each) for each in ordered[start : start + most]]
    return answer({"startAt": start, "maxResults": most, "total": len(ordered), "comments": shown})


@routes.post(API + "/issue/{issue}/comment")
async def comment(request: web.Request) -> web.Response:
    call = call_of(request)
    body = await call.json()
    user, issue = call.issue_to(ADD_COMMENTS)
    text, visibility = body.get("body"), body.get("visibility")
    posted = call.site.comment(user, issue, text, properties_in(body), visibility)
    return answer(call.show.comment(issue, posted), 201)


@routes.post(f"{API}/comment/list")
async def comments_by_ids(request: web.Request) -> web.Response:
    call = call_of(request)
    if not call.site.is_cloud:
        raise JiraError(404, "null for uri: comment/list")
    wanted = {int(each) for each in (await call.json()).get("ids") or () if str(each).isdigit()}
    if not 0 < len(wanted) <= COMMENTS_READ:
        raise JiraError(400, f"Between 1 and {COMMENTS_READ} comments can be asked for at once.")
    with_properties = "properties" in request.query.get("expand", "").split(",")
    found = [each for identity in sorted(wanted) if (each := _seen_comment(call, identity))]
    values = [call.show.comment(call.site.issues[each.issue_id], each, properties=with_properties) for each in found]
    page = {"startAt": 0, "maxResults": COMMENTS_READ, "total": len(values), "isLast": True}
    return answer({**page, "values": values})


@routes.get(API + "/comment/{comment}/properties")
async def comment_property_keys(request: web.Request) -> web.Response:
    found = _comment(call_of(request))
    return answer({"keys": [{"self": "", "key": key} for key in found.properties]})


@routes.get(API + "/comment/{comment}/properties/{key}")
async def comment_property(request: web.Request) -> web.Response:
    call = call_of(request)
    return property_answer(_comment(call).properties, request.match_info["key"])


def _comment(call: IncomingCall) -> Comment:
    identity = call.request.match_info["comment"]
    found = _seen_comment(call, int(identity)) if identity.isdigit() else None
    if found is None:
        raise JiraError(404, f"Can not find a comment for the id: {identity}.")
    return found


def _seen_comment(call: IncomingCall, identity: int) -> Comment | None:
    found = call.site.comments.get(identity)
    return found if found and call.sees(call.site.issues[found.issue_id]) else None


# Attachments


@routes.post(API + "/issue/{issue}/attachments")
async def attach(request: web.Request) -> web.Response:
    call = call_of(request)
    if request.headers.get("X-Atlassian-Token") != "no-check":
        raise JiraError(403, "XSRF check failed")
    user, issue = call.issue_to(CREATE_ATTACHMENTS)
    if not call.site.takes_attachments:
        raise JiraError(403, "Attachments are disabled.")
    if request.content_type != "multipart/form-data":
        raise JiraError(415, "Unsupported Media Type")
    received = []
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name == "file":
            kind = part.headers.get("Content-Type", "")
            received.append((part.filename or "file", kind, await _content(call, part)))
    if not received:
        raise JiraError(400, "No file was sent.")
    attached = [call.site.attach(user, issue, *each) for each in received]
    return answer([call.show.attachment(each) for each in attached])


async def _content(call: IncomingCall, part: BodyPartReader) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        content += chunk
        if len(content) > call.site.upload_limit:
            raise JiraError(413, "The attachment is larger than the configured maximum.")
    return bytes(content)


@routes.get(API + "/attachment/{attachment:\\d+}")
async def attachment(request: web.Request) -> web.Response:
    call = call_of(request)
    found = _attachment(call)
    bean = call.show.attachment(found)
    # Here the id is a number on Cloud, unlike anywhere else.
    return answer({**bean, "id": found.id} if call.site.is_cloud else bean)


@routes.delete(API + "/attachment/{attachment:\\d+}")
async def delete_attachment(request: web.Request) -> web.Response:
    call = call_of(request)
    call.known_user()
    found = _attachment(call)
    user = call.permitted(CREATE_ATTACHMENTS, call.site.issues[found.issue_id].project)
    call.site.detach(user, found)
    return web.Response(status=204)


@routes.get(API + "/attachment/content/{attachment}")
async def cloud_content(request: web.Request) -> web.StreamResponse:
    call = call_of(request)
    if not call.site.is_cloud:
        raise JiraError(404, "null for uri: attachment/content")
    found = _attachment(call)
    if fault := call.fault("redirect_attachment"):
        return web.Response(status=303, headers={"Location": fault.location})
    if request.query.get("redirect") != "false":
        # What stands in for Atlassian's media host knows no accounts, only the token in the address.
        place = f"{request.url.origin()}/{call.site.name}/secure/media/{found.id}?token={call.site.media_token}"
        return web.Response(status=303, headers={"Location": place})
    return await _send(call, found)


@routes.get("/{site}/secure/media/{attachment}")
async def media(request: web.Request) -> web.StreamResponse:
    call = call_of(request)
    identity = request.match_info["attachment"]
    found = call.site.attachments.get(int(identity)) if identity.isdigit() else None
    if found is None or request.query.get("token") != call.site.media_token:
        raise JiraError(404, "There is no such file.")
    return await _send(call, found)


@routes.get("/{site}/secure/attachment/{attachment}/{filename}")
async def content(request: web.Request) -> web.StreamResponse:
    call = call_of(request)
    found = _attachment(call)
    if fault := call.fault("redirect_attachment"):
        return web.Response(status=303, headers={"Location": fault.location})
    return await _send(call, found)


def _attachment(call: IncomingCall) -> Attachment:
    identity = call.request.match_info["attachment"]
    found = call.site.attachments.get(int(identity)) if identity.isdigit() else None
    if found is None or not call.sees(call.site.issues[found.issue_id]):
        raise JiraError(404, f"The attachment with id '{identity}' does not exist")
    return found


async def _send(call: IncomingCall, found: Attachment) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={**call.headers(), "Content-Type": found.mime_type or "application/octet-stream"}
    )
    response.content_length = len(found.content)
    await response.prepare(call.request)
    if call.fault("truncate_attachment"):
        await response.write(found.content[: len(found.content) // 2])
        raise ConnectionAbortedError
    for start in range(0, len(found.content), CHUNK):
        await response.write(found.content[start : start + CHUNK])
    await response.write_eof()
    return response


# Remote links


@routes.get(API + "/issue/{issue}/remotelink")
async def remote_links(request: web.Request) -> web.Response:
    call = call_of(request)
    issue = call.issue()
    wanted = request.query.get("globalId")
    if wanted is None:
        return answer([call.show.remote_link(issue, each) for each in issue.links])
    found = next((each for each in issue.links if each.global_id == wanted), None)
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
    link, is_new = call.site.link(issue, body)
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


def _link(issue: Issue, identity: str) -> RemoteLink:
    for each in issue.links:
        if str(each.id) == identity:
            return each
    raise JiraError(404, "The remote issue link does not exist.")


@routes.delete(API + "/issue/{issue}/remotelink")
async def delete_remote_link(request: web.Request) -> web.Response:
    _, issue = call_of(request).issue_to(LINK_ISSUES)
    wanted = request.query.get("globalId")
    issue.links = [each for each in issue.links if each.global_id != wanted]
    return web.Response(status=204)
