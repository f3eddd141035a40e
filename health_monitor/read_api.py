"""The routes that anybody may read: health, all syncs, and one sync with its history."""

from __future__ import annotations

from aiohttp import web

from health_monitor import json_views
from health_monitor.admission import may_read
from health_monitor.filtering import ALL_ROWS, ROWS, part_of
from health_monitor.state import STATE, MonitorState
from sync_model.health.judgement import Condition

NOT_UP = frozenset({Condition.STARTING, Condition.MISSING})
NO_SNAPSHOT = "the group has not been looked at yet"


def add_routes(app: web.Application) -> None:
    """Add the routes of this module to `app`."""
    for base in app[STATE].bases:
        app.router.add_get(f"{base}/health", health)
        app.router.add_get(f"{base}/health/live", live)
        app.router.add_get(f"{base}/health/ready", ready)
        app.router.add_get(f"{base}/api/syncs", syncs)
        app.router.add_get(f"{base}/api/syncs/{{name}}", sync)


async def health(request: web.Request) -> web.Response:
    """Answer 200 when no person has to act, else 503."""
    request.app[STATE].look_at()
    document = _health(request.app[STATE])
    return web.json_response(document, status=200 if document["status"] == "healthy" else 503)


async def live(request: web.Request) -> web.Response:
    """Answer 200 while this monitor works, whatever the condition of the syncs."""
    is_alive = request.app[STATE].observer.is_alive
    return _check_response(
        ok=is_alive, message="alive" if is_alive else "the monitor does not look at the group any more"
    )


async def ready(request: web.Request) -> web.Response:
    """Answer 200 once every sync that should run in this container has started."""
    snapshot = request.app[STATE].snapshot
    if snapshot is None or snapshot.supervisor_error:
        return _check_response(ok=False, message=(snapshot and snapshot.supervisor_error) or NO_SNAPSHOT)
    missing = [view.name for view in snapshot.here if view.facts.is_wanted and view.verdict.condition in NOT_UP]
    names = ", ".join(missing) if await may_read(request) else f"{len(missing)} of the syncs"
    return _check_response(ok=not missing, message=f"not up yet: {names}" if missing else "ready")


async def syncs(request: web.Request) -> web.Response:
    """Answer with the syncs, the worst one first, their actions per hour, and the group's other programs.

    The parameters of the request may name some of the syncs: see `filtering`. The actions of more syncs than the page
    shows at once are told as far as they are known, and not read.
    """
    state = request.app[STATE]
    if (snapshot := state.snapshot) is None:
        return web.json_response(
            {"status": "degraded", "syncs": [], "programs": [], "timestamp": None, "trouble": NO_SNAPSHOT}
        )
    part = part_of(snapshot, request.query, rows=ALL_ROWS)
    read = part.views[:ROWS]
    state.look_at(read)
    document = json_views.group(
        snapshot,
        state.record,
        state.per_hour(read),
        is_alive=state.observer.is_alive,
        views=part.views,
        matching=part.matching,
    )
    return web.json_response(document)


async def sync(request: web.Request) -> web.Response:
    """Answer with one sync. If MongoDB does not answer, only the history is missing."""
    state, name = request.app[STATE], request.match_info["name"]
    view = state.sync(name)
    if view is None:
        raise web.HTTPNotFound(text=f"no sync is called {name}" if state.snapshot else NO_SNAPSHOT)
    state.look_at((view,))
    history, record = await state.history(name), state.record(name)
    heartbeat = view.facts.heartbeat
    return web.json_response(
        {
            **json_views.worker(view, record),
            "heartbeat": heartbeat.model_dump(mode="json", by_alias=True) if heartbeat else None,
            "configuration": json_views.configuration(view.sync) if view.sync else None,
            "remedies": record.model_dump(mode="json", by_alias=True),
            "history": json_views.history(history, state.issue_url(view)),
            "historyError": history.error,
        }
    )


def _health(state: MonitorState) -> json_views.Json:
    if state.snapshot is None:
        return {"status": "degraded", "workers": [], "timestamp": None, "trouble": NO_SNAPSHOT}
    return json_views.health(state.snapshot, state.record, is_alive=state.observer.is_alive)


def _check_response(*, ok: bool, message: str) -> web.Response:
    return web.json_response({"status": "ok" if ok else "unavailable", "message": message}, status=200 if ok else 503)
