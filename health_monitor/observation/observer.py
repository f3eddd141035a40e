"""The loop that takes a snapshot of the group again and again, and applies the remedies that `remedies` decides.

The loop has its own thread, because supervisord may be slow to answer, and a request for a page must not wait for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from threading import Event, Lock, Thread

from structlog.typing import FilteringBoundLogger

from generator.running.errors import NoAnswer, NotRunning, Unusable
from generator.running.settings.group import Settings
from generator.running.state.intention import finish
from generator.running.supervision.supervisor_rpc import Supervisor
from health_monitor.fleet.link import FleetLink
from health_monitor.observation.capture import process_of, take_snapshot
from health_monitor.observation.config_cache import ConfigCache
from health_monitor.observation.remedies import RemedyStep, SupervisorCommand, decide, restart
from health_monitor.observation.remedy_records import RemedyRecord, read_records, write_records
from health_monitor.observation.snapshot import Snapshot, databases_elsewhere
from health_monitor.observation.tracking import Tracking, track_records
from sync_model.health.judgement import ProcessInfo, SyncVerdict
from sync_model.program_names import MONITOR
from sync_worker.core.errors import InvalidRequest, Unavailable

SNAPSHOT_SECONDS = 4.0
"""Between two snapshots while somebody reads them."""
IDLE_SNAPSHOT_SECONDS = 10.0
"""Between two snapshots that nobody reads: those of a hundred syncs are most of what an idle monitor does."""
SECONDS_TO_FINISH = 10.0
"""For the end of programs that an apply which has ended was about to replace. If they take longer, the next look waits
for them."""
ALIVE_SECONDS = 30.0
"""Without a snapshot for so long, the loop counts as dead."""


class Observer:
    """Observes the group of `settings`, whose programs run with `environ`, and the `fleet` that it is part of."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        log: FilteringBoundLogger,
        fleet: FleetLink | None = None,
    ) -> None:
        self._settings, self._environ, self._log = settings, environ, log
        self._fleet = fleet
        self._supervisor = Supervisor(settings.socket)
        self._tracking: Tracking = {}
        self._configs = ConfigCache(settings, environ)
        self._records = self._written_records = read_records(settings.run_dir)
        self._has_write_failed = False
        self._stopped, self._requested, self._lock = Event(), Event(), Lock()
        self._thread = Thread(target=self._run, name="observer", daemon=True)
        self._snapshot_at = time.monotonic()
        self._snapshot: Snapshot | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._requested.set()

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest snapshot; None before the first one. Reading it makes the loop take the next one soon."""
        self._requested.set()
        return self._snapshot

    def look_at(self, names: Iterable[str]) -> None:
        """Take note that somebody looks at the syncs of all containers now, and at those called `names` closely."""
        if self._fleet:
            self._fleet.look_at(names)

    @property
    def latest(self) -> Snapshot | None:
        """The newest snapshot, for a reader that waits for the next one as long as it takes."""
        return self._snapshot

    @property
    def is_alive(self) -> bool:
        """Tell whether the loop still takes snapshots."""
        return time.monotonic() - self._snapshot_at < ALIVE_SECONDS

    def record(self, name: str) -> RemedyRecord:
        """Return what the monitor did to the program `name`."""
        return self._records.get(name, RemedyRecord())

    def restart(self, name: str, by: str) -> str:
        """Restart the program, or start it if it does not run; return a sentence that says which.

        Raises InvalidRequest when supervisord does not know or does not start the program, and Unavailable when
        supervisord does not answer.
        """
        try:
            with self._lock:
                state = self._supervisor.states().get(name)
                if state is None:
                    raise InvalidRequest(f"{name} is not part of the group; jira-sync apply makes it so")
                step = restart(process_of(state), self.record(name), datetime.now(UTC), by)
                if step.command is None or not self._carry_out(name, step):
                    raise InvalidRequest(f"{name} cannot be restarted now: it is {state.state.lower()}")
                self._write_records()
        except NotRunning:
            raise Unavailable("supervisord does not run") from None
        except NoAnswer as error:
            raise Unavailable(str(error)) from None
        return f"{name} is {'restarted' if step.command is SupervisorCommand.TERMINATE else 'started'}"

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._lock:
                    self._observe()
            except Exception:  # noqa: BLE001 - whatever failed, the next snapshot may succeed
                self._log.exception("the group could not be looked at")
            self._stopped.wait(SNAPSHOT_SECONDS)
            self._requested.wait(IDLE_SNAPSHOT_SECONDS - SNAPSHOT_SECONDS)
            self._requested.clear()

    def _observe(self) -> None:
        """Take a snapshot, and apply the remedies that it calls for."""
        self._finish_apply()
        track_records(self._tracking, self._records)
        fleet = self._fleet.look() if self._fleet else None
        self._snapshot = snapshot = take_snapshot(self._settings, self._environ, self._tracking, self._configs, fleet)
        if self._fleet:
            self._fleet.want(databases_elsewhere(snapshot))
        self._snapshot_at = time.monotonic()
        try:
            for name, process, verdict in _programs(snapshot):
                jitter = random.random()  # noqa: S311 - nobody gains by guessing it
                self._carry_out(name, decide(process, verdict, self.record(name), snapshot.taken, jitter))
        except (NotRunning, NoAnswer):
            return  # the next snapshot is soon
        if not snapshot.supervisor_error:
            names = {name for name, *_ in _programs(snapshot)}
            self._records = {name: record for name, record in self._records.items() if name in names}
        self._write_records()

    def _finish_apply(self) -> None:
        """Do what an apply was about to do when it ended too early: it may have stopped syncs."""
        try:
            if done := finish(self._settings, self._supervisor, SECONDS_TO_FINISH):
                self._log.warning("an apply had ended before it was done; it is done now", programs=done)
        except (NotRunning, NoAnswer, Unusable) as error:
            self._log.warning("an apply had ended before it was done, and still is not", error=str(error))

    def _carry_out(self, name: str, step: RemedyStep) -> bool:
        """Carry out one step; tell whether supervisord did what the step asks for."""
        if step.message:
            self._log.warning("remedy", program=name, said=step.message)
        is_done = True
        match step.command:
            case SupervisorCommand.TERMINATE | SupervisorCommand.KILL:
                is_done = self._supervisor.signal(name, step.command.value)
            case SupervisorCommand.START:
                is_done = self._supervisor.start(name)
            case SupervisorCommand.STOP_AND_START:
                self._supervisor.stop(name)
                is_done = self._supervisor.start(name)
        if not is_done:
            self._log.warning("supervisord did not do it", program=name, asked=step.command)
        # A start that failed is recorded too, so that the next attempt waits for its backoff.
        if is_done or step.command not in (SupervisorCommand.TERMINATE, SupervisorCommand.KILL):
            self._records = {**self._records, name: step.record}
        return is_done

    def _write_records(self) -> None:
        """Write the records if they have changed. If the disk cannot be written, only a later monitor misses them."""
        if self._records == self._written_records:
            return
        try:
            write_records(self._settings.run_dir, self._records)
        except OSError as error:
            if not self._has_write_failed:
                self._log.warning("what was done cannot be written down", error=error.strerror)
            self._has_write_failed = True
        else:
            self._written_records, self._has_write_failed = self._records, False


def _programs(snapshot: Snapshot) -> Iterator[tuple[str, ProcessInfo, SyncVerdict | None]]:
    """Yield each program of the group but the monitor itself; only syncs have a verdict."""
    for view in snapshot.syncs:
        if view.facts.process:
            yield view.name, view.facts.process, view.verdict
    for state in snapshot.programs:
        if state.name != MONITOR:
            yield state.name, process_of(state), None
