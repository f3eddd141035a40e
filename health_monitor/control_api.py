"""The buttons: what a person may do to a sync through this server, once they have shown that they may.

Scripts send the token with each request, `Authorization: Bearer …`, and JSON. Browsers exchange it for a session, and
send JSON or a form. Each use is logged and put into the sync's journal, and so is each one that was refused.
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

from health_monitor.access import SESSION_SECONDS, TooMany, is_encrypted, is_from_elsewhere
from health_monitor.snapshot import SyncView
from health_monitor.state import STATE, MonitorState
from sync_model.definition import Sync
from sync_worker.core.errors import InvalidRequest, SyncError, Unavailable
from sync_worker.database.control import Control

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CSRF_HEADER = "X-CSRF-Token"
NOTICE_SECONDS = 15
"""For so long a page says what its button did."""
READ_ONLY = "this page is read only: set ADMIN_TOKEN or ADMIN_TOKEN_FILE for the group, and start it again"


Verb = Callable[[MonitorState, SyncView, "Asked", str], Awaitable[str]]


@dataclass(frozen=True)
class Asked:
    """What a request says. `is_form`: a browser sent it that shows the answer to a person."""

    fields: dict[str, Any]
    is_form: bool

    def text(self, name: str) -> str:
        value = self.fields.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    @property
    def issues(self) -> list[str]:
        """The issues that are meant: a list, or one text with commas between them; none means all."""
        value = self.fields.get("issues", [])
        parts = value if isinstance(value, list) else str(value).split(",")
        return [part for each in parts if (part := str(each).strip())]


def add_routes(app: web.Application) -> None:
    """Add the routes of this module."""
    app.router.add_post("/session", sign_in)
    app.router.add_post("/session/end", sign_out)
    app.router.add_post("/api/syncs/{name}/{verb}", act)


async def sign_in(request: web.Request) -> web.Response:
    """Exchange the token for a session."""
    state, asked = request.app[STATE], await _asked(request)
    if is_from_elsewhere(request):
        raise _refusal(state, request, "signing in", "another site asked for it")
    if not state.gate.is_open:
        raise _refusal(state, request, "signing in", READ_ONLY)
    await _check_token(state, request, "signing in", asked.text("token"))
    response = _answer(state, asked, "signed in")
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
    state, asked = request.app[STATE], await _asked(request)
    if state.gate.session(request):
        await _check(state, request, asked, "signing out")
    response = _answer(state, asked, "signed out")
    response.del_cookie(state.gate.cookie, httponly=True, samesite="Strict", secure=is_encrypted(request))
    return response


async def act(request: web.Request) -> web.Response:
    """Do one thing to one sync."""
    state, name, verb = request.app[STATE], request.match_info["name"], request.match_info["verb"]
    view = state.sync(name)
    if view is None or verb not in VERBS:
        raise web.HTTPNotFound(text=f"no sync is called {name}" if view is None else f"there is no {verb} here")
    asked = await _asked(request)
    way = await _check(state, request, asked, verb, view.sync)
    by = f"{way} ({request.remote})"
    try:
        said = await VERBS[verb](state, view, asked, by)
    except SyncError as error:
        state.log.warning("could not be done", what=verb, program=name, by=by, error=str(error))
        kind = web.HTTPServiceUnavailable if isinstance(error, Unavailable) else web.HTTPConflict
        raise kind(text=str(error)) from None
    state.log.info("done for a person", what=verb, program=name, by=by, said=said)
    state.archive.forget(name)
    return _answer(state, asked, said, is_news=True)


# What each verb does


async def _steer(
    do: Callable[[Control, Asked, str], str], state: MonitorState, view: SyncView, asked: Asked, by: str
) -> str:
    if view.sync is None:
        raise InvalidRequest(f"{view.name} has never run")
    return await state.archive.steer(view.sync, lambda control: do(control, asked, by))


async def _restart(state: MonitorState, view: SyncView, _asked: Asked, by: str) -> str:
    said = await asyncio.to_thread(state.observer.restart, view.name, by)
    await _note(state, view.sync, "restart", by, "done")
    return said


VERBS: dict[str, Verb] = {
    "retry": partial(_steer, lambda control, asked, by: control.request("retry", asked.issues, by)),
    "dismiss": partial(_steer, lambda control, asked, by: control.request("dismiss", asked.issues, by)),
    "pause": partial(_steer, lambda control, asked, by: control.pause(by, asked.text("reason"))),
    "resume": partial(_steer, lambda control, _asked, by: control.resume(by)),
    "sync-now": partial(_steer, lambda control, _asked, by: control.sync_now(by)),
    "restart": _restart,
}


# Who may


async def _check(state: MonitorState, request: web.Request, asked: Asked, what: str, sync: Sync | None = None) -> str:
    """Return by which way the person came, `api` or `status page`. Raises HTTPForbidden and the like."""
    if not state.gate.is_open:
        raise _refusal(state, request, what, READ_ONLY)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        await _check_token(state, request, what, token.strip(), sync)
        return "api"
    session = state.gate.session(request)
    if session is None:
        raise _refusal(state, request, what, "sign in first", web.HTTPUnauthorized)
    csrf = request.headers.get(CSRF_HEADER) or asked.text("csrf")
    if is_from_elsewhere(request) or not state.gate.is_csrf(session, csrf):
        await _note(state, sync, what, f"status page ({request.remote})", "refused")
        raise _refusal(state, request, what, "this did not come from the status page; load it again")
    return "status page"


async def _check_token(
    state: MonitorState, request: web.Request, what: str, token: str, sync: Sync | None = None
) -> None:
    try:
        if await state.gate.knows(token):
            return
    except TooMany:
        raise _refusal(state, request, what, "too many wrong tokens; wait", web.HTTPTooManyRequests) from None
    await _note(state, sync, what, f"api ({request.remote})", "refused")
    raise _refusal(state, request, what, "this is not the token", web.HTTPUnauthorized)


def _refusal(
    state: MonitorState,
    request: web.Request,
    what: str,
    why: str,
    kind: Callable[..., web.HTTPError] = web.HTTPForbidden,
) -> web.HTTPError:
    """Log that something was refused; return what to raise."""
    name = request.match_info.get("name", "")
    state.log.warning("refused", what=what, program=name, address=request.remote, reason=why)
    return kind(text=why)


async def _note(state: MonitorState, sync: Sync | None, what: str, by: str, result: str) -> None:
    """Put it into the sync's journal, if there is one that answers."""
    if sync is None:
        return
    try:
        await state.archive.steer(sync, lambda control: control.note(what, by, result))
    except SyncError as error:
        state.log.warning("the journal does not take it", what=what, program=sync.name, by=by, error=str(error))


# What was asked, and the answer


async def _asked(request: web.Request) -> Asked:
    if request.content_type in FORMS:
        try:
            posted = await request.post()
        except (ValueError, LookupError):
            raise web.HTTPBadRequest(text="the body is not the form that it says it is") from None
        fields: dict[str, Any] = {name: posted.getall(name) for name in posted}
        return Asked({name: found[0] if len(found) == 1 else found for name, found in fields.items()}, is_form=True)
    body = await request.read()
    try:
        fields = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="the body is not JSON") from None
    if not isinstance(fields, dict):
        raise web.HTTPBadRequest(text="the body must be an object, { … }")
    return Asked(fields, is_form=False)


def _answer(state: MonitorState, asked: Asked, said: str, *, is_news: bool = False) -> web.Response:
    """Answer a script in JSON, and lead a browser back to the page that its form stands on, which tells the news."""
    if not asked.is_form:
        return web.json_response({"message": said})
    back = asked.text("back")
    is_here = back.startswith("/") and not back.startswith(("//", "/\\"))
    where = back if is_here else "/"
    response = web.Response(status=303, headers={"Location": where})
    if is_news:
        response.set_cookie(
            state.gate.notice_cookie,
            state.gate.seal(said),
            max_age=NOTICE_SECONDS,
            path=urlsplit(where).path,
            httponly=True,
            samesite="Strict",
        )
    return response
