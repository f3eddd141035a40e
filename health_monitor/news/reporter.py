"""The task that makes messages of the monitor's snapshots, and sends them.

What was told and what waits is written to the run directory before anything is sent. So a restart repeats no message
and loses none; one that was just being sent may come twice, with the same id.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from structlog.typing import FilteringBoundLogger

from generator.running.settings.news import GROUP, NewsSettings, read_news_settings, unknown_channels
from generator.running.settings.news_channels import Channel
from health_monitor.news import outbox
from health_monitor.news.changes import Pace, Sender, due, follow
from health_monitor.news.findings import findings
from health_monitor.news.records import Delivery, Finding, NewsState
from health_monitor.news.state_file import forget_state, read_state, write_state
from health_monitor.observation.snapshot import Snapshot, SyncView
from sync_model.environment.group_secrets import remember_group_secrets

LOOK_SECONDS = 2.0
SECONDS_TO_STOP = 5.0
"""For what is just being sent when the monitor stops."""
READ_SETTINGS_SECONDS = 30.0
"""After so long, the files with addresses are read again."""


class Reporter:
    """Tells people what they have to know of a group.

    `latest` returns the newest snapshot. `environ` is the environment of the group's programs.
    """

    def __init__(
        self,
        run_dir: Path,
        environ: Mapping[str, str],
        latest: Callable[[], Snapshot | None],
        log: FilteringBoundLogger,
    ) -> None:
        self._run_dir, self._environ, self._latest, self._log = run_dir, environ, latest, log
        self._state = self._written = read_state(run_dir)
        self._written_trouble: str | None = None
        self._settings, self._faults = NewsSettings(), list[str]()
        self._unknown: list[str] = []
        self._settings_read_at = float("-inf")
        self._looked_at: tuple[datetime, float] | None = None
        self._next_attempt: dict[str, float] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._has_write_failed = self._is_off = False

    async def run(self, stopped: asyncio.Event) -> None:
        """Tell news until `stopped`. Never raises because something could not be told."""
        while not stopped.is_set():
            try:
                await self._step()
            except Exception:  # noqa: BLE001 - whatever failed, the next look may succeed
                self._log.exception("news could not be made")
            try:
                await asyncio.wait_for(stopped.wait(), LOOK_SECONDS)
            except TimeoutError:
                continue
        if self._sending:
            await asyncio.wait(self._sending.values(), timeout=SECONDS_TO_STOP)
        left = list(self._sending.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _step(self) -> None:
        self._read_settings()
        if not self._settings.channels and not self._faults:
            self._forget()
            return
        self._is_off = False
        if not self._faults:  # while a file cannot be read, nobody knows who is still there
            self._state = outbox.readdressed(self._state, self._settings.channels)
        snapshot = self._latest()
        if snapshot and (self._looked_at is None or self._looked_at[0] != snapshot.taken):
            self._look(snapshot)
        self._write()
        self._send_what_is_due()

    def _forget(self) -> None:
        """Remember nothing while there is nobody to be told."""
        if not self._is_off:
            forget_state(self._run_dir)
            self._state = self._written = NewsState()
        self._is_off = True

    def _read_settings(self) -> None:
        if time.monotonic() < self._settings_read_at + READ_SETTINGS_SECONDS:
            return
        before = self._faults
        self._settings_read_at, self._faults = time.monotonic(), []
        remember_group_secrets(self._environ)
        self._settings = read_news_settings(self._environ, self._faults, self._faults)
        if self._faults and self._faults != before:
            self._log.warning("news go astray", reason="; ".join(self._faults))

    def _look(self, snapshot: Snapshot) -> None:
        clock = time.monotonic()
        seconds = clock - self._looked_at[1] if self._looked_at else 0.0
        self._looked_at = snapshot.taken, clock
        found = self._findings(snapshot)
        pace = Pace(self._settings.after)
        self._state = follow(self._state, found, seconds, pace)
        page = self._settings.page_url
        sender = Sender(name_of_group(page), page)
        state, messages = due(self._state, found, datetime.now(UTC), pace, self._settings.quiet, sender)
        self._state = outbox.with_messages(state, messages, self._settings.channels)

    def _findings(self, snapshot: Snapshot) -> list[Finding]:
        channels = self._settings.channels
        group = (GROUP,) if GROUP in channels else ()
        of_syncs = {view.name: _channels_of(view, channels, group) for view in snapshot.syncs}
        self._unknown = [
            f"{view.name}: notify: {fault}"
            for view in snapshot.syncs
            if view.sync
            for fault in unknown_channels(view.sync.notify, channels)
        ]
        return list(findings(snapshot, of_syncs, group, tells_details=self._settings.tells_details))

    def _send_what_is_due(self) -> None:
        channels = {channel.id: channel for found in self._settings.channels.values() for channel in found}
        for address, delivery in outbox.first_of_each(self._state).items():
            is_due = time.monotonic() >= self._next_attempt.get(address, 0.0)
            if is_due and address in channels and address not in self._sending:
                self._sending[address] = asyncio.ensure_future(self._send(channels[address], delivery))

    async def _send(self, channel: Channel, delivery: Delivery) -> None:
        # What it stands on takes memory, and most groups have nobody to be told.
        from health_monitor.news.sending import NotSent, send

        address, about = delivery.address, channel.about
        try:
            warning = await send(channel, delivery.message, self._environ)
        except NotSent as error:
            self._failed(delivery, about, str(error), error.retry_after)
        except Exception as error:  # noqa: BLE001 - a message that fails must not be tried without a pause
            self._log.exception("a message could not be sent", to=about)
            self._failed(delivery, about, f"this is a fault of jira-sync ({type(error).__name__})", None)
        else:
            self._next_attempt.pop(address, None)
            self._state = outbox.after_success(self._state, delivery, about, warning, datetime.now(UTC))
            self._log.info("news sent", to=about, id=delivery.message.id, changes=len(delivery.message.changes))
            if warning:
                self._log.warning("news sent to some only", to=about, reason=warning)
        finally:
            self._sending.pop(address, None)
        self._write()

    def _failed(self, delivery: Delivery, about: str, error: str, retry_after: float | None) -> None:
        self._state = outbox.after_failure(self._state, delivery, about, error, datetime.now(UTC))
        attempts = self._state.failures[delivery.address].attempts
        jitter = random.random()  # noqa: S311 - nobody gains by guessing it
        pause = outbox.pause_after(attempts, retry_after, jitter)
        self._next_attempt[delivery.address] = time.monotonic() + pause
        self._log.warning("news not sent", to=about, reason=error, attempts=attempts, again_in=round(pause))

    def _write(self) -> None:
        """Write the state if it has changed in what must outlive this process. If it cannot be, all goes on."""
        trouble = outbox.trouble(self._state, [*self._faults, *self._unknown])
        if _lasting(self._state) == _lasting(self._written) and trouble == self._written_trouble:
            return
        try:
            write_state(self._run_dir, self._state, trouble)
        except OSError as error:
            if not self._has_write_failed:
                self._log.warning("what was told cannot be written down", error=error.strerror)
            self._has_write_failed = True
        else:
            self._written, self._written_trouble, self._has_write_failed = self._state, trouble, False


def name_of_group(page_url: str) -> str:
    """Return by what name people know the group. In a container, the name of the machine says nothing."""
    return urlsplit(page_url).hostname or socket.gethostname()


def _channels_of(
    view: SyncView, channels: Mapping[str, tuple[Channel, ...]], group: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the channels of a sync. One that names only what is no channel has those of the group."""
    if view.sync is None or view.sync.notify is None:
        return group
    named = tuple(dict.fromkeys(name for name in view.sync.notify if name in channels))
    return named if named or not view.sync.notify else group


def _lasting(state: NewsState) -> object:
    told = {
        name: (known.told, known.told_at, known.relapses, bool(known.looks)) for name, known in state.followed.items()
    }
    return told, state.last_told, state.outbox, state.failures, state.dropped
