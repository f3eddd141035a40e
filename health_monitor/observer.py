"""The one loop that looks at the group, again and again, and does about it what has to be done.

It runs in a thread of its own: supervisord may take its time to answer, and whoever asks for a page shall not wait.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Event, Lock, Thread

from structlog.typing import FilteringBoundLogger

from generator.settings import Settings
from generator.supervisor_rpc import Supervisor
from health_monitor.picture import Picture, Watch, look
from health_monitor.records import Record, read_records

EVERY = 2.0
ALIVE = 30.0
"""Seconds after a look from which on the loop counts as dead."""


class Observer:
    """Looks at the group of `settings`, whose programs see `environ`. `picture` is the newest one, None at first."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], log: FilteringBoundLogger) -> None:
        self._settings, self._environ, self._log = settings, environ, log
        self._supervisor = Supervisor(settings.socket)
        self._watch: Watch = {}
        self._records = read_records(settings.run_dir)
        self._over, self._turn = Event(), Lock()
        self._thread = Thread(target=self._run, name="observer", daemon=True)
        self._looked = time.monotonic()
        self.picture: Picture | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()

    @property
    def is_alive(self) -> bool:
        """Tell whether the loop still looks."""
        return time.monotonic() - self._looked < ALIVE

    def record(self, name: str) -> Record:
        """Return what is remembered of a program."""
        return self._records.get(name, Record())

    def _run(self) -> None:
        while True:
            try:
                with self._turn:
                    self.look_once()
            except Exception:  # noqa: BLE001 - whatever it was, the next look may go well
                self._log.exception("the group could not be looked at")
            if self._over.wait(EVERY):
                return

    def look_once(self) -> None:
        self.picture = look(self._settings, self._environ, self._watch)
        self._looked = time.monotonic()
