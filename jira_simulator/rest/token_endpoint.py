"""The token endpoints of service accounts, and which calls an access token is good for.

Atlassian has one endpoint for all sites, at a host of its own, which takes a form or JSON and answers errors as Auth0
does. Here each Cloud site has its own one, below its address. Data Center's takes a form alone, and wants scopes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from jira_simulator.addresses import REST_ROOT
from jira_simulator.hosting.hosted_site import GATEWAY, path_below
from jira_simulator.rest.incoming_call import IncomingCall, answer, call_of, error_answer
from jira_simulator.site.access_tokens import ClientCredential
from jira_simulator.site.model import JiraError

routes = web.RouteTableDef()

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
WANTED = ("grant_type", "client_id", "client_secret")
GRANT = "client_credentials"
READING_POSTS = (f"{REST_ROOT}/search/jql", f"{REST_ROOT}/issue/bulkfetch")
OPEN_TO_ALL = (f"{REST_ROOT}/serverInfo",)
ABOUT_USERS = (f"{REST_ROOT}/myself", f"{REST_ROOT}/user")


@routes.post("/{site}/oauth/token")
async def atlassians_endpoint(request: web.Request) -> web.Response:
    call = call_of(request)
    if not call.site.is_cloud:
        raise web.HTTPNotFound
    given = await _given(request, FORM, JSON)
    if missing := [name for name in WANTED if not given.get(name)]:
        return _error(400, "invalid_request", f"Missing required parameter: {missing[0]}")
    if given["grant_type"] != GRANT:
        return _error(403, "unsupported_grant_type", f"Unsupported grant type: {given['grant_type']}")
    client = call.site.access_tokens.client(given["client_id"], given["client_secret"])
    if client is None:
        return _error(401, "access_denied", "Unauthorized")
    return _issue(call, client, client.scopes, "Bearer")


@routes.post("/{site}/rest/oauth2/latest/token")
async def data_centers_endpoint(request: web.Request) -> web.Response:
    call = call_of(request)
    if call.site.is_cloud:
        raise web.HTTPNotFound
    if request.content_type != FORM:
        raise web.HTTPUnsupportedMediaType
    given = await _given(request, FORM)
    if missing := [name for name in (*WANTED, "scope") if not given.get(name)]:
        return _error(400, "invalid_request", f"Missing parameter: {missing[0]}")
    if given["grant_type"] != GRANT:
        return _error(400, "unsupported_grant_type", f"Unsupported grant_type: {given['grant_type']}")
    client = call.site.access_tokens.client(given["client_id"], given["client_secret"])
    if client is None:
        return _error(401, "invalid_client", "Invalid client credentials")
    scopes = tuple(given["scope"].split())
    if not set(scopes) <= _with_implied(client.scopes):
        return _error(400, "invalid_scope", "The requested scope is not allowed for this client")
    return _issue(call, client, scopes, "bearer")


async def _given(request: web.Request, *kinds: str) -> Mapping[str, str]:
    """Return the parameters of a request for a token; none when they are not given as they must be."""
    if request.content_type not in kinds:
        return {}
    if request.content_type == FORM:
        form = await request.post()
        return {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        body = json.loads(await request.read())
    except ValueError:
        return {}
    return {name: value for name, value in body.items() if isinstance(value, str)} if isinstance(body, dict) else {}


def _issue(call: IncomingCall, client: ClientCredential, scopes: tuple[str, ...], kind: str) -> web.Response:
    tokens, now = call.site.access_tokens, call.site.now()
    token = tokens.issue(client, scopes, now)
    body: dict[str, Any] = {"access_token": token.text, "expires_in": int(tokens.lifetime), "token_type": kind}
    if call.site.is_cloud:
        body["scope"] = " ".join(scopes)
    else:
        body["created_at"] = int(now.timestamp())
    return answer(body)


def _error(status: int, error: str, description: str) -> web.Response:
    return answer({"error": error, "error_description": description}, status)


def refusal(call: IncomingCall) -> web.Response | None:
    """Return how a call is refused that comes with an access token; None when it is not, or when there is no token."""
    if call.bearer is None:
        return None
    token = call.site.access_tokens.valid(call.bearer, call.site.now())
    path, method = path_below(call.request), call.request.method
    if call.site.is_cloud:
        if token is None:
            return _of_gateway(call, "Unauthorized") if is_at_gateway(call.request) else None
        needed = scope_on_cloud(method, path)
        return None if needed in (None, *token.scopes) else _of_gateway(call, "Unauthorized; scope does not match")
    if token is None:
        return None  # perhaps it is a personal access token
    if not path.startswith(f"{REST_ROOT}/"):
        return _of_data_center(401, "invalid_token")
    needed = "READ" if method == "GET" else "WRITE"
    return None if needed in _with_implied(token.scopes) else _of_data_center(403, "insufficient_scope")


def is_at_gateway(request: web.Request) -> bool:
    return request.path.split("/")[1:3] == GATEWAY


def scope_on_cloud(method: str, path: str) -> str | None:
    """Return the scope that a call needs, as Atlassian's description of the API has it; None when it needs none."""
    if path in OPEN_TO_ALL:
        return None
    if method == "GET" and path in ABOUT_USERS:
        return "read:jira-user"
    return "read:jira-work" if method == "GET" or path in READING_POSTS else "write:jira-work"


def _with_implied(scopes: tuple[str, ...]) -> set[str]:
    return {*scopes, *(["READ"] if "WRITE" in scopes else [])}


def _of_gateway(call: IncomingCall, message: str) -> web.Response:
    """Return the gateway's own answer. No header of it is Jira's."""
    call.is_answered_by_another = True
    response = answer({"code": 401, "message": message}, 401)
    response.headers["Date"] = f"{call.site.now():%a, %d %b %Y %H:%M:%S} GMT"
    return response


def _of_data_center(status: int, error: str) -> web.Response:
    response = error_answer(JiraError(status, "The access token is not good for this."))
    response.headers["WWW-Authenticate"] = f'Bearer error="{error}"'
    return response
