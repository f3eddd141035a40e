"""The simulator's HTTP server: who calls, what befalls the call, and how an answer leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType

from aiohttp import web

from jira_simulator import control, control_issues, pages, rate_limit, rest_content, rest_issues, rest_search, rest_site
from jira_simulator.client import Control
from jira_simulator.control import HOSTED
from jira_simulator.faults import InjectedFault
from jira_simulator.hosting import CALL, Hosted, IncomingCall, who
from jira_simulator.model import JiraError
from jira_simulator.seed import Seed, build

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOGIN_PAGE = "<!doctype html><title>Log in</title><form><input name=os_username></form>"
WRITES = ("POST", "PUT", "DELETE")
TOO_MANY = "Rate limit exceeded."
HANG_LOOK = 0.02
LARGEST_BODY = 1024**3
SECONDS_TO_CLOSE = 0.5


class Dropped(Exception):
    """The connection is to be closed without an answer."""


def application(seed: Seed) -> web.Application:
    """Return the application that serves the sites of `seed`."""
    app = web.Application(middlewares=[answer_errors, serve_site], client_max_size=LARGEST_BODY)
    app[HOSTED] = {site.name: Hosted(build(site)) for site in seed.sites}
    for room in (control, control_issues, pages, rest_site, rest_search, rest_issues, rest_content):
        app.add_routes(room.routes)
    return app


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors as Jira does, and close the connection where that is what was asked for."""
    try:
        return await handler(request)
    except JiraError as error:
        return _error(error)
    except (Dropped, ConnectionAbortedError):
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # into a connection that is closed already


def _error(error: JiraError) -> web.Response:
    body = {"errorMessages": list(error.messages), "errors": error.errors}
    return web.json_response(body, status=error.status)


@web.middleware
async def serve_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who calls which site, let happen what is to befall the call, and keep a record of it."""
    hosts: dict[str, Hosted] = request.app[HOSTED]
    hosted = hosts.get(request.path.split("/")[1])
    if hosted is None and "/rest/" in request.path:
        raise web.HTTPNotFound
    if hosted is None or "/browse/" in request.path:
        return await handler(request)
    user, is_wrong = who(hosted.site, request.headers.get("Authorization"))
    path = request.path.removeprefix(f"/{hosted.site.name}")
    befallen = hosted.faults.take(request.method, path, user.name if user else None)
    call = request[CALL] = IncomingCall(request, hosted, user, failed_login=is_wrong, faults=befallen)
    status, size = 0, 0
    try:
        response = await _answered(call, handler)
        status, size = response.status, response.content_length or 0
    finally:
        hosted.record(request, user, status, size)
    if not response.prepared:
        response.headers.update(call.headers())
    return response


async def _answered(call: IncomingCall, handler: Handler) -> web.StreamResponse:
    try:
        return await _serve(call, handler)
    except JiraError as error:
        return _error(error)
    except web.HTTPException as error:
        if error.status < 400 or "/rest/" not in call.request.path:  # noqa: PLR2004
            raise
        return _error(JiraError(error.status, error.reason))


async def _serve(call: IncomingCall, handler: Handler) -> web.StreamResponse:
    await _wait(call)
    if call.fault("drop_before"):
        raise Dropped
    if (instead := _instead(call)) is not None:
        return instead
    if call.fault("unauthorized"):
        call.user, call.failed_login = None, True
    elif fault := call.fault("anonymous"):
        call.user, call.failed_login, call.silent = None, True, fault.silent
        return await handler(call.request)
    _count(call)
    if call.failed_login:
        raise JiraError(401, "Client must be authenticated to access this resource.")
    response = await handler(call.request)
    await _hang(call, "hang_after")
    if call.fault("drop_after"):
        raise Dropped
    if fault := call.fault("status_after"):
        return _fault_answer(call, fault)
    return response


def _instead(call: IncomingCall) -> web.Response | None:
    """Return what is answered instead of carrying the call out."""
    if call.fault("html_login"):
        return web.Response(text=LOGIN_PAGE, content_type="text/html")
    if fault := call.fault("redirect"):
        return web.Response(status=302, headers={"Location": fault.location})
    if call.fault("captcha") and "Authorization" in call.request.headers:
        return _captcha(call)
    fault = call.fault("status")
    return _fault_answer(call, fault) if fault else None


def _count(call: IncomingCall) -> None:
    """Count the call where there is a limit to calls. Raises JiraError 429 for one too many."""
    for identity, fault in call.faults:
        if fault.kind == "burst":
            _take_token(call, identity, fault)
        elif fault.kind == "per_issue_burst":
            _count_write(call, identity, fault)


def _take_token(call: IncomingCall, identity: int, fault: InjectedFault) -> None:
    resource = call.request.match_info.route.resource
    endpoint = (call.request.method, resource.canonical if resource else "")
    key = endpoint if call.site.is_cloud else (call.user.name if call.user else None,)
    left = call.hosted.buckets.take(fault, (identity, *key))
    call.rate_headers |= rate_limit.headers(fault, left, is_cloud=call.site.is_cloud, now=call.site.now())
    if left < 0:
        raise JiraError(429, TOO_MANY)


def _count_write(call: IncomingCall, identity: int, fault: InjectedFault) -> None:
    issue = call.site.issue(call.request.match_info.get("issue", ""))
    if issue is None or call.request.method not in WRITES:
        return
    if wait := call.hosted.writes.wait(fault, (identity, issue.id)):
        call.rate_headers |= {"Retry-After": str(wait), "RateLimit-Reason": "jira-per-issue-on-write"}
        raise JiraError(429, TOO_MANY)


async def _wait(call: IncomingCall) -> None:
    if call.hosted.latency:
        await asyncio.sleep(call.hosted.latency)
    if fault := call.fault("delay"):
        await asyncio.sleep(fault.seconds)
    await _hang(call, "hang")


async def _hang(call: IncomingCall, kind: str) -> None:
    for identity, fault in call.faults:
        while fault.kind == kind and call.hosted.faults.is_on(identity):  # noqa: ASYNC110 - a test's own switch
            await asyncio.sleep(HANG_LOOK)


def _fault_answer(call: IncomingCall, fault: InjectedFault) -> web.Response:
    response = _error(JiraError(call.hosted.faults.status_of(fault), fault.message))
    if fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    if fault.reason is not None:
        response.headers["RateLimit-Reason"] = fault.reason
    return response


def _captcha(call: IncomingCall) -> web.Response:
    response = _error(JiraError(403, "Forbidden"))
    login = f"{call.request.url.origin()}/{call.site.name}/login.jsp"
    response.headers["X-Authentication-Denied-Reason"] = f"CAPTCHA_CHALLENGE; login-url={login}"
    response.headers["X-Seraph-LoginReason"] = "AUTHENTICATION_DENIED"
    return response


async def serve(seed: Seed, host: str, port: int, *, latency: float = 0.0) -> tuple[web.AppRunner, int]:
    """Start serving; return the runner, to be cleaned up, and the port. Raises OSError when the port is taken."""
    app = application(seed)
    hosts: Iterable[Hosted] = app[HOSTED].values()
    for hosted in hosts:
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
    """Serves `seed` from a thread of this process while the context lasts, on a port of its own."""

    def __init__(self, seed: Seed, *, latency: float = 0.0) -> None:
        self._seed, self._latency = seed, latency
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jira-simulator", daemon=True)
        self.url = ""

    def __enter__(self) -> RunningSimulator:
        self._thread.start()
        self._started.wait()
        self.control = Control(self.url)
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
