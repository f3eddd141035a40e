"""The routes that control a sync, and the session that a browser needs for them.

Scripts send JSON, and a token with each request: `Authorization: Bearer …`. Browsers exchange the token for a session,
and send JSON or a form. What is done is logged and written to the sync's journal.
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

from health_monitor.access.gate import is_csrf, is_encrypted
from health_monitor.access.sessions import SESSION_SECONDS
from health_monitor.admission import authorize, check_token, end_session, refusal, write_to_journal
from health_monitor.observation.snapshot import SyncView
from health_monitor.pages import own_page
from health_monitor.state import STATE, MonitorState
from sync_worker.core.errors import InvalidRequest, SyncError, Unavailable
from sync_worker.database.control import Control

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
SIGNING_IN = "signing in"
CSRF_HEADER = "X-CSRF-Token"
NOTICE_SECONDS = 15
"""For so long the page shows what its button did."""
BODY_SECONDS = 15.0
"""For the whole body of a request."""


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
    for base in app[STATE].bases:
        app.router.add_post(f"{base}/session", sign_in)
        app.router.add_post(f"{base}/session/end", sign_out)
        app.router.add_post(f"{base}/api/syncs/{{name}}/{{verb}}", act)


async def sign_in(request: web.Request) -> web.Response:
    """Exchange a token for a session."""
    state, control_request = request.app[STATE], await _parse(request)
    if state.gate.is_from_elsewhere(request):
        raise await refusal(request, SIGNING_IN, "another site asked for it")
    credential = await check_token(request, SIGNING_IN, control_request.text("token"))
    response = _respond(state, control_request, "signed in")
    response.set_cookie(
        state.gate.cookie,
        state.gate.sessions.new(credential),
        max_age=SESSION_SECONDS,
        path=state.base or "/",
        httponly=True,
        samesite="Strict",
        secure=is_encrypted(request),
    )
    state.log.info("signed in", who=credential.name or "somebody with the token", address=state.address(request))
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End this browser's session."""
    state, control_request = request.app[STATE], await _parse(request)
    visitor = state.gate.visitor(request)
    if visitor and visitor.session:
        if state.gate.is_from_elsewhere(request) or not is_csrf(visitor, _csrf(request, control_request)):
            raise await refusal(request, "signing out", "this did not come from the status page; load it again")
        end_session(state, visitor.session)
    response = _respond(state, control_request, "signed out")
    path = state.base or "/"
    response.del_cookie(state.gate.cookie, path=path, httponly=True, samesite="Strict", secure=is_encrypted(request))
    return response


async def act(request: web.Request) -> web.Response:
    """Carry out one verb on one sync."""
    state, name, verb = request.app[STATE], request.match_info["name"], request.match_info["verb"]
    view = state.sync(name)
    if view is None or verb not in VERBS:
        raise web.HTTPNotFound(text=f"no sync is called {name}" if view is None else f"there is no {verb} here")
    control_request = await _parse(request)
    by = await authorize(request, _csrf(request, control_request), verb, view.sync)
    try:
        message = await VERBS[verb](state, view, control_request, by)
    except SyncError as error:
        state.log.warning("could not be done", what=verb, program=name, by=by, error=str(error))
        error_class = web.HTTPServiceUnavailable if isinstance(error, Unavailable) else web.HTTPConflict
        raise error_class(text=str(error)) from None
    state.log.info("done for a person", what=verb, program=name, by=by, said=message)
    state.histories.forget(name)
    return _respond(state, control_request, message, is_notice=True)


def _csrf(request: web.Request, control_request: ControlRequest) -> str:
    return request.headers.get(CSRF_HEADER) or control_request.text("csrf")


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
    if view.elsewhere and not view.stands_by:
        raise InvalidRequest(f"{view.name} runs in another container: restart it on {view.elsewhere.where}")
    message = await asyncio.to_thread(state.observer.restart, view.name, by)
    if view.sync:
        await write_to_journal(state, view.sync, lambda control: control.note("restart", by), "restart")
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


# Request and response


async def _parse(request: web.Request) -> ControlRequest:
    """Return what a request says. Raises HTTPBadRequest for a body that cannot be read, whatever is wrong with it."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request)
    except web.HTTPException:
        raise
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the body did not arrive within {BODY_SECONDS:g} s") from None
    except Exception:  # noqa: BLE001 - each kind of body has its own errors; the library lists them nowhere
        kind = "a form" if request.content_type in FORMS else "JSON"
        raise web.HTTPBadRequest(text=f"the body is not {kind}") from None


async def _read(request: web.Request) -> ControlRequest:
    parsed = await (_parse_form(request) if request.content_type in FORMS else _parse_json(request))
    # Both can name half of a character, which no database and no answer can hold.
    json.dumps(parsed.fields, ensure_ascii=False, default=str).encode()
    return parsed


async def _parse_form(request: web.Request) -> ControlRequest:
    posted = await request.post()
    values = {name: posted.getall(name) for name in posted}
    fields = {name: many[0] if len(many) == 1 else many for name, many in values.items()}
    return ControlRequest(fields, is_form=True)


async def _parse_json(request: web.Request) -> ControlRequest:
    body = await request.read()
    fields = json.loads(body) if body.strip() else {}
    if not isinstance(fields, dict):
        raise web.HTTPBadRequest(text="the body must be an object, { … }")
    return ControlRequest(fields, is_form=False)


def _respond(
    state: MonitorState, control_request: ControlRequest, message: str, *, is_notice: bool = False
) -> web.Response:
    """Answer a script with JSON, and lead a browser back to the page of its form, which shows a notice for a while."""
    if not control_request.is_form:
        return web.json_response({"message": message})
    location = own_page(control_request.text("back"), state.base)
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
