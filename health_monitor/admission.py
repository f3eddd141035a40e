"""Admits requests, or refuses them: those that look, where reading is closed, and those that act.

What is refused is logged, and noted in the sync's database apart from what was done, once per address and minute: it
must not push out of sight what was done.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from aiohttp import web

from health_monitor.access.attempts import TooManyWrongTokens
from health_monitor.access.credentials import Credential
from health_monitor.access.gate import Visitor, is_csrf
from health_monitor.access.sessions import Session
from health_monitor.state import STATE, MonitorState
from sync_model.definition.sync import Sync
from sync_worker.core.errors import SyncError
from sync_worker.database.control import Control

SIGN_IN = "sign in first"
READING = "reading"


async def identify(request: web.Request, what: str = READING, sync: Sync | None = None) -> Visitor | None:
    """Return who sent a request; None if nobody knows. Raises an HTTPError for a wrong token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return request.app[STATE].gate.visitor(request)
    credential = await check_token(request, what, token.strip(), sync)
    return Visitor("api", credential.name, credential.may_act)


async def may_read(request: web.Request) -> bool:
    """Tell whether this request may see how the syncs are. Raises an HTTPError for a wrong token."""
    return not request.app[STATE].gate.closes_reading or await identify(request) is not None


async def authorize(request: web.Request, csrf: str, what: str, sync: Sync | None = None) -> str:
    """Return who asks for something to be done, as the journal names them. Raises an HTTPError if they may not.

    `csrf` is what the request carries of a page.
    """
    state = request.app[STATE]
    if why := state.gate.why_read_only:
        raise web.HTTPForbidden(text=f"this page is read only: {why}")
    visitor = await identify(request, what, sync)
    if visitor is None:
        raise await refusal(request, what, SIGN_IN, web.HTTPUnauthorized)
    by = _signature(state, request, visitor)
    if not visitor.may_act:
        raise await refusal(request, what, "whoever you are may look, and not act", sync=sync, by=by)
    check_origin = visitor.csrf is not None and state.gate.is_from_elsewhere(request)
    if check_origin or not is_csrf(visitor, csrf):
        why = "this did not come from the status page; load it again"
        raise await refusal(request, what, why, sync=sync, by=by)
    return by


async def check_token(request: web.Request, what: str, token: str, sync: Sync | None = None) -> Credential:
    """Return whose token it is. Raises an HTTPError if it is a wrong one, or if the address has to wait."""
    state, by = request.app[STATE], _signature(request.app[STATE], request, Visitor("api"))
    if not state.gate.takes_tokens:
        raise web.HTTPForbidden(text=f"this page is read only: {state.gate.why_read_only or 'no token counts here'}")
    try:
        credential = state.gate.credential(state.address(request), token)
    except TooManyWrongTokens as error:
        refused = await refusal(request, what, str(error), web.HTTPTooManyRequests)
        refused.headers["Retry-After"] = str(math.ceil(error.seconds))
        raise refused from None
    if credential is None:
        raise await refusal(request, what, "this is not the token", web.HTTPUnauthorized, sync=sync, by=by)
    return credential


async def refusal(
    request: web.Request,
    what: str,
    why: str,
    error_class: Callable[..., web.HTTPError] = web.HTTPForbidden,
    *,
    sync: Sync | None = None,
    by: str = "",
) -> web.HTTPError:
    """Return the error to raise, for a request that is refused; log it, and note it if there is a `sync`."""
    state, name = request.app[STATE], request.match_info.get("name", "")
    if state.tell_refusal(state.address(request), why, what=what, program=name) and sync:
        await write_to_journal(state, sync, lambda control: control.note_refusal(what, by, why), what)
    return error_class(text=why)


def end_session(state: MonitorState, session: Session) -> None:
    """End a session for good."""
    try:
        state.gate.sessions.end(session)
    except OSError as error:
        state.log.warning("a later monitor will not know that this session was ended", error=error.strerror)


async def write_to_journal(state: MonitorState, sync: Sync, note: Callable[[Control], None], what: str) -> None:
    """Write to the sync's database what was asked for. If MongoDB does not answer, the log has to do."""
    try:
        await state.databases.control(sync, note)
    except SyncError as error:
        state.log.warning("the journal does not take it", what=what, program=sync.name, error=str(error))


def _signature(state: MonitorState, request: web.Request, visitor: Visitor) -> str:
    address = state.address(request)
    return f"{visitor.name} ({visitor.channel}, {address})" if visitor.name else f"{visitor.channel} ({address})"
