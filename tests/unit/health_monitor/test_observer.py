"""How often the group is looked at."""

from __future__ import annotations

from threading import Event

import pytest
import structlog

from generator.running.settings import from_environ
from health_monitor import observer
from health_monitor.observer import EVERY, EVERY_UNASKED, Observer


class Waits(Event):
    """Is over at once, and knows how long each wait was to be; `then` happens in the last one."""

    def __init__(self, most: int, then=lambda: None) -> None:
        super().__init__()
        self.most, self.then, self.waits = most, then, []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append((timeout, self.is_set()))
        if len(self.waits) == self.most:
            self.then()
        return self.is_set()


class Looks:
    def __init__(self, watching: Observer, asked_after: set[int]) -> None:
        self._watching, self._asked_after, self.times = watching, asked_after, 0

    def __call__(self) -> None:
        self.times += 1
        if self.times in self._asked_after:
            assert self._watching.picture is None


@pytest.fixture
def watching(tmp_path, monkeypatch) -> Observer:
    monkeypatch.setattr(observer, "EVERY", 0.0)
    environ = {"RUN_DIR": str(tmp_path), "CONFIG_DIR": str(tmp_path)}
    return Observer(from_environ(environ), environ, structlog.get_logger())


def test_it_is_looked_at_often_while_somebody_asks_and_now_and_then_when_nobody_does(watching):
    watching._asked = asked = Waits(3, watching.stop)
    watching._look = looks = Looks(watching, asked_after={2})
    watching._run()
    assert looks.times == 3
    # how long to rest beyond the shortest time between two looks, and whether somebody has asked by then
    assert asked.waits == [(EVERY_UNASKED, False), (EVERY_UNASKED, True), (EVERY_UNASKED, False)]


def test_a_loop_that_nobody_asks_does_not_count_as_dead():
    assert EVERY < EVERY_UNASKED < observer.ALIVE / 2


def test_it_ends_at_once_when_it_is_stopped_while_nobody_asks(watching, wait_until, monkeypatch):
    monkeypatch.setattr(observer, "EVERY_UNASKED", 1_000.0)
    watching.start()
    wait_until(lambda: watching._picture, "the first look")
    watching.stop()
    watching._thread.join()
