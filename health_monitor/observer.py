"""The one loop that looks at the group, again and again, and does about it what has to be done.

It runs in a thread of its own: supervisord may take its time to answer, and whoever asks for a page shall not wait.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from threading import Event, Lock, Thread

from structlog.typing import FilteringBoundLogger

from generator.deploy.programs import MONITOR
from generator.running.settings import Settings
from generator.running.supervisor_rpc import NoAnswer, NotRunning, Supervisor
from health_monitor.config_cache import ConfigCache
from health_monitor.records import Record, read_records, write_records
from health_monitor.remedies import Do, RemedyStep, decide, restart
from health_monitor.snapshot import Snapshot, Watch, look, process_of, remind
from sync_model.judgement import ProcessInfo, SyncVerdict
from sync_worker.core.errors import InvalidRequest, Unavailable

EVERY = 4.0
EVERY_UNASKED = 10.0
"""While nobody wants to see the group: what a look at a hundred syncs takes is most of what the monitor does then."""
ALIVE = 30.0
"""Seconds after a look from which on the loop counts as dead."""


class Observer:
    """Looks at the group of `settings`, whose programs see `environ`."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], log: FilteringBoundLogger) -> None:
        self._settings, self._environ, self._log = settings, environ, log
        self._supervisor = Supervisor(settings.socket)
        self._watch: Watch = {}
        self._folder = ConfigCache(settings, environ)
        self._records = self._remembered = read_records(settings.run_dir)
        self._cannot_write = False
        self._over, self._asked, self._turn = Event(), Event(), Lock()
        self._thread = Thread(target=self._run, name="observer", daemon=True)
        self._looked = time.monotonic()
        self._picture: Snapshot | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._asked.set()

    @property
    def picture(self) -> Snapshot | None:
        """The newest picture; None before the first look. Whoever asks finds a newer one before long."""
        self._asked.set()
        return self._picture

    @property
    def is_alive(self) -> bool:
        """Tell whether the loop still looks."""
        return time.monotonic() - self._looked < ALIVE

    def record(self, name: str) -> Record:
        """Return what is remembered of a program."""
        return self._records.get(name, Record())

    def restart(self, name: str, by: str) -> str:
        """Have the program restarted, or started if it does not run; return what was done, as a sentence.

        Raises InvalidRequest when supervisord does not know it or does not start it, Unavailable when it is silent.
        """
        try:
            with self._turn:
                state = self._supervisor.states().get(name)
                if state is None:
                    raise InvalidRequest(f"supervisord does not know {name}; apply the configuration first")
                step = restart(process_of(state), self.record(name), datetime.now(UTC), by)
                if step.do is None or not self._take(name, step):
                    raise InvalidRequest(f"{name} cannot be restarted now: it is {state.state.lower()}")
                self._remember()
        except NotRunning:
            raise Unavailable("supervisord does not run") from None
        except NoAnswer as error:
            raise Unavailable(str(error)) from None
        return f"{name} is {'restarted' if step.do is Do.END else 'started'}"

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with self._turn:
                    self._look()
            except Exception:  # noqa: BLE001 - whatever it was, the next look may go well
                self._log.exception("the group could not be looked at")
            self._over.wait(EVERY)
            self._asked.wait(EVERY_UNASKED - EVERY)
            self._asked.clear()

    def _look(self) -> None:
        remind(self._watch, self._records)
        self._picture = picture = look(self._settings, self._environ, self._watch, self._folder)
        self._looked = time.monotonic()
        try:
            for name, process, verdict in _programs(picture):
                self._take(name, decide(process, verdict, self.record(name), picture.taken, random.random()))  # noqa: S311
        except (NotRunning, NoAnswer):
            return  # it is looked at again soon
        if not picture.silence:
            known = {name for name, *_ in _programs(picture)}
            self._records = {name: record for name, record in self._records.items() if name in known}
        self._remember()

    def _take(self, name: str, step: RemedyStep) -> bool:
        """Take one step; tell whether supervisord did what it was asked to."""
        if step.said:
            self._log.warning("remedy", program=name, said=step.said)
        is_done = True
        match step.do:
            case Do.END | Do.KILL:
                is_done = self._supervisor.signal(name, step.do.value)
            case Do.START:
                is_done = self._supervisor.start(name)
            case Do.START_AFRESH:
                self._supervisor.stop(name)
                is_done = self._supervisor.start(name)
        if not is_done:
            self._log.warning("supervisord did not do it", program=name, asked=step.do)
        if is_done or step.do not in (Do.END, Do.KILL):
            self._records = {**self._records, name: step.record}
        return is_done

    def _remember(self) -> None:
        """Write down what changed. A disk that cannot be written costs only what a restart would want to know."""
        if self._records == self._remembered:
            return
        try:
            write_records(self._settings.run_dir, self._records)
        except OSError as error:
            if not self._cannot_write:
                self._log.warning("what was done cannot be written down", error=error.strerror)
            self._cannot_write = True
        else:
            self._remembered, self._cannot_write = self._records, False


def _programs(picture: Snapshot) -> Iterator[tuple[str, ProcessInfo, SyncVerdict | None]]:
    """Yield each program of the group but the monitor itself; syncs come with their verdict."""
    for view in picture.syncs:
        if view.facts.process:
            yield view.name, view.facts.process, view.verdict
    for state in picture.programs:
        if state.name != MONITOR:
            yield state.name, process_of(state), None
