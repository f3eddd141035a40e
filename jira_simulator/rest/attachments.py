"""Routes about attachments. The content of a file is at another address on each flavour."""

from __future__ import annotations

import re

from aiohttp import BodyPartReader, web

from jira_simulator.rest.incoming_call import API, IncomingCall, answer, call_of
from jira_simulator.site.model import JiraError, SimulatedAttachment
from jira_simulator.site.permissions import CREATE_ATTACHMENTS, DELETE_ALL_ATTACHMENTS, DELETE_OWN_ATTACHMENTS

routes = web.RouteTableDef()
CHUNK = 64 * 1024
MOST_AT_ONCE = 60


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
    async for part in await call.multipart():
        if isinstance(part, BodyPartReader) and part.name == "file":
            mime_type = part.headers.get("Content-Type", "")
            received.append((_filename(call, part), mime_type, await _received_content(call, part)))
            if len(received) > MOST_AT_ONCE:
                raise JiraError(413, f"At most {MOST_AT_ONCE} files can be uploaded at once.")
    if not received:
        raise JiraError(400, "No file was sent.")
    call.site.issue_limits.check_attachments(len(issue.attachments) + len(received))
    attached = [call.site.attach(user, issue, *file) for file in received]
    return answer([call.show.attachment(attachment) for attachment in attached])


def _filename(call: IncomingCall, part: BodyPartReader) -> str:
    name = part.filename or "file"
    return re.sub(r"[^A-Za-z0-9.-]", "_", name) if call.fault("rename_attachment") else name


async def _received_content(call: IncomingCall, part: BodyPartReader) -> bytes:
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
    """Delete a file. Nobody is told here to sign in: to an anonymous visitor, the file does not exist."""
    call = call_of(request)
    found = _attachment(call)
    issue = call.site.issues[found.issue_id]
    if not call.may_change(issue, found.author, own=DELETE_OWN_ATTACHMENTS, every=DELETE_ALL_ATTACHMENTS):
        raise JiraError(403, f"You do not have permission to delete attachment with id: {found.id}")
    call.site.detach(call.known_user(), found)
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
        # Atlassian's media host knows no accounts, only the token in the address. The route `media` stands in for it.
        address = f"{request.url.origin()}/{call.site.name}/secure/media/{found.id}?token={call.site.media_token}"
        return web.Response(status=303, headers={"Location": address})
    return await _send(call, found)


@routes.get("/{site}/secure/media/{attachment}")
async def media(request: web.Request) -> web.StreamResponse:
    call = call_of(request)
    attachment_id = request.match_info["attachment"]
    found = call.site.attachments.get(int(attachment_id)) if attachment_id.isdigit() else None
    if found is None or request.query.get("token") != call.site.media_token:
        raise JiraError(404, "There is no such file.")
    return await _send(call, found)


@routes.get("/{site}/secure/attachment/{attachment}/{filename}")
async def data_center_content(request: web.Request) -> web.StreamResponse:
    call = call_of(request)
    found = _attachment(call)
    if fault := call.fault("redirect_attachment"):
        return web.Response(status=303, headers={"Location": fault.location})
    return await _send(call, found)


def _attachment(call: IncomingCall) -> SimulatedAttachment:
    attachment_id = call.request.match_info["attachment"]
    found = call.site.attachments.get(int(attachment_id)) if attachment_id.isdigit() else None
    is_shown = call.site.takes_attachments and found and call.sees(call.site.issues[found.issue_id])
    if found is None or not is_shown:
        raise JiraError(404, f"The attachment with id '{attachment_id}' does not exist")
    return found


async def _send(call: IncomingCall, found: SimulatedAttachment) -> web.StreamResponse:
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
