"""The status page for people. This is what stands in its place until it is there."""

from __future__ import annotations

from aiohttp import web


def add_routes(app: web.Application) -> None:
    """Add the page's routes; `app[STATE]` has what they show."""
    app.router.add_get("/", _nothing_yet)


async def _nothing_yet(_request: web.Request) -> web.Response:
    return web.Response(text="jira-sync: see /health, /api/syncs, /metrics\n")
