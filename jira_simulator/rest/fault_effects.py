"""What the injected faults do to one call: they delay it, answer instead of it, or break the connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from jira_simulator.hosting import rate_limits
from jira_simulator.hosting.faults import InjectedFault
from jira_simulator.rest import token_endpoint
from jira_simulator.rest.incoming_call import IncomingCall, error_answer
from jira_simulator.site.model import JiraError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOGIN_PAGE = "<!doctype html><title>Log in</title><form><input name=os_username></form>"
WRITES = ("POST", "PUT", "DELETE")
TOO_MANY = "Rate limit exceeded."
HANG_LOOK = 0.02
"""Seconds between two looks at whether a fault that hangs was removed."""
_under_way: set[asyncio.Task[None]] = set()
"""Calls that are carried out later. The event loop alone would not keep their tasks alive."""


class ConnectionDropped(Exception):
    """The connection is to be closed without an answer."""


async def serve_with_faults(call: IncomingCall, handler: Handler) -> web.StreamResponse:
    """Answer a call, with the faults that strike it. Raises JiraError and ConnectionDropped."""
    await _delay(call)
    if call.fault("drop_before"):
        raise ConnectionDropped
    if fault := call.fault("late"):
        await _carry_out_later(call, handler)
        return _status_answer(call, fault)
    if (instead := _answer_instead(call)) is not None:
        return instead
    if call.fault("unauthorized"):
        call.user, call.failed_login = None, True
    elif fault := call.fault("anonymous"):
        call.user, call.failed_login, call.silent = None, True, fault.silent
        return await handler(call.request)
    _apply_rate_limits(call)
    response = await _carry_out(call, handler)
    await _hang(call, "hang_after")
    if call.fault("drop_after"):
        raise ConnectionDropped
    if fault := call.fault("status_after"):
        return _status_answer(call, fault)
    if fault := call.fault("answer_after"):
        return _answer_of_another(call, fault)
    return _echoing(call, response)


async def _carry_out(call: IncomingCall, handler: Handler) -> web.StreamResponse:
    if (refused := token_endpoint.refusal(call)) is not None:
        return refused
    if call.failed_login:
        raise JiraError(401, "Client must be authenticated to access this resource.")
    return await handler(call.request)


def _echoing(call: IncomingCall, response: web.StreamResponse) -> web.StreamResponse:
    fault = call.fault("echo")
    if fault and isinstance(response, web.Response) and response.content_type == "application/json" and response.text:
        response.text = json.dumps(_with_echo(json.loads(response.text), fault))
    return response


def _with_echo(value: Any, fault: InjectedFault, name: str = "") -> Any:
    """Return a JSON value with the message of `fault` behind each text that has one of its names."""
    if isinstance(value, dict):
        return {key: _with_echo(inner, fault, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_echo(inner, fault, name) for inner in value]
    return f"{value} {fault.message}" if isinstance(value, str) and name in fault.names else value


async def _delay(call: IncomingCall) -> None:
    if call.hosted.latency:
        await asyncio.sleep(call.hosted.latency)
    if fault := call.fault("delay"):
        await asyncio.sleep(fault.seconds)
    await _hang(call, "hang")


async def _carry_out_later(call: IncomingCall, handler: Handler) -> None:
    """Have the call carried out when the fault is removed, by a task that outlives the connection."""
    await call.keep_body()

    async def carry_out() -> None:
        await _hang(call, "late")
        with contextlib.suppress(JiraError):  # nobody is there any more to be told
            await handler(call.request)

    task = asyncio.create_task(carry_out())
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


async def _hang(call: IncomingCall, kind: str) -> None:
    for fault_id, fault in call.faults:
        while fault.kind == kind and call.hosted.faults.is_on(fault_id):  # noqa: ASYNC110 - a test's own switch
            await asyncio.sleep(HANG_LOOK)


def _answer_instead(call: IncomingCall) -> web.Response | None:
    """Return the answer of a fault that keeps the call from being carried out."""
    if call.fault("html_login"):
        return web.Response(text=LOGIN_PAGE, content_type="text/html")
    if fault := call.fault("redirect"):
        return web.Response(status=302, headers={"Location": fault.location})
    if fault := call.fault("answer"):
        return _answer_of_another(call, fault)
    if call.fault("captcha") and "Authorization" in call.request.headers:
        return _captcha_answer(call)
    fault = call.fault("status")
    return _status_answer(call, fault) if fault else None


def _status_answer(call: IncomingCall, fault: InjectedFault) -> web.Response:
    response = error_answer(JiraError(call.hosted.faults.status_of(fault), fault.message))
    if fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    if fault.reason is not None:
        response.headers["RateLimit-Reason"] = fault.reason
    return response


def _answer_of_another(call: IncomingCall, fault: InjectedFault) -> web.Response:
    """Return the answer of something that stands between the caller and Jira. No header of it is Jira's."""
    call.is_answered_by_another = True
    date = f"{call.site.now():%a, %d %b %Y %H:%M:%S} GMT"
    status = call.hosted.faults.status_of(fault)
    return web.Response(status=status, headers={"Date": date, **fault.headers}, body=fault.body.encode())


def _captcha_answer(call: IncomingCall) -> web.Response:
    response = error_answer(JiraError(403, "Forbidden"))
    login = f"{call.request.url.origin()}/{call.site.name}/login.jsp"
    response.headers["X-Authentication-Denied-Reason"] = f"CAPTCHA_CHALLENGE; login-url={login}"
    response.headers["X-Seraph-LoginReason"] = "AUTHENTICATION_DENIED"
    return response


def _apply_rate_limits(call: IncomingCall) -> None:
    """Count the call for each rate limit. Raises JiraError 429 for a call too many."""
    for fault_id, fault in call.faults:
        if fault.kind == "burst":
            _take_token(call, fault_id, fault)
        elif fault.kind == "per_issue_burst":
            _count_write(call, fault_id, fault)


def _take_token(call: IncomingCall, fault_id: int, fault: InjectedFault) -> None:
    resource = call.request.match_info.route.resource
    endpoint = (call.request.method, resource.canonical if resource else "")
    key = endpoint if call.site.is_cloud else (call.user.name if call.user else None,)
    left = call.hosted.buckets.take(fault, (fault_id, *key))
    call.rate_headers |= rate_limits.headers(fault, left, is_cloud=call.site.is_cloud, now=call.site.now())
    if left < 0:
        raise JiraError(429, TOO_MANY)


def _count_write(call: IncomingCall, fault_id: int, fault: InjectedFault) -> None:
    issue = call.site.issue(call.request.match_info.get("issue", ""))
    if issue is None or call.request.method not in WRITES:
        return
    if wait := call.hosted.writes.wait(fault, (fault_id, issue.id)):
        call.rate_headers |= {"Retry-After": str(wait), "RateLimit-Reason": "jira-per-issue-on-write"}
        raise JiraError(429, TOO_MANY)
