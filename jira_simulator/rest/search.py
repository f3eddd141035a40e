"""Routes that search: Cloud pages by token, Data Center by offset."""

from __future__ import annotations

import base64
import json
from typing import Any

from aiohttp import web

from jira_simulator.rest.incoming_call import API, INVALID, PAGE_SIZE, IncomingCall, answer, call_of
from jira_simulator.search import jql
from jira_simulator.search.conditions import JqlQuery
from jira_simulator.search.index import IndexEntry
from jira_simulator.site.model import JiraError, SimulatedUser

routes = web.RouteTableDef()
LIGHT_FIELDS = frozenset({"id", "key", "updated", "created", "status"})
LARGEST_LIGHT_PAGE = 5000
LARGEST_CLOUD_PAGE = 100
LARGEST_DATA_CENTER_PAGE = 1000
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
    limit = LARGEST_LIGHT_PAGE if LIGHT_FIELDS.issuperset(fields) else LARGEST_CLOUD_PAGE
    size = min(wanted["maxResults"], limit)
    call.check_count(len(found[start : start + size]))
    page: dict[str, Any] = {
        "issues": [_issue_found(call, entry, fields, wanted) for entry in found[start : start + size]],
        "isLast": start + size >= len(found),
    }
    if not page["isLast"]:
        page["nextPageToken"] = _token(start + size, wanted["jql"])
    return answer(page)


@routes.route("*", f"{API}/search")
async def data_center_search(request: web.Request) -> web.Response:
    call = call_of(request)
    if call.site.is_cloud:
        raise JiraError(410, REMOVED)
    wanted = await _search_parameters(call)
    start, size = wanted["startAt"], min(wanted["maxResults"], LARGEST_DATA_CENTER_PAGE)
    if start + size > (window := call.hosted.result_window):
        raise JiraError(500, f"It requests {start + size} results, which exceeds the search platform's {window}.")
    found = _find(call, wanted["jql"], must_be_bounded=False, validates=wanted["validateQuery"])
    fields, page = wanted["fields"] or ["*navigable"], found[start : start + size]
    call.check_count(len(page))
    # A document of the index whose issue is not there any more counts, takes its place in the page, and is not shown.
    issues = [_issue_found(call, entry, fields, wanted) for entry in page if not call.hosted.index.is_orphan(entry)]
    fault = call.fault("wrong_total")
    total = len(found) + (fault.extra if fault else 0)
    return answer({"startAt": start, "maxResults": size, "total": total, "issues": issues})


async def _search_parameters(call: IncomingCall) -> dict[str, Any]:
    if call.request.method == "POST":
        given = await call.json()
    elif call.request.method == "GET":
        given = dict(call.request.query)
    else:
        raise JiraError(405, "Method Not Allowed")
    expand, properties = given.get("expand") or "", given.get("properties") or []
    # Only here is `expand` a text. Everything else that may have several values is a list.
    has_right_types = isinstance(expand, str) and isinstance(properties, list)
    if call.request.method == "POST" and call.site.is_cloud and not has_right_types:
        raise JiraError(400, INVALID)
    if call.site.is_cloud and len(_names(properties)) > MOST_PROPERTIES:
        raise JiraError(400, f"At most {MOST_PROPERTIES} properties can be asked for.")
    try:
        return {
            "jql": given.get("jql") or "",
            "fields": _names(given.get("fields") or []),
            "expand": set(_names(expand)),
            # Data Center's search ignores properties without a word.
            "properties": _names(properties) if call.site.is_cloud else [],
            "startAt": max(0, int(given.get("startAt", 0))),
            # A page without issues would be followed by others like it for ever.
            "maxResults": max(1 if call.site.is_cloud else 0, int(given.get("maxResults", PAGE_SIZE))),
            "nextPageToken": given.get("nextPageToken"),
            "validateQuery": str(given.get("validateQuery", "true")).lower() not in ("false", "none"),
        }
    except (TypeError, ValueError):
        raise JiraError(400, "startAt and maxResults must be numbers.") from None


def _names(given: str | list[str]) -> list[str]:
    return given.split(",") if isinstance(given, str) else list(given)


def _find(call: IncomingCall, text: str, *, must_be_bounded: bool, validates: bool = True) -> list[IndexEntry]:
    """Return what a query finds. An anonymous visitor finds nothing, and gets no error."""
    if call.user is None:
        return []
    query = jql.parse(text, call.site, call.user, validates=validates)
    if must_be_bounded and not query.is_bounded:
        raise JiraError(400, "Unbounded JQL queries are not allowed here. Please add a search restriction.")
    found, permissions = _run(call, query, text, call.user), call.site.permissions
    hidden = permissions.hidden_from(call.user)
    if not hidden and not permissions.hides_any(call.user):
        return found
    return [entry for entry in found if not _is_hidden(call, entry, hidden)]


def _run(call: IncomingCall, query: JqlQuery, text: str, user: SimulatedUser) -> list[IndexEntry]:
    def find() -> list[IndexEntry]:
        return query.run(call.hosted.index.entries(query.projects))

    # The next page of the same query needs no new search.
    return call.hosted.index.cached((text, user), find) if query.is_steady else find()


def _is_hidden(call: IncomingCall, entry: IndexEntry, projects: frozenset[str]) -> bool:
    """Tell whether the issue, its project, or the project that the index still has for it, is hidden."""
    if call.site.permissions.hides_issue(call.user, entry.id):
        return True
    issue = call.site.issues.get(entry.id)
    return entry.project in projects or (issue is not None and issue.project.id in projects)


def _issue_found(call: IncomingCall, entry: IndexEntry, fields: list[str], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return an issue as search shows it. On Cloud, `updated` is the index's, which may lag behind the issue's."""
    issue, properties = call.site.issues.get(entry.id), wanted["properties"]
    if issue is None:  # deleted, and still in the index
        bean = _deleted_issue(call, entry, fields)
        return {**bean, "properties": {}} if properties else bean
    if fields == ["id"]:
        bean = {"id": str(entry.id)} if call.site.is_cloud else call.show.issue_reference(issue)
        return {**bean, "properties": call.show.properties(issue, properties)} if properties else bean
    bean = call.shown(issue, fields, wanted["expand"], properties, newest=SEARCH_CHANGELOG)
    if "updated" in bean["fields"] and call.site.is_cloud:
        bean["fields"]["updated"] = call.show.time(entry.updated)
    return bean


def _deleted_issue(call: IncomingCall, entry: IndexEntry, fields: list[str]) -> dict[str, Any]:
    if fields == ["id"] and call.site.is_cloud:
        return {"id": str(entry.id)}
    known = {"updated": call.show.time(entry.updated), "created": call.show.time(entry.created)}
    return {"id": str(entry.id), "key": entry.key, "fields": {name: known.get(name) for name in fields}}


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
