"""Routes about the properties of issues, and what the properties of issues and comments have in common."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from jira_simulator.rest.incoming_call import API, answer, call_of
from jira_simulator.site.model import JiraError
from jira_simulator.site.permissions import EDIT_ISSUES

routes = web.RouteTableDef()
LONGEST_KEY = 255
LONGEST_PROPERTY = 32768


@routes.get(API + "/issue/{issue}/properties")
async def property_keys(request: web.Request) -> web.Response:
    return keys_answer(call_of(request).issue().properties)


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


def properties_in(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the properties that come with what is created. Raises JiraError 400."""
    properties: list[dict[str, Any]] = body.get("properties") or []
    if any(not entry.get("key") or len(entry["key"]) > LONGEST_KEY for entry in properties):
        raise JiraError(400, "A property needs a key of at most 255 characters.")
    return properties


def keys_answer(properties: dict[str, Any]) -> web.Response:
    return answer({"keys": [{"self": "", "key": key} for key in properties]})


def property_answer(properties: dict[str, Any], key: str) -> web.Response:
    if key not in properties:
        raise JiraError(404, f"The property '{key}' does not exist.")
    return answer({"key": key, "value": properties[key]})
