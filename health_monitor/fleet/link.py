"""What a container does for its fleet: it writes itself down, wakes its workers for others, and reads what others run.

All of that is one thread. It asks the database every two seconds whether somebody wants something of a worker here;
writes itself down and looks who is there every ten; and reads the leases of the syncs that other containers run: often
while a person looks at them, else seldom.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from threading import Event, Lock, Thread

from structlog.typing import FilteringBoundLogger

from health_monitor.databases import DatabaseClient, SyncDatabases
from health_monitor.fleet.look import FleetLook, SeenLease
from health_monitor.fleet.placement import LastingFaults, placement_faults, speaker
from sync_model.shards import Shard
from sync_worker.core.errors import SyncError
from sync_worker.database.lease_reports import read_report
from sync_worker.database.mongodb_errors import errors_translated
from sync_worker.database.shared.fleet import Container, Fleet
from sync_worker.database.wakeups import Wakeups

LOOK_EVERY = 2.0
WRITE_EVERY = 10.0
LOOKED_AT_FOR = 15.0
"""For so long after somebody has looked, leases are read often."""
FRESH_FOR_SHOWN, FRESH_FOR, FRESH_FOR_NOBODY = 6.0, 30.0, 60.0
"""A lease is read again when it was read so long ago: that of a sync which is shown, those of all others while somebody
looks at all, as Prometheus does, and while nobody does."""
READING_SECONDS = 1.0
"""The longest time for leases in one look. The others have their turn in the next one: each is read in turn."""
TROUBLE_AFTER = 60.0
"""Seconds for which the database may not answer before that is shown instead of what was known last."""


class FleetLink:
    """The part that this container has in its fleet.

    `workers` returns the pids of the workers here. `describe` adds to what is written of the container what it runs.
    """

    def __init__(
        self,
        container: Container,
        fleet: str,
        databases: SyncDatabases,
        log: FilteringBoundLogger,
        describe: Callable[[Container], Container],
        workers: Callable[[], Collection[int]],
    ) -> None:
        self._container, self._fleet = container, fleet
        self._databases, self._log, self._describe, self._workers = databases, log, describe, workers
        self._wanted: Mapping[str, str] = {}
        self._leases: dict[str, SeenLease] = {}
        self._containers: tuple[Container, ...] = ()
        self._faults = LastingFaults()
        self._failing_since: float | None = None
        self._error: str | None = None
        self._started = time.monotonic()
        self._written_at = self._looked_at = float("-inf")
        self._shown: dict[str, float] = {}
        self._is_prepared = False
        self._stopped, self._lock = Event(), Lock()
        self._thread = Thread(target=self._run, name="fleet", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, and let the others know at once that this container is no more."""
        self._stopped.set()
        self._thread.join(timeout=LOOK_EVERY)
        if self._written_at > float("-inf"):
            try:
                self._databases.run(lambda client: Fleet(client, self._fleet).leave(self._container.id))
            except SyncError:
                return  # the others find out

    def look_at(self, names: Iterable[str] = ()) -> None:
        """Take note that somebody looks at the syncs of other containers now, and at those called `names` closely."""
        self._looked_at = clock = time.monotonic()
        with self._lock:
            shown = {name: at for name, at in self._shown.items() if clock - at < LOOKED_AT_FOR}
            self._shown = shown | dict.fromkeys(names, clock)

    def want(self, databases: Mapping[str, str]) -> None:
        """Have the leases of these syncs read, and those of no others: their databases by their names."""
        with self._lock:
            self._wanted = databases
            self._leases = {name: seen for name, seen in self._leases.items() if name in databases}

    def look(self) -> FleetLook:
        """Return what is known now. It never waits for the database."""
        clock = time.monotonic()
        with self._lock:
            leases, containers = dict(self._leases), self._containers
        is_lasting = self._failing_since is not None and clock - self._failing_since > TROUBLE_AFTER
        return FleetLook(
            self._container.id,
            self._container.shard,
            containers or (self._container,),
            leases,
            trouble="; ".join(self._faults.at(clock)) or None,
            speaks=speaker(containers) in (None, self._container.id),
            error=self._error if is_lasting else None,
            is_read=bool(containers),
        )

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._databases.run(self._serve)
            except SyncError as error:
                self._failed(str(error))
            except Exception:  # noqa: BLE001 - whatever failed, the next look may succeed
                self._log.exception("the fleet could not be looked at")
            else:
                self._succeeded()
            self._stopped.wait(LOOK_EVERY)

    @errors_translated()
    def _serve(self, client: DatabaseClient) -> None:
        """Do all that is due."""
        fleet, wakeups = Fleet(client, self._fleet), Wakeups(client)
        if not self._is_prepared:
            fleet.prepare()
            wakeups.prepare()
            self._is_prepared = True
        wakeups.take(self._workers())
        if time.monotonic() >= self._written_at + WRITE_EVERY:
            up_for = time.monotonic() - self._started
            fleet.write(replace(self._describe(self._container), up_for=up_for))
            self._written_at = time.monotonic()
            containers = fleet.containers()
            self._faults.note(placement_faults(containers), time.monotonic())
            with self._lock:
                self._containers = containers
        self._read_leases(client)

    def _read_leases(self, client: DatabaseClient) -> None:
        """Read the leases whose turn it is: first those that are shown, of these the one that was read longest ago."""
        begun = time.monotonic()
        with self._lock:
            last_read = {name: self._leases[name].at if name in self._leases else 0.0 for name in self._wanted}
            databases, shown = dict(self._wanted), dict(self._shown)
        for name in due_leases(last_read, shown, self._looked_at, begun):
            if time.monotonic() - begun > READING_SECONDS or self._stopped.is_set():
                return
            seen = SeenLease(read_report(client, databases[name]), time.monotonic())
            with self._lock:
                if name in self._wanted:
                    self._leases[name] = seen

    def _failed(self, error: str) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
            self._log.warning("the other containers cannot be seen", error=error)
        self._error = error

    def _succeeded(self) -> None:
        if self._failing_since is not None:
            self._log.info("the other containers can be seen again")
        self._failing_since = self._error = None


def due_leases(last_read: Mapping[str, float], shown: Mapping[str, float], looked_at: float, clock: float) -> list[str]:
    """Return whose leases are to be read at `clock`: those that are shown first, then those read longest ago.

    `last_read` is when each lease was read, 0.0 for never; `shown` when somebody looked at a sync closely; `looked_at`
    when somebody looked at all. All are on the monotonic clock.
    """

    def is_due(name: str) -> bool:
        at = last_read[name]
        return not at or at <= clock - (FRESH_FOR_SHOWN if name in closely else fresh_for)

    closely = {name for name, at in shown.items() if clock - at < LOOKED_AT_FOR}
    fresh_for = FRESH_FOR if clock - looked_at < LOOKED_AT_FOR else FRESH_FOR_NOBODY
    return sorted(filter(is_due, last_read), key=lambda name: (name not in closely, last_read[name], name))


@errors_translated()
def look_once(client: DatabaseClient, container: str, shard: Shard, fleet: str, wanted: Mapping[str, str]) -> FleetLook:
    """Return what the database tells now, for a command that looks only once. Raises SyncError."""
    containers = Fleet(client, fleet).containers()
    leases = {name: SeenLease(read_report(client, database), time.monotonic()) for name, database in wanted.items()}
    trouble = "; ".join(placement_faults(containers)) or None
    return FleetLook(container, shard, containers, leases, trouble)
