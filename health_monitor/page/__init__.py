"""The status page: what a tired person understands at a glance, and the buttons to do something about it.

GET /                 all syncs, worst first
GET /syncs/{name}     one sync: why, what failed, what it did, what it runs by
GET /session          the way in
GET /static/{file}    what browsers may keep

All is rendered here and readable without a script; `static/live.js` keeps a page that is open up to date. What is asked
for by its buttons is carried out by the routes of `health_monitor.server`.
"""

from __future__ import annotations

import difflib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web

from health_monitor.json_views import configuration
from health_monitor.page.rendering import STATIC, render
from health_monitor.page.story import failed, failed_words
from health_monitor.page.summary import banners, summary
from health_monitor.state import STATE
from sync_model.judgement import Condition

REFRESH = web.AppKey("refresh", float)
"""Seconds after which an open page asks again."""
EVERY = 5.0
OLD_AFTER = 4
"""Times that, after which what is shown is old."""
SHOWN = 10
"""Rows of a table that are shown at once; the others can be unfolded."""
A_YEAR = "public, max-age=31536000, immutable"


def add_routes(app: web.Application) -> None:
    """Add the page's routes; `app[STATE]` has what they show."""
    app[REFRESH] = EVERY
    app.router.add_get("/", _overview)
    app.router.add_get("/syncs/{name}", _sync)
    app.router.add_get("/session", _session)
    app.router.add_get("/static/{file}", _static)


async def _overview(request: web.Request) -> web.Response:
    state, now = request.app[STATE], datetime.now(UTC)
    picture = state.picture
    whole = summary(picture)
    return _page(
        request,
        "overview.html.j2",
        mood=whole.level,
        now=now,
        taken=picture and picture.taken,
        picture=picture,
        summary=whole,
        banners=banners(picture, now, OLD_AFTER * request.app[REFRESH]),
        hours=state.per_hour(),
    )


async def _sync(request: web.Request) -> web.Response:
    state, name, now = request.app[STATE], request.match_info["name"], datetime.now(UTC)
    picture, view = state.picture, state.sync(name)
    if picture is None or view is None:
        return _missing(request, name)
    past = await state.past(name)
    found = failed(past.failing)
    queued = view.facts.heartbeat.queued if view.facts.heartbeat else 0
    return _page(
        request,
        "sync.html.j2",
        mood=view.verdict.level,
        now=now,
        taken=picture.taken,
        view=view,
        banners=banners(picture, now, OLD_AFTER * request.app[REFRESH], of_one=True),
        past=past,
        failed=found,
        failed_words=failed_words(found, queued),
        is_paused=past.pause is not None or (bool(past.error) and view.verdict.condition is Condition.PAUSED),
        browse=state.browse(view),
        configuration=view.sync and json.dumps(configuration(view.sync), indent=2, ensure_ascii=False),
        deeds=state.remedies(name).deeds,
        back=f"/syncs/{quote(name)}",
        SHOWN=SHOWN,
    )


def _missing(request: web.Request, name: str) -> web.Response:
    picture = request.app[STATE].picture
    known = [each.name for each in picture.syncs] if picture else []
    near = next(iter(difflib.get_close_matches(name, known, 1)), None)
    return _page(request, "missing.html.j2", status=404, name=name, near=near, taken=datetime.now(UTC))


async def _session(request: web.Request) -> web.Response:
    return _page(request, "session.html.j2", problem=None, back=request.query.get("back", ""))


def is_wanted(request: web.Request) -> bool:
    """Tell whether whoever asks is a browser that shows the answer to a person."""
    return "text/html" in request.headers.get("Accept", "")


def refusal(request: web.Request, status: int, said: str) -> web.Response:
    """Return the page that says why something was not done."""
    if request.path == "/session":
        return _page(request, "session.html.j2", status=status, problem=said, back=request.query.get("back", ""))
    back = f"/syncs/{quote(request.match_info['name'])}" if "name" in request.match_info else "/"
    return _page(request, "refusal.html.j2", status=status, said=said, back=back)


async def _static(request: web.Request) -> web.FileResponse:
    path = STATIC / request.match_info["file"]
    if path.parent != STATIC or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers={"Cache-Control": A_YEAR})


def _page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    state = request.app[STATE]
    common = {
        "can_act": state.can_act(request),
        "can_be_steered": state.can_be_steered,
        "csrf": state.csrf(request),
        "refresh": request.app[REFRESH],
        "mood": "unknown",
        "now": datetime.now(UTC),
        "taken": None,
        "back": "",
        "notice": state.gate.unseal(request.cookies.get(state.gate.notice_cookie, "")),
    }
    return web.Response(text=render(template, **{**common, **values}), status=status, content_type="text/html")
