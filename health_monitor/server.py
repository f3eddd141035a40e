"""The HTTP server: its routes, and the headers and errors that all responses share.

GET  /                        the status page (health_monitor.page)
GET  /health /health/live /health/ready
GET  /api/syncs  /api/syncs/{name}
GET  /metrics
POST /session  /session/end   sign in and sign out
POST /api/syncs/{name}/{verb} retry, dismiss, pause, resume, sync-now, restart
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage

from health_monitor import control_api, metrics, read_api
from health_monitor.access.hosts import is_allowed
from health_monitor.admission import SIGN_IN, may_read
from health_monitor.listening import HEAD_SECONDS, LINGER_SECONDS
from health_monitor.page import routes as page
from health_monitor.state import STATE, MonitorState

LARGEST_BODY = 16 * 1024
SHUTDOWN_SECONDS = 2.0
"""Requests that are being answered get so long to finish."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "jira-sync",
}

ANY_HOST = ("/health/live", "/health/ready")
OPEN = (*ANY_HOST, "/session", "/session/end")
"""These say nothing of the syncs, also to those who may not look."""
STATIC = "/static/"
OTHER_HOST = "nothing is served by this name; whoever runs jira-sync can add it to ALLOWED_HOSTS"
NOT_FOUND = 404
UNAUTHORIZED = 401
REQUEST_TIMEOUT = 408
CONTINUE = "100-continue"
HEADERS_OF_ERRORS = ("Allow", "Retry-After")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(state: MonitorState) -> web.Application:
    """Return the server for `state`."""
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_add_headers_and_errors, _admit])
    app[STATE] = state
    for module in (page, read_api, control_api, metrics):
        module.add_routes(app)
    return app


class _Runner(web.AppRunner):
    """Runs the server without what aiohttp does about `Expect` before any of our code sees the request."""

    async def setup(self) -> None:
        await super().setup()
        if self.server is None:
            raise RuntimeError("aiohttp has a server after its setup")
        make = self.server.request_factory

        def make_request(message: RawRequestMessage, *connection: Any) -> web.BaseRequest:
            return make(_without_other_expectations(message), *connection)

        self.server.request_factory = make_request


def _without_other_expectations(message: RawRequestMessage) -> RawRequestMessage:
    """Take an `Expect` away that is not `100-continue`, as a server may (RFC 9110, 10.1.1).

    aiohttp would quote it in its answer, and fail where it holds bytes that are no text.
    """
    if message.headers.get("Expect", CONTINUE).lower() == CONTINUE:
        return message
    headers = message.headers.copy()
    headers.popall("Expect")
    return message._replace(headers=type(message.headers)(headers))


def runner(state: MonitorState) -> web.AppRunner:
    """Return what runs the server for `state`, with its deadlines."""
    return _Runner(
        application(state),
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        keepalive_timeout=HEAD_SECONDS,
        lingering_time=LINGER_SECONDS,
    )


def _error_response(request: web.Request, error: web.HTTPError) -> web.Response:
    is_unknown_path = request.match_info.http_exception is error and error.status == NOT_FOUND
    message = f"there is no {request.path} here" if is_unknown_path else error.text
    if page.accepts_html(request):
        return page.error_page(request, error.status, message or error.reason)
    kept = {name: error.headers[name] for name in HEADERS_OF_ERRORS if name in error.headers}
    if error.status == UNAUTHORIZED:
        kept["WWW-Authenticate"] = "Bearer"
    return web.json_response({"error": message}, status=error.status, headers=kept)


@web.middleware
async def _admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what no browser and no script sends on purpose, and whoever asks by a name that is not ours."""
    if not (request.raw_path.isascii() and request.raw_path.isprintable()):
        raise web.HTTPBadRequest(text="the address holds bytes that no address has")
    hosts = request.headers.getall("Host", [])
    if len(hosts) > 1 or (not hosts and request.version >= HttpVersion11):
        raise web.HTTPBadRequest(text="a request names its host once")
    state = request.app[STATE]
    # Who checks the health of a container asks by any name. These two answers hold nothing that is worth reading.
    asked_for = {*hosts, state.gate.proxies.host(request)} if hosts else set()
    path = state.path(request)
    if path not in ANY_HOST and not all(is_allowed(host, state.host_names) for host in asked_for):
        state.tell_refusal(state.address(request), "it asked for a host that is not in ALLOWED_HOSTS")
        raise web.HTTPMisdirectedRequest(text=OTHER_HOST)
    is_open = path in OPEN or path.startswith(STATIC)
    if not is_open and not await may_read(request):
        raise web.HTTPUnauthorized(text=SIGN_IN)
    return await handler(request)


@web.middleware
async def _add_headers_and_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors with JSON, or with a page for a browser. No response is cached unless its route says so."""
    request.app[STATE].gate.begin_request()
    try:
        response = await handler(request)
    except web.HTTPError as error:
        response = _error_response(request, error)
        if error.status == REQUEST_TIMEOUT:
            response.force_close()
    except Exception:  # noqa: BLE001 - the details go to the log only: they may hold secrets
        request.app[STATE].log.exception("an answer could not be given", path=request.path)
        response = web.json_response({"error": "this is a fault of jira-sync; the monitor's log says more"}, status=500)
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
