"""The parts of the REST API that are about issues and what hangs on them."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from jira_simulator.hosting import IncomingCall
from jira_simulator.model import JiraError
from jira_simulator.permissions import CREATE_ISSUES, EDIT_ISSUES, TRANSITION_ISSUES
from jira_simulator.rest_site import API, INVALID, answer, call_of

routes = web.RouteTableDef()
BULK_READ = 100
BULK_READ_KEYS = frozenset({"issueIdsOrKeys", "fields", "expand", "properties", "fieldsByKeys"})
BULK_CREATE = 50
BULK_CHANGELOG = 40
CLOUD_CHANGELOG = 100
LONGEST_KEY = 255
LONGEST_PROPERTY = 32768


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
    issues, errors = [], []
    for number, draft in enumerate(drafts):
        try:
            issues.append(_create(call, draft))
        except JiraError as error:
            details = {"errorMessages": list(error.messages), "errors": error.errors}
            errors.append({"status": error.status, "elementErrors": details, "failedElementNumber": number})
    return answer({"issues": issues, "errors": errors}, 201 if issues else 400)


def _create(call: IncomingCall, draft: dict[str, Any]) -> dict[str, str]:
    call.known_user()
    fields = draft.get("fields") or {}
    user = call.permitted(CREATE_ISSUES, call.site.project_in(fields))
    issue = call.site.create(user, fields, properties_in(draft))
    self_link = f"{call.request.url.origin()}/{call.site.name}/rest/api/2/issue/{issue.id}"
    return {"id": str(issue.id), "key": issue.key, "self": self_link}


def properties_in(body: dict[str, Any]) -> list[dict[str, Any]]:
    properties: list[dict[str, Any]] = body.get("properties") or []
    if any(not each.get("key") or len(each["key"]) > LONGEST_KEY for each in properties):
        raise JiraError(400, "A property needs a key of at most 255 characters.")
    return properties


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
    found = {issue.id: issue for each in wanted if (issue := call.site.issue(str(each))) and call.sees(issue)}
    fields, expand = body.get("fields") or ["*navigable"], set(body.get("expand") or ())
    properties = body.get("properties") or []
    issues = [
        call.show.issue(
            found[identity], fields, expand, properties, changelog_limit=call.changelog_limit(BULK_CHANGELOG)
        )
        for identity in sorted(found)
    ]
    return answer({"issues": issues, "issueErrors": []})


@routes.get(API + "/issue/{issue}")
async def read(request: web.Request) -> web.Response:
    call = call_of(request)
    query = request.query
    fields = query.get("fields", "*all").split(",")
    expand = set(query.get("expand", "").split(","))
    properties = query["properties"].split(",") if query.get("properties") else []
    limit = call.changelog_limit(CLOUD_CHANGELOG)
    return answer(call.show.issue(call.issue(), fields, expand, properties, changelog_limit=limit))


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
    histories = call.issue().histories
    start, most = call.number("startAt", 0), min(call.number("maxResults", 100), 100)
    values = [call.show.history(each) for each in histories[start : start + most]]
    is_last = start + most >= len(histories)
    return answer({"startAt": start, "maxResults": most, "total": len(histories), "isLast": is_last, "values": values})


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
    identity = str((body.get("transition") or {}).get("id", ""))
    call.site.transition(*call.issue_to(TRANSITION_ISSUES), identity, body.get("fields") or {})
    return web.Response(status=204)


# Properties


@routes.get(API + "/issue/{issue}/properties")
async def property_keys(request: web.Request) -> web.Response:
    issue = call_of(request).issue()
    return answer({"keys": [{"self": "", "key": key} for key in issue.properties]})


@routes.get(API + "/issue/{issue}/properties/{key}")
async def read_property(request: web.Request) -> web.Response:
    return property_answer(call_of(request).issue().properties, request.match_info["key"])


@routes.put(API + "/issue/{issue}/properties/{key}")
async def set_property(request: web.Request) -> web.Response:
    call = call_of(request)
    (_, issue), key = call.issue_to(EDIT_ISSUES), request.match_info["key"]
    if request.content_type != "application/json":
        raise JiraError(415, "Unsupported Media Type")
    text = await request.text()
    if len(text) > LONGEST_PROPERTY or len(key) > LONGEST_KEY:
        raise JiraError(400, "The property's key or value is too long.")
    is_new = key not in issue.properties
    try:
        issue.properties[key] = json.loads(text)
    except ValueError:
        raise JiraError(400, "The property value is not valid JSON.") from None
    return web.Response(status=201 if is_new else 200)


@routes.delete(API + "/issue/{issue}/properties/{key}")
async def delete_property(request: web.Request) -> web.Response:
    call = call_of(request)
    _, issue = call.issue_to(EDIT_ISSUES)
    issue.properties.pop(request.match_info["key"], None)
    return web.Response(status=204)


def property_answer(properties: dict[str, Any], key: str) -> web.Response:
    if key not in properties:
        raise JiraError(404, f"The property '{key}' does not exist.")
    return answer({"key": key, "value": properties[key]})
