"""Control routes about the calls that reached a site."""

from __future__ import annotations

from aiohttp import web

from jira_simulator.hosting.hosted_site import hosted_of

routes = web.RouteTableDef()


@routes.get("/control/{site}/calls")
async def calls(request: web.Request) -> web.Response:
    return web.json_response(hosted_of(request).calls.since(int(request.query.get("since", 0))))


@routes.get("/control/{site}/calls/summary")
async def call_summary(request: web.Request) -> web.Response:
    return web.json_response(hosted_of(request).calls.summary())


@routes.delete("/control/{site}/calls")
async def forget_calls(request: web.Request) -> web.Response:
    hosted_of(request).calls.clear()
    return web.Response(status=204)
