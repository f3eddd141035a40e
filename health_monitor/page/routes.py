"""The routes of the status page.

GET /                 all syncs, worst first
GET /syncs/{name}     one sync: why, what failed, what it did, what it runs by
GET /session          the form to sign in
GET /static/{file}    files that browsers may cache

The server renders every page, and the pages are readable without a script. `static/live.js` keeps an open page up to
date. The forms of the pages are sent to the routes of `health_monitor.control_api`.
"""

from __future__ import annotations

import difflib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web

from health_monitor.filtering import choices, part_of
from health_monitor.json_views import configuration
from health_monitor.page.activity import failed_changes, failed_changes_text
from health_monitor.page.containers import container_table
from health_monitor.page.rendering import STATIC, render
from health_monitor.page.summary import banners, summarize
from health_monitor.pages import own_page
from health_monitor.state import STATE
from sync_model.health.judgement import Condition

REFRESH = web.AppKey("refresh", float)
"""Seconds after which an open page asks the server again."""
REFRESH_SECONDS = 5.0
OLD_AFTER_REFRESHES = 4
"""A page that shows an older snapshot says so."""
SYNCS_WITHOUT_FILTER = 10
"""Fewer are seen at a glance."""
ROWS_SHOWN = 10
"""Rows of a table that are shown at once; the others can be unfolded."""
UNAUTHORIZED = 401
CACHED_FOR_A_YEAR = "public, max-age=31536000, immutable"


def add_routes(app: web.Application) -> None:
    """Add the page's routes to `app`."""
    app[REFRESH] = REFRESH_SECONDS
    for base in app[STATE].bases:
        app.router.add_get(f"{base}/", _overview)
        app.router.add_get(f"{base}/syncs/{{name}}", _sync)
        app.router.add_get(f"{base}/session", _session)
        app.router.add_get(f"{base}/static/{{file}}", _static)
    if app[STATE].base:
        app.router.add_get(app[STATE].base, _overview)


async def _overview(request: web.Request) -> web.Response:
    state, now = request.app[STATE], datetime.now(UTC)
    snapshot = state.snapshot
    summary = summarize(snapshot)
    part = part_of(snapshot, request.query) if snapshot else None
    shown = part.views if part else ()
    state.look_at(shown)
    return _page(
        request,
        "overview.html.j2",
        mood=summary.level,
        now=now,
        taken=snapshot and snapshot.taken,
        snapshot=snapshot,
        summary=summary,
        banners=banners(snapshot, now, OLD_AFTER_REFRESHES * request.app[REFRESH]),
        containers=container_table(snapshot.fleet if snapshot else None),
        part=part,
        choices=part and snapshot and choices(snapshot, part.asked),
        has_filter=part is not None and (part.asked.is_set or part.total > SYNCS_WITHOUT_FILTER),
        per_hour=state.per_hour(shown),
        back=own_page(request.path_qs, state.base),
    )


async def _sync(request: web.Request) -> web.Response:
    state, name, now = request.app[STATE], request.match_info["name"], datetime.now(UTC)
    snapshot, view = state.snapshot, state.sync(name)
    if snapshot is None or view is None:
        return _missing(request, name)
    state.look_at((view,))
    history = await state.history(name)
    failed = failed_changes(history.failing, history.unprocessable)
    queued = view.facts.heartbeat.queued if view.facts.heartbeat else 0
    # Without its database, whether a sync is paused is known from its heartbeat only.
    is_paused = history.pause is not None or (bool(history.error) and view.verdict.condition is Condition.PAUSED)
    return _page(
        request,
        "sync.html.j2",
        mood=view.verdict.level,
        now=now,
        taken=snapshot.taken,
        view=view,
        fleet=snapshot.fleet,
        banners=banners(snapshot, now, OLD_AFTER_REFRESHES * request.app[REFRESH], of_one=True),
        history=history,
        failed=failed,
        failed_text=failed_changes_text(failed, queued),
        is_paused=is_paused,
        issue_url=state.issue_url(view),
        configuration=view.sync and json.dumps(configuration(view.sync), indent=2, ensure_ascii=False),
        remedies=state.record(name).remedies,
        back=f"{state.base}/syncs/{quote(name)}",
        ROWS_SHOWN=ROWS_SHOWN,
    )


def _missing(request: web.Request, name: str) -> web.Response:
    snapshot = request.app[STATE].snapshot
    names = [view.name for view in snapshot.syncs] if snapshot else []
    nearest = next(iter(difflib.get_close_matches(name, names, 1)), None)
    return _page(request, "missing.html.j2", status=404, name=name, nearest=nearest, taken=datetime.now(UTC))


async def _session(request: web.Request) -> web.Response:
    return _page(request, "session.html.j2", problem=None, back=_back(request))


def _back(request: web.Request) -> str:
    """Return the page to which signing in leads back."""
    return own_page(request.query.get("back", ""), request.app[STATE].base)


def accepts_html(request: web.Request) -> bool:
    """Tell whether the request comes from a browser that shows the response to a person."""
    return "text/html" in request.headers.get("Accept", "")


def error_page(request: web.Request, status: int, message: str) -> web.Response:
    """Return the page that says why a request was not carried out."""
    base = request.app[STATE].base
    if status == UNAUTHORIZED and request.method == "GET":
        return _page(request, "session.html.j2", status=status, problem=None, back=own_page(request.path_qs, base))
    if request.app[STATE].path(request) == "/session":
        return _page(request, "session.html.j2", status=status, problem=message, back=_back(request))
    back = f"{base}/syncs/{quote(request.match_info['name'])}" if "name" in request.match_info else f"{base}/"
    return _page(request, "error.html.j2", status=status, message=message, back=back)


async def _static(request: web.Request) -> web.FileResponse:
    files = {path.name: path for path in STATIC.iterdir()}
    path = files.get(request.match_info["file"])
    if path is None:
        raise web.HTTPNotFound
    return web.FileResponse(path, headers={"Cache-Control": CACHED_FOR_A_YEAR})


def _page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    state = request.app[STATE]
    visitor = state.gate.visitor(request)
    common = {
        "base": state.base,
        "visitor": visitor,
        "can_act": visitor is not None and visitor.may_act,
        "may_look": visitor is not None or not state.gate.closes_reading,
        "allows_control": state.allows_control,
        "takes_tokens": state.gate.takes_tokens,
        "why_read_only": state.gate.why_read_only,
        "csrf": (visitor and visitor.csrf) or "",
        "refresh": request.app[REFRESH],
        "mood": "unknown",
        "now": datetime.now(UTC),
        "taken": None,
        "back": "",
        "notice": state.gate.unseal(request.cookies.get(state.gate.notice_cookie, "")),
    }
    return web.Response(text=render(template, **{**common, **values}), status=status, content_type="text/html")
