"""The driver's threads do what they did, when they are called or when it is time, and end when they are told to."""

from __future__ import annotations

import inspect
import threading
import time
from contextlib import closing
from itertools import pairwise

import pytest

from sync_worker.database.connection import connect
from sync_worker.database.driver_threads import INTERVALS, STOCK, Executor

NEVER = 1000.0


class Counted:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bool:
        self.times += 1
        return True


@pytest.fixture
def work():
    return Counted()


@pytest.fixture
def new_executor(work):
    made = []

    def new(interval: float) -> Executor:
        made.append(Executor(interval, 0.01, work, "of a test"))
        made[-1].open()
        return made[-1]

    yield new
    for each in made:
        each.close()
        each.join()


def test_a_driver_thread_works_again_after_its_interval(work, new_executor, wait_until):
    new_executor(0.02)
    wait_until(lambda: work.times > 2, "several times")


def test_a_driver_thread_works_at_once_when_it_is_called(work, new_executor, wait_until):
    executor = new_executor(NEVER)
    for times in (1, 2, 3):
        wait_until(lambda times=times: work.times == times, "it to have worked")
        executor.wake()
    wait_until(lambda: work.times == 4, "it to have worked")


def test_a_driver_thread_rests_for_its_shortest_interval_however_often_it_is_called(wait_until):
    times, least = [], 0.05

    def work() -> bool:
        times.append(time.monotonic())
        executor.wake()
        return len(times) < 4

    executor = Executor(NEVER, least, work, "of a test")
    executor.open()
    wait_until(lambda: len(times) == 4, "it to have worked")
    assert all(later >= earlier + least for earlier, later in pairwise(times))


def test_a_driver_thread_ends_at_once_when_it_is_closed_and_can_be_opened_again(work, new_executor, wait_until):
    executor = new_executor(NEVER)
    wait_until(lambda: work.times == 1, "it to have worked")
    executor.close()
    wait_until(lambda: not any(each.name == "of a test" for each in threading.enumerate()), "its thread to end")
    executor.open()
    wait_until(lambda: work.times == 2, "it to work again")


def test_a_driver_thread_whose_work_is_over_ends(wait_until):
    executor = Executor(NEVER, 0.01, lambda: False, "of a test")
    executor.open()
    wait_until(lambda: not any(each.name == "of a test" for each in threading.enumerate()), "its thread to end")


def test_a_client_has_our_threads_and_the_one_that_closes_cursors_has_our_interval(mongo_server):
    with closing(connect(mongo_server.url, "test")) as client:
        client.admin.command("ping")
        tidying = client._kill_cursors_executor
        assert isinstance(tidying, Executor)
        assert tidying._interval == INTERVALS[tidying._name]


@pytest.mark.parametrize(
    # what of the driver is replaced         has to be, for that
    ("method", "pieces"),
    [
        (STOCK.__init__, ["interval: float", "min_interval: float", "target: Any", "name: str | None = None"]),
        (STOCK.wake, ["self._event = True"]),
        (STOCK.close, ["dummy: Any = None", "self._stopped = True"]),
        (STOCK.open, ["threading.Thread(target=self._run, name=self._name)"]),
        (
            STOCK._run,
            ["self._should_stop()", "self._target()", "self._stopped = True", "except BaseException", "self._lock",
             "self._thread_will_exit = True", "self._skip_sleep", "self._interval", "time.sleep(self._min_interval)",
             "self._event = False"],
        ),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)  # fmt: skip
def test_the_driver_s_own_thread_is_the_one_that_ours_was_made_for(method, pieces):
    source = inspect.getsource(method)
    assert [piece for piece in pieces if piece not in source] == []
