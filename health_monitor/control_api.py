"""The routes that control a sync, and the session that a browser needs for them.

Scripts send JSON, and the token with each request: `Authorization: Bearer …`. Browsers exchange the token for a
session, and send JSON or a form. Each request is logged and written to the sync's journal, refused ones included.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from health_monitor.access import SESSION_SECONDS, TooManyWrongTokens, is_encrypted, is_from_elsewhere
from health_monitor.observation.snapshot import SyncView
from health_monitor.state import STATE, MonitorState
from sync_model.definition import Sync
from sync_worker.core.errors import InvalidRequest, SyncError, Unavailable
from sync_worker.database.control import Control

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CSRF_HEADER = "X-CSRF-Token"
NOTICE_SECONDS = 15
"""For so long the page shows what its button did."""
READ_ONLY = "this page is read only: set ADMIN_TOKEN or ADMIN_TOKEN_FILE for the group, and start it again"


@dataclass(frozen=True)
class ControlRequest:
    """The fields of a request. `is_form`: a browser sent a form, and shows the response to a person."""

    fields: dict[str, Any]
    is_form: bool

    def text(self, name: str) -> str:
        value = self.fields.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    @property
    def issues(self) -> list[str]:
        """The issues that are meant, from a list or from one text with commas; an empty list means all issues."""
        value = self.fields.get("issues", [])
        parts = value if isinstance(value, list) else str(value).split(",")
        return [issue for part in parts if (issue := str(part).strip())]


Verb = Callable[[MonitorState, SyncView, ControlRequest, str], Awaitable[str]]
"""Does one thing to a sync for the person that the text names; returns what was done, as a sentence."""


def add_routes(app: web.Application) -> None:
    """Add the routes of this module to `app`."""
    app.router.add_post("/session", sign_in)
    app.router.add_post("/session/end", sign_out)
    app.router.add_post("/api/syncs/{name}/{verb}", act)


async def sign_in(request: web.Request) -> web.Response:
    """Exchange the token for a session."""
    state, control_request = request.app[STATE], await _parse(request)
    if is_from_elsewhere(request):
        raise _refusal(state, request, "signing in", "another site asked for it")
    if not state.gate.is_open:
        raise _refusal(state, request, "signing in", READ_ONLY)
    await _check_token(state, request, "signing in", control_request.text("token"))
    response = _respond(state, control_request, "signed in")
    response.set_cookie(
        state.gate.cookie,
        state.gate.new_session(),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="Strict",
        secure=is_encrypted(request),
    )
    state.log.info("signed in", address=request.remote)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End this browser's session."""
    state, control_request = request.app[STATE], await _parse(request)
    if state.gate.session(request):
        await _authorize(state, request, control_request, "signing out")
    response = _respond(state, control_request, "signed out")
    response.del_cookie(state.gate.cookie, httponly=True, samesite="Strict", secure=is_encrypted(request))
    return response


async def act(request: web.Request) -> web.Response:
    """Carry out one verb on one sync."""
    state, name, verb = request.app[STATE], request.match_info["name"], request.match_info["verb"]
    view = state.sync(name)
    if view is None or verb not in VERBS:
        raise web.HTTPNotFound(text=f"no sync is called {name}" if view is None else f"there is no {verb} here")
    control_request = await _parse(request)
    channel = await _authorize(state, request, control_request, verb, view.sync)
    by = f"{channel} ({request.remote})"
    try:
        message = await VERBS[verb](state, view, control_request, by)
    except SyncError as error:
        state.log.warning("could not be done", what=verb, program=name, by=by, error=str(error))
        error_class = web.HTTPServiceUnavailable if isinstance(error, Unavailable) else web.HTTPConflict
        raise error_class(text=str(error)) from None
    state.log.info("done for a person", what=verb, program=name, by=by, said=message)
    state.histories.forget(name)
    return _respond(state, control_request, message, is_notice=True)


# The verbs


async def _control(
    use: Callable[[Control, ControlRequest, str], str],
    state: MonitorState,
    view: SyncView,
    control_request: ControlRequest,
    by: str,
) -> str:
    if view.sync is None:
        raise InvalidRequest(f"{view.name} has never run")
    return await state.databases.control(view.sync, lambda control: use(control, control_request, by))


async def _restart(state: MonitorState, view: SyncView, _request: ControlRequest, by: str) -> str:
    message = await asyncio.to_thread(state.observer.restart, view.name, by)
    await _write_to_journal(state, view.sync, "restart", by, "done")
    return message


VERBS: dict[str, Verb] = {
    "retry": partial(_control, lambda control, request, by: control.request("retry", request.issues, by)),
    "dismiss": partial(_control, lambda control, request, by: control.request("dismiss", request.issues, by)),
    "confirm": partial(_control, lambda control, request, by: control.confirm(request.issues, by)),
    "pause": partial(_control, lambda control, request, by: control.pause(by, request.text("reason"))),
    "resume": partial(_control, lambda control, _request, by: control.resume(by)),
    "sync-now": partial(_control, lambda control, _request, by: control.sync_now(by)),
    "restart": _restart,
}


# Authorization


async def _authorize(
    state: MonitorState,
    request: web.Request,
    control_request: ControlRequest,
    what: str,
    sync: Sync | None = None,
) -> str:
    """Return the channel of the request, `api` or `status page`. Raises an HTTPError for a request that is refused."""
    if not state.gate.is_open:
        raise _refusal(state, request, what, READ_ONLY)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        await _check_token(state, request, what, token.strip(), sync)
        return "api"
    session = state.gate.session(request)
    if session is None:
        raise _refusal(state, request, what, "sign in first", web.HTTPUnauthorized)
    csrf = request.headers.get(CSRF_HEADER) or control_request.text("csrf")
    if is_from_elsewhere(request) or not state.gate.is_csrf(session, csrf):
        await _write_to_journal(state, sync, what, f"status page ({request.remote})", "refused")
        raise _refusal(state, request, what, "this did not come from the status page; load it again")
    return "status page"


async def _check_token(
    state: MonitorState, request: web.Request, what: str, token: str, sync: Sync | None = None
) -> None:
    try:
        if await state.gate.is_token(token):
            return
    except TooManyWrongTokens:
        raise _refusal(state, request, what, "too many wrong tokens; wait", web.HTTPTooManyRequests) from None
    await _write_to_journal(state, sync, what, f"api ({request.remote})", "refused")
    raise _refusal(state, request, what, "this is not the token", web.HTTPUnauthorized)


def _refusal(
    state: MonitorState,
    request: web.Request,
    what: str,
    why: str,
    error_class: Callable[..., web.HTTPError] = web.HTTPForbidden,
) -> web.HTTPError:
    """Log that a request is refused, and return the error to raise."""
    name = request.match_info.get("name", "")
    state.log.warning("refused", what=what, program=name, address=request.remote, reason=why)
    return error_class(text=why)


async def _write_to_journal(state: MonitorState, sync: Sync | None, what: str, by: str, result: str) -> None:
    """Write an entry to the sync's journal. Without a sync, or if MongoDB does not answer, the log has to do."""
    if sync is None:
        return
    try:
        await state.databases.control(sync, lambda control: control.note(what, by, result))
    except SyncError as error:
        state.log.warning("the journal does not take it", what=what, program=sync.name, by=by, error=str(error))


# Request and response


async def _parse(request: web.Request) -> ControlRequest:
    if request.content_type in FORMS:
        try:
            posted = await request.post()
        except (ValueError, LookupError):
            raise web.HTTPBadRequest(text="the body is not the form that it says it is") from None
        values = {name: posted.getall(name) for name in posted}
        return ControlRequest(
            {name: many[0] if len(many) == 1 else many for name, many in values.items()}, is_form=True
        )
    body = await request.read()
    try:
        fields = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="the body is not JSON") from None
    if not isinstance(fields, dict):
        raise web.HTTPBadRequest(text="the body must be an object, { … }")
    return ControlRequest(fields, is_form=False)


def _respond(
    state: MonitorState, control_request: ControlRequest, message: str, *, is_notice: bool = False
) -> web.Response:
    """Answer a script with JSON, and lead a browser back to the page of its form, which shows a notice for a while."""
    if not control_request.is_form:
        return web.json_response({"message": message})
    back = control_request.text("back")
    # Browsers read `//host` and `/\host` as the address of another site.
    is_local = back.startswith("/") and not back.startswith(("//", "/\\"))
    location = back if is_local else "/"
    response = web.Response(status=303, headers={"Location": location})
    if is_notice:
        response.set_cookie(
            state.gate.notice_cookie,
            state.gate.seal(message),
            max_age=NOTICE_SECONDS,
            path=urlsplit(location).path,
            httponly=True,
            samesite="Strict",
        )
    return response
