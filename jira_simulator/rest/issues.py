"""Routes about issues themselves: create, read, edit, delete, their history and their transitions."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from jira_simulator.rest.incoming_call import API, INVALID, IncomingCall, answer, call_of
from jira_simulator.rest.properties import properties_in
from jira_simulator.site.model import JiraError
from jira_simulator.site.permissions import CREATE_ISSUES, EDIT_ISSUES, TRANSITION_ISSUES

routes = web.RouteTableDef()
BULK_READ = 100
BULK_READ_KEYS = frozenset({"issueIdsOrKeys", "fields", "expand", "properties", "fieldsByKeys"})
BULK_CREATE = 50
BULK_CHANGELOG = 40
CLOUD_CHANGELOG = 100
CHANGELOG_PAGE = 100


@routes.post(f"{API}/issue")
async def create(request: web.Request) -> web.Response:
    call = call_of(request)
    body = await call.json()
    return answer(_create(call, body), 201)


@routes.post(f"{API}/issue/bulk")
async def create_many(request: web.Request) -> web.Response:
    call = call_of(request)
    body = await call.json()
    drafts = body.get("issueUpdates") or []
    if len(drafts) > BULK_CREATE:
        raise JiraError(400, f"At most {BULK_CREATE} issues can be created at once.")
    call.check_count(len(drafts))
    issues, errors = [], []
    for number, draft in enumerate(drafts):
        try:
            issues.append(_create(call, draft))
        except JiraError as error:
            details = {"errorMessages": list(error.messages), "errors": error.errors}
            errors.append({"status": error.status, "elementErrors": details, "failedElementNumber": number})
    return answer({"issues": issues, "errors": errors}, 201 if issues else 400)


def _create(call: IncomingCall, draft: dict[str, Any]) -> dict[str, Any]:
    call.known_user()
    fields = draft.get("fields") or {}
    user = call.permitted(CREATE_ISSUES, call.site.project_in(fields))
    return call.show.issue_reference(call.site.create(user, fields, properties_in(draft)))


@routes.post(f"{API}/issue/bulkfetch")
async def bulk_fetch(request: web.Request) -> web.Response:
    call = call_of(request)
    if not call.site.is_cloud:
        raise JiraError(404, "null for uri: issue/bulkfetch")
    body = await call.json()
    wanted = body.get("issueIdsOrKeys") or []
    if set(body) - BULK_READ_KEYS or not isinstance(body.get("expand", []), list):
        raise JiraError(400, INVALID)
    if not 0 < len(wanted) <= BULK_READ:
        raise JiraError(400, f"Between 1 and {BULK_READ} issues can be fetched at once.")
    named = (call.site.issue(str(key_or_id)) for key_or_id in wanted)
    found = {issue.id: issue for issue in named if issue and call.sees(issue)}
    fields, expand = body.get("fields") or ["*navigable"], set(body.get("expand") or ())
    properties = body.get("properties") or []
    call.check_count(len(wanted))
    failed = [issue for issue in found.values() if call.fault_about("issue_errors", issue)]
    issues = [
        call.shown(found[issue_id], fields, expand, properties, newest=BULK_CHANGELOG)
        for issue_id in sorted(found)
        if found[issue_id] not in failed
    ]
    errors = [{"id": str(issue.id), "errorMessage": "The issue could not be read for the moment."} for issue in failed]
    return answer({"issues": issues, "issueErrors": errors})


@routes.get(API + "/issue/{issue}")
async def read(request: web.Request) -> web.Response:
    call = call_of(request)
    query = request.query
    fields = query.get("fields", "*all").split(",")
    expand = set(query.get("expand", "").split(","))
    properties = query["properties"].split(",") if query.get("properties") else []
    return answer(call.shown(call.issue(), fields, expand, properties, newest=CLOUD_CHANGELOG))


@routes.put(API + "/issue/{issue}")
async def edit(request: web.Request) -> web.Response:
    call = call_of(request)
    body = await call.json()
    call.site.edit(*call.issue_to(EDIT_ISSUES), body.get("fields") or {}, body.get("update") or {})
    return web.Response(status=204)


@routes.delete(API + "/issue/{issue}")
async def delete(request: web.Request) -> web.Response:
    call = call_of(request)
    call.known_user()
    call.site.delete(call.issue())
    return web.Response(status=204)


@routes.get(API + "/issue/{issue}/changelog")
async def changelog(request: web.Request) -> web.Response:
    call = call_of(request)
    if not call.site.is_cloud:
        raise JiraError(404, "null for uri: changelog")
    issue = call.issue()
    call.check_readable(issue)
    histories = issue.histories
    start, size = call.number("startAt", 0), min(call.number("maxResults", CHANGELOG_PAGE), CHANGELOG_PAGE)
    values = [call.show.history_entry(entry) for entry in histories[start : start + size]]
    is_last = start + size >= len(histories)
    return answer({"startAt": start, "maxResults": size, "total": len(histories), "isLast": is_last, "values": values})


@routes.get(API + "/issue/{issue}/transitions")
async def transitions(request: web.Request) -> web.Response:
    call = call_of(request)
    with_fields = "transitions.fields" in request.query.get("expand", "").split(",")
    found = call.show.transitions(call.issue(), with_fields=with_fields)
    return answer({"expand": "transitions", "transitions": found})


@routes.post(API + "/issue/{issue}/transitions")
async def transition(request: web.Request) -> web.Response:
    call = call_of(request)
    body = await call.json()
    transition_id = str((body.get("transition") or {}).get("id", ""))
    call.site.transition(*call.issue_to(TRANSITION_ISSUES), transition_id, body.get("fields") or {})
    return web.Response(status=204)
