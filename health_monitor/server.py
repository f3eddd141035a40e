"""The HTTP server: its routes, and what holds for every answer.

GET  /                        the status page (health_monitor.page)
GET  /health /health/live /health/ready
GET  /api/syncs  /api/syncs/{name}
GET  /metrics
POST /session  /session/end   a browser's way in and out
POST /api/syncs/{name}/{verb} retry, dismiss, pause, resume, sync-now, restart
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from health_monitor import control_api, metrics, page, read_api
from health_monitor.state import STATE, MonitorState

LARGEST_BODY = 16 * 1024
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

NOT_FOUND = 404

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(state: MonitorState) -> web.Application:
    """Return the server for `state`."""
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_every_answer])
    app[STATE] = state
    for part in (page, read_api, control_api, metrics):
        part.add_routes(app)
    return app


def _error(request: web.Request, error: web.HTTPError) -> web.Response:
    is_unknown = request.match_info.http_exception is error and error.status == NOT_FOUND
    said = f"there is no {request.path} here" if is_unknown else error.text
    if page.is_wanted(request):
        return page.refusal(request, error.status, said or error.reason)
    allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return web.json_response({"error": said}, status=error.status, headers=allowed)


@web.middleware
async def _every_answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors are JSON, or a page for whoever wants one; nothing is kept by a cache unless its route says so."""
    try:
        response = await handler(request)
    except web.HTTPError as error:
        response = _error(request, error)
    except Exception:  # noqa: BLE001 - it is said in our log, and in no other way
        request.app[STATE].log.exception("an answer could not be given", path=request.path)
        response = web.json_response({"error": "this is a fault of jira-sync; the monitor's log says more"}, status=500)
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
