"""The loop takes snapshots more often while somebody reads them."""

from __future__ import annotations

from threading import Event

import pytest
import structlog

from generator.running.settings.group import from_environ
from health_monitor.observation import observer as module
from health_monitor.observation.observer import IDLE_SNAPSHOT_SECONDS, SNAPSHOT_SECONDS, Observer


class RecordedWaits(Event):
    """An event whose waits return at once and are recorded; `then` is called in the last one."""

    def __init__(self, most: int, then=lambda: None) -> None:
        super().__init__()
        self.most, self.then, self.waits = most, then, []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append((timeout, self.is_set()))
        if len(self.waits) == self.most:
            self.then()
        return self.is_set()


class CountedObservations:
    """Takes the place of `Observer._observe`; somebody reads the snapshot after those in `read_after`."""

    def __init__(self, observer: Observer, read_after: set[int]) -> None:
        self._observer, self._read_after, self.count = observer, read_after, 0

    def __call__(self) -> None:
        self.count += 1
        if self.count in self._read_after:
            assert self._observer.snapshot is None


@pytest.fixture
def observer(tmp_path, monkeypatch) -> Observer:
    monkeypatch.setattr(module, "SNAPSHOT_SECONDS", 0.0)
    environ = {"RUN_DIR": str(tmp_path), "CONFIG_DIR": str(tmp_path)}
    return Observer(from_environ(environ), environ, structlog.get_logger())


def test_the_observer_rests_longer_between_two_snapshots_that_nobody_reads(observer):
    observer._requested = requested = RecordedWaits(3, observer.stop)
    observer._observe = observations = CountedObservations(observer, read_after={2})
    observer._run()
    assert observations.count == 3
    # how long to rest beyond the shortest time between two snapshots, and whether somebody has read one by then
    assert requested.waits == [
        (IDLE_SNAPSHOT_SECONDS, False),
        (IDLE_SNAPSHOT_SECONDS, True),
        (IDLE_SNAPSHOT_SECONDS, False),
    ]


def test_an_idle_observer_takes_snapshots_often_enough_to_count_as_alive():
    assert SNAPSHOT_SECONDS < IDLE_SNAPSHOT_SECONDS < module.ALIVE_SECONDS / 2


def test_an_idle_observer_ends_at_once_when_it_is_stopped(observer, wait_until, monkeypatch):
    monkeypatch.setattr(module, "IDLE_SNAPSHOT_SECONDS", 1_000.0)
    observer.start()
    wait_until(lambda: observer._snapshot, "the first snapshot")
    observer.stop()
    observer._thread.join()
