"""What anybody may ask for: health, the syncs, and one of them with its past."""

from __future__ import annotations

from aiohttp import web

from health_monitor import json_views
from health_monitor.state import STATE, MonitorState
from sync_model.judgement import Condition

COMING_UP = frozenset({Condition.STARTING, Condition.MISSING})
NOT_YET = "the group has not been looked at yet"


def add_routes(app: web.Application) -> None:
    """Add the routes of this module."""
    app.router.add_get("/health", health)
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/api/syncs", syncs)
    app.router.add_get("/api/syncs/{name}", sync)


async def health(request: web.Request) -> web.Response:
    """200 when nothing is wrong that a person must act on, else 503."""
    said = _health(request.app[STATE])
    return web.json_response(said, status=200 if said["status"] == "healthy" else 503)


async def live(request: web.Request) -> web.Response:
    """200 while this monitor does its work, however the syncs are."""
    is_alive = request.app[STATE].observer.is_alive
    return _short(ok=is_alive, said="alive" if is_alive else "the monitor does not look at the group any more")


async def ready(request: web.Request) -> web.Response:
    """200 once the group has come up."""
    picture = request.app[STATE].picture
    if picture is None or picture.silence:
        return _short(ok=False, said=(picture and picture.silence) or NOT_YET)
    coming = [view.name for view in picture.syncs if view.facts.is_wanted and view.verdict.condition in COMING_UP]
    return _short(ok=not coming, said=f"not up yet: {', '.join(coming)}" if coming else "ready")


async def syncs(request: web.Request) -> web.Response:
    """All syncs, worst first, with what they did in each hour of the last day; and the group's other programs."""
    state = request.app[STATE]
    if state.picture is None:
        return web.json_response(
            {"status": "degraded", "syncs": [], "programs": [], "timestamp": None, "trouble": NOT_YET}
        )
    is_alive = state.observer.is_alive
    return web.json_response(json_views.group(state.picture, state.remedies, state.per_hour(), is_alive=is_alive))


async def sync(request: web.Request) -> web.Response:
    """One sync. A dead MongoDB costs its history only."""
    state, name = request.app[STATE], request.match_info["name"]
    view = state.sync(name)
    if view is None:
        raise web.HTTPNotFound(text=f"no sync is called {name}" if state.picture else NOT_YET)
    past, record = await state.past(name), state.remedies(name)
    heartbeat = view.facts.heartbeat
    return web.json_response(
        {
            **json_views.worker(view, record),
            "heartbeat": heartbeat.model_dump(mode="json", by_alias=True) if heartbeat else None,
            "configuration": json_views.configuration(view.sync) if view.sync else None,
            "remedies": record.model_dump(mode="json", by_alias=True),
            "history": json_views.history(past, state.browse(view)),
            "historyError": past.error,
        }
    )


def _health(state: MonitorState) -> json_views.Json:
    if state.picture is None:
        return {"status": "degraded", "workers": [], "timestamp": None, "trouble": NOT_YET}
    return json_views.health(state.picture, state.remedies, is_alive=state.observer.is_alive)


def _short(*, ok: bool, said: str) -> web.Response:
    return web.json_response({"status": "ok" if ok else "unavailable", "message": said}, status=200 if ok else 503)
