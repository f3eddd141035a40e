"""The parts of the REST API that search: by pages with tokens on Cloud, by offsets on Data Center."""

from __future__ import annotations

import base64
import json
from typing import Any

from aiohttp import web

from jira_simulator import jql
from jira_simulator.hosting import IncomingCall
from jira_simulator.index import IndexEntry
from jira_simulator.model import JiraError, User
from jira_simulator.rest_site import API, INVALID, PAGE, answer, call_of

routes = web.RouteTableDef()
LIGHT_FIELDS = frozenset({"id", "key", "updated", "created", "status"})
CLOUD_PAGE_LIMITS = (5000, 100)
DATA_CENTER_PAGE_LIMIT = 1000
SEARCH_CHANGELOG = 40
MOST_PROPERTIES = 5
REMOVED = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."


@routes.route("*", f"{API}/search/jql")
async def cloud_search(request: web.Request) -> web.Response:
    call = call_of(request)
    if not call.site.is_cloud:
        raise JiraError(404, "null for uri: search/jql")
    wanted = await _search_parameters(call)
    fields = wanted["fields"] or ["id"]
    found = _find(call, wanted["jql"], must_be_bounded=True)
    start = _offset(wanted["nextPageToken"], wanted["jql"])
    limit = CLOUD_PAGE_LIMITS[0] if LIGHT_FIELDS.issuperset(fields) else CLOUD_PAGE_LIMITS[1]
    most = min(wanted["maxResults"], limit)
    page: dict[str, Any] = {
        "issues": [_found(call, entry, fields, wanted) for entry in found[start : start + most]],
        "isLast": start + most >= len(found),
    }
    if not page["isLast"]:
        page["nextPageToken"] = _token(start + most, wanted["jql"])
    return answer(page)


@routes.route("*", f"{API}/search")
async def data_center_search(request: web.Request) -> web.Response:
    call = call_of(request)
    if call.site.is_cloud:
        raise JiraError(410, REMOVED)
    wanted = await _search_parameters(call)
    found = _find(call, wanted["jql"], must_be_bounded=False)
    start, most = wanted["startAt"], min(wanted["maxResults"], DATA_CENTER_PAGE_LIMIT)
    fields = wanted["fields"] or ["*navigable"]
    issues = [_found(call, entry, fields, wanted) for entry in found[start : start + most]]
    return answer({"startAt": start, "maxResults": most, "total": len(found), "issues": issues})


async def _search_parameters(call: IncomingCall) -> dict[str, Any]:
    if call.request.method == "POST":
        given = await call.json()
    elif call.request.method == "GET":
        given = dict(call.request.query)
    else:
        raise JiraError(405, "Method Not Allowed")
    expand, properties = given.get("expand") or "", given.get("properties") or []
    # Here alone, what is to be expanded is text; whatever else there are several of is a list.
    has_the_types = isinstance(expand, str) and isinstance(properties, list)
    if call.request.method == "POST" and call.site.is_cloud and not has_the_types:
        raise JiraError(400, INVALID)
    if call.site.is_cloud and len(_names(properties)) > MOST_PROPERTIES:
        raise JiraError(400, f"At most {MOST_PROPERTIES} properties can be asked for.")
    try:
        return {
            "jql": given.get("jql") or "",
            "fields": _names(given.get("fields") or []),
            "expand": set(_names(expand)),
            # Data Center's search does not know of properties, and does not say so.
            "properties": _names(properties) if call.site.is_cloud else [],
            "startAt": max(0, int(given.get("startAt", 0))),
            # A page of none would have a next page for ever.
            "maxResults": max(1 if call.site.is_cloud else 0, int(given.get("maxResults", PAGE))),
            "nextPageToken": given.get("nextPageToken"),
        }
    except (TypeError, ValueError):
        raise JiraError(400, "startAt and maxResults must be numbers.") from None


def _names(given: str | list[str]) -> list[str]:
    return given.split(",") if isinstance(given, str) else list(given)


def _find(call: IncomingCall, text: str, *, must_be_bounded: bool) -> list[IndexEntry]:
    """An anonymous visitor finds nothing, and is not told why."""
    if call.user is None:
        return []
    query = jql.parse(text, call.site, call.user)
    if must_be_bounded and not query.is_bounded:
        raise JiraError(400, "Unbounded JQL queries are not allowed here. Please add a search restriction.")
    found, hidden = _run(call, query, text, call.user), call.site.permissions.hidden_from(call.user)
    return [entry for entry in found if not _is_hidden(call, entry, hidden)] if hidden else found


def _run(call: IncomingCall, query: jql.Query, text: str, user: User) -> list[IndexEntry]:
    def find() -> list[IndexEntry]:
        return query.run(call.hosted.index.entries(query.projects))

    # The next page of the same query is not searched for again.
    return call.hosted.index.remembered((text, user), find) if query.is_steady else find()


def _is_hidden(call: IncomingCall, entry: IndexEntry, projects: frozenset[str]) -> bool:
    """Where the issue is in truth, and where the index believes it, must both be seen."""
    issue = call.site.issues.get(entry.id)
    return entry.project in projects or (issue is not None and issue.project.id in projects)


def _found(call: IncomingCall, entry: IndexEntry, fields: list[str], wanted: dict[str, Any]) -> dict[str, Any]:
    """Show what search knows: times are the index's own, which may be behind the truth."""
    issue, properties = call.site.issues.get(entry.id), wanted["properties"]
    if issue is None:  # deleted, but the index does not know yet
        bean = _forgotten(call, entry, fields)
        return {**bean, "properties": {}} if properties else bean
    if fields == ["id"]:
        bean = {"id": str(entry.id)}
        return {**bean, "properties": call.show.properties(issue, properties)} if properties else bean
    limit = call.changelog_limit(SEARCH_CHANGELOG)
    bean = call.show.issue(issue, fields, wanted["expand"], properties, changelog_limit=limit)
    if "updated" in bean["fields"] and call.site.is_cloud:
        bean["fields"]["updated"] = call.show.time(entry.updated)
    return bean


def _forgotten(call: IncomingCall, entry: IndexEntry, fields: list[str]) -> dict[str, Any]:
    if fields == ["id"]:
        return {"id": str(entry.id)}
    known = {"updated": call.show.time(entry.updated), "created": call.show.time(entry.created)}
    return {"id": str(entry.id), "key": entry.key, "fields": {each: known.get(each) for each in fields}}


def _token(start: int, text: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([start, text]).encode()).decode()


def _offset(token: str | None, text: str) -> int:
    if token is None:
        return 0
    try:
        start, query = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise JiraError(400, "The nextPageToken is invalid.") from None
    if query != text:
        raise JiraError(400, "The nextPageToken belongs to another query.")
    return int(start)
