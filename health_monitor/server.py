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

from health_monitor import page
from health_monitor.state import STATE, State

LARGEST_BODY = 16 * 1024
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(state: State) -> web.Application:
    """Return the server for `state`."""
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_every_answer])
    app[STATE] = state
    page.add_routes(app)
    return app


@web.middleware
async def _every_answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors are JSON, nothing is kept by a cache unless its route says so, and browsers are told to be careful."""
    try:
        response = await handler(request)
    except web.HTTPError as error:
        response = web.json_response({"error": error.text}, status=error.status)
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
