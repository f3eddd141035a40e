"""The simulator's HTTP server. A middleware finds the site and the caller of each request, and records the call."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import re
import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from types import ModuleType, TracebackType

from aiohttp import web

from jira_simulator import control, rest
from jira_simulator.client import SimulatorControl
from jira_simulator.hosting.hosted_site import GATEWAY, HOSTED, HostedSite, path_below, site_segment
from jira_simulator.hosting.kept_sites import KeptSites
from jira_simulator.rest import token_endpoint
from jira_simulator.rest.authentication import authenticate
from jira_simulator.rest.fault_effects import ConnectionDropped, Handler, serve_with_faults
from jira_simulator.rest.incoming_call import API, CALL, IncomingCall, error_answer
from jira_simulator.seed import Seed, build
from jira_simulator.site.model import JiraError
from jira_simulator.site.simulated_site import served_by_node

LARGEST_BODY = 1024**3
SECONDS_TO_CLOSE = 0.5
KEPT = web.AppKey("kept", KeptSites)
SEARCH = re.compile("/search(/|$)")


def application(seed: Seed, kept: KeptSites | None = None) -> web.Application:
    """Return the application that serves the sites of `seed`, or those that were `kept`, and keeps them."""
    keeping = [keep_sites] if kept else []
    app = web.Application(middlewares=[*keeping, answer_errors, serve_site], client_max_size=LARGEST_BODY)
    known = kept.load() if kept else None
    app[HOSTED] = known or {site.name: HostedSite(build(site)) for site in seed.sites}
    if kept:
        app[KEPT] = kept
        keep_now(app)
    app.add_routes([*_routes_in(control), *_routes_in(rest)])
    for route in _routes_in(rest):
        if route.path.startswith(API):
            app.router.add_route(route.method, f"/{'/'.join(GATEWAY)}{route.path}", route.handler)
    return app


def _routes_in(package: ModuleType) -> Iterator[web.RouteDef]:
    """Yield the routes of the modules of a package that have any."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield from getattr(importlib.import_module(found.name), "routes", ())


@web.middleware
async def keep_sites(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have what a request has changed on disk before it is answered: nobody is told of an issue that could be lost."""
    response = await handler(request)
    if request.method != "GET" and not SEARCH.search(request.path):
        keep_now(request.app)
    return response


def keep_now(app: web.Application) -> None:
    hosted_sites: dict[str, HostedSite] = app[HOSTED]
    app[KEPT].keep(hosted_sites)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors as Jira does, and close the connection where a fault demands it."""
    try:
        return await handler(request)
    except JiraError as error:
        return error_answer(error)
    except (ConnectionDropped, ConnectionAbortedError):
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # goes nowhere: the connection is closed


@web.middleware
async def serve_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the site and the caller of a request to a site's API, apply the faults that strike it, and record it."""
    hosted_sites: dict[str, HostedSite] = request.app[HOSTED]
    hosted = _site_of(request, hosted_sites)
    if hosted is None and "/rest/" in request.path:
        raise web.HTTPNotFound
    if hosted is None or "/browse/" in request.path:
        return await handler(request)
    authorization = request.headers.get("Authorization")
    user, is_wrong = authenticate(hosted.site, authorization, is_at_gateway=token_endpoint.is_at_gateway(request))
    path = path_below(request)
    faults = hosted.faults.strike(request.method, path, user.name if user else None, request.query_string)
    call = request[CALL] = IncomingCall(request, hosted, user, failed_login=is_wrong, faults=faults)
    fault = call.fault("node_clock")
    with served_by_node(timedelta(seconds=fault.offset if fault else 0.0)):
        status, size = 0, 0
        try:
            response = await _answer(call, handler)
            status, size = response.status, response.content_length or 0
        finally:
            hosted.record(request, user, status, size)
        if not response.prepared and not call.is_answered_by_another:
            response.headers.update(call.headers())
    return response


def _site_of(request: web.Request, hosted_sites: dict[str, HostedSite]) -> HostedSite | None:
    """Return the site that the request is for, by its name, or by its identity at the gateway."""
    segment = site_segment(request.path)
    by_identity = (hosted for hosted in hosted_sites.values() if hosted.site.identity == segment)
    return hosted_sites.get(segment) or next(by_identity, None)


async def _answer(call: IncomingCall, handler: Handler) -> web.StreamResponse:
    try:
        return await serve_with_faults(call, handler)
    except JiraError as error:
        return error_answer(error)
    except web.HTTPException as error:
        if error.status < 400 or "/rest/" not in call.request.path:  # noqa: PLR2004
            raise
        return error_answer(JiraError(error.status, error.reason))


async def serve(
    seed: Seed, host: str, port: int, *, latency: float = 0.0, kept: KeptSites | None = None
) -> tuple[web.AppRunner, int]:
    """Start serving. Return the runner, which must be cleaned up, and the port. Raises OSError for a taken port."""
    app = application(seed, kept)
    hosted_sites: Iterable[HostedSite] = app[HOSTED].values()
    for hosted in hosted_sites:
        hosted.latency = latency
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SECONDS_TO_CLOSE, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner, runner.addresses[0][1]


class RunningSimulator:
    """Serves `seed` from a thread of this process, on a free port, until the context is left."""

    def __init__(self, seed: Seed, *, latency: float = 0.0) -> None:
        self._seed, self._latency = seed, latency
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jira-simulator", daemon=True)
        self.url = ""

    def __enter__(self) -> RunningSimulator:
        self._thread.start()
        self._started.wait()
        self.control = SimulatorControl(self.url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.control.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner, port = self._loop.run_until_complete(serve(self._seed, "127.0.0.1", 0, latency=self._latency))
        self.url = f"http://127.0.0.1:{port}"
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()
