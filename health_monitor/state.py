"""What all parts of the server share: the newest picture, the past, and who may act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from generator.running.settings import Settings
from health_monitor.access import Gate
from health_monitor.history import Archive, SyncHistory
from health_monitor.json_views import Browse
from health_monitor.observer import Observer
from health_monitor.records import Record
from health_monitor.snapshot import Snapshot, SyncView
from sync_model.connection import resolve
from sync_model.definition import Side


@dataclass(frozen=True)
class MonitorState:
    """Everything that an answer is made of. `environ` is what the group's programs see."""

    settings: Settings
    environ: Mapping[str, str]
    observer: Observer
    archive: Archive
    gate: Gate
    log: FilteringBoundLogger

    @property
    def picture(self) -> Snapshot | None:
        """The newest picture; None before the first look."""
        return self.observer.picture

    def sync(self, name: str) -> SyncView | None:
        return self.picture.sync(name) if self.picture else None

    async def past(self, name: str) -> SyncHistory:
        """Return the past of the sync `name`: its `error` is set where there is none to be had. Never takes long."""
        view = self.sync(name)
        if view is None or view.sync is None:
            return SyncHistory(error="no sync of that name has ever run here")
        return await self.archive.past(view.sync)

    def browse(self, view: SyncView) -> Browse:
        """Return what tells the address of an issue of this sync."""
        found = {side: resolve(view.sync, side, self.environ).connection for side in Side} if view.sync else {}

        def browse(side: Side, key: str) -> str | None:
            connection = found.get(side)
            return connection.browse(key) if connection else None

        return browse

    def per_hour(self) -> dict[str, tuple[int, ...]]:
        """Return, by sync, the actions of each hour of the last day, oldest first, as far as they are known by now."""
        return self.archive.per_hour(view.sync for view in (self.picture.syncs if self.picture else ()) if view.sync)

    def remedies(self, name: str) -> Record:
        """Return what the monitor did about a program, newest first, and how often, by reason."""
        return self.observer.record(name)

    @property
    def can_be_steered(self) -> bool:
        """Tell whether there is a token at all; without one, everything is read only."""
        return self.gate.is_open

    def can_act(self, request: web.Request) -> bool:
        """Tell whether this browser has a session, so that it may be shown buttons."""
        return self.gate.session(request) is not None

    def csrf(self, request: web.Request) -> str:
        """Return what the forms of this browser must carry in their field `csrf`; empty without a session."""
        session = self.gate.session(request)
        return self.gate.csrf(session) if session else ""


STATE = web.AppKey("state", MonitorState)
