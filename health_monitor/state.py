"""What all routes of the server share: the newest snapshot, the histories, and who may control syncs."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from generator.running.settings.group import Settings
from generator.running.settings.page import PageSettings
from health_monitor.access.gate import Gate
from health_monitor.access.refusals import ToldRefusals
from health_monitor.databases import SyncDatabases
from health_monitor.history import HistoryCache, SyncHistory
from health_monitor.json_views import IssueUrl
from health_monitor.observation.observer import Observer
from health_monitor.observation.remedy_records import RemedyRecord
from health_monitor.observation.snapshot import Snapshot, SyncView
from sync_model.accounts.connection import resolve
from sync_model.definition.sync import Side


@dataclass(frozen=True)
class MonitorState:
    """Everything that a response is made from. `environ` is the environment of the group's programs."""

    settings: Settings
    environ: Mapping[str, str]
    observer: Observer
    databases: SyncDatabases
    gate: Gate
    log: FilteringBoundLogger
    page: PageSettings = field(default_factory=PageSettings)
    refusals: ToldRefusals = field(default_factory=ToldRefusals)

    @cached_property
    def host_names(self) -> frozenset[str]:
        """The names by which the page is served."""
        return frozenset((*self.page.allowed_hosts, socket.gethostname().lower()))

    @cached_property
    def histories(self) -> HistoryCache:
        return HistoryCache(self.databases)

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest snapshot; None before the first one."""
        return self.observer.snapshot

    @property
    def latest(self) -> Snapshot | None:
        """The same, for whoever does not need another one soon."""
        return self.observer.latest

    def sync(self, name: str) -> SyncView | None:
        return self.snapshot.sync(name) if self.snapshot else None

    async def history(self, name: str) -> SyncHistory:
        """Return the history of the sync `name`, or one with an `error`. Never takes long."""
        view = self.sync(name)
        if view is None or view.sync is None:
            return SyncHistory(error="no sync of that name has ever run here")
        return await self.histories.history(view.sync)

    def issue_url(self, view: SyncView) -> IssueUrl:
        """Return the function that gives the address of an issue of this sync."""
        resolved = {side: resolve(view.sync, side, self.environ).connection for side in Side} if view.sync else {}

        def issue_url(side: Side, key: str) -> str | None:
            connection = resolved.get(side)
            return connection.browse(key) if connection else None

        return issue_url

    def per_hour(self, views: Iterable[SyncView]) -> dict[str, tuple[int, ...]]:
        """Return for each of these syncs the actions in each hour of the last day, oldest first, as far as known."""
        return self.histories.per_hour(view.sync for view in views if view.sync)

    def look_at(self, views: Iterable[SyncView] = ()) -> None:
        """Take note that somebody looks at all syncs now, and at these of them closely."""
        self.observer.look_at(view.name for view in views if view.elsewhere)

    def record(self, name: str) -> RemedyRecord:
        """Return what the monitor did to the program `name`."""
        return self.observer.record(name)

    @property
    def allows_control(self) -> bool:
        """Tell whether there is a token at all; without one, everything is read only."""
        return self.gate.is_open

    def tell_refusal(self, address: str, why: str, **fields: str) -> bool:
        """Log that a request was refused, once per address and minute; return whether it was logged."""
        untold = self.refusals.count(address)
        if untold is None:
            return False
        more = {"untold": untold} if untold else {}
        self.log.warning("refused", address=address, reason=why, **fields, **more)
        return True

    @property
    def base(self) -> str:
        """The path below which a proxy serves the page; empty if it is the root."""
        return self.page.base_path

    def path(self, request: web.Request) -> str:
        """Return the path of a request as if the page were at the root. Some proxies take the base away themselves."""
        path = request.path
        return path.removeprefix(self.base) or "/" if path == self.base or path.startswith(f"{self.base}/") else path

    @property
    def bases(self) -> tuple[str, ...]:
        """The paths below which there are routes."""
        return ("", self.base) if self.base else ("",)

    def address(self, request: web.Request) -> str:
        """Return the address of the client, also of one behind a trusted proxy."""
        return self.gate.proxies.address(request)


STATE = web.AppKey("state", MonitorState)
