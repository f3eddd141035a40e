"""Work on many items at once, up to a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from sync_worker.core.concurrency import side_by_side

LIMITS = pytest.mark.parametrize("limit", [1, 4])


class Gate:
    """Work that stays where it is until a test lets it go, and counts what is at work.

    It fails when it was not let go within so many seconds.
    """

    def __init__(self, patience: float = 10) -> None:
        self._patience = patience
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.open = threading.Event()
        self._lock = threading.Lock()

    def work(self, number: int) -> int:
        with self._lock:
            self.begun.append(number)
        assert self.open.wait(self._patience)
        with self._lock:
            self.ended.append(number)
        return number


def in_background(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Run `work` in another thread; what it returns ends up in the list."""
    outcome: list[object] = []
    thread = threading.Thread(target=lambda: outcome.append(work()))
    thread.start()
    return thread, outcome


@LIMITS
def test_side_by_side_works_on_every_item_once(limit):
    assert sorted(side_by_side(lambda number: number * 2, range(50), limit)) == [number * 2 for number in range(50)]


@LIMITS
def test_side_by_side_without_items_does_nothing(limit):
    assert list(side_by_side(lambda _: pytest.fail("nothing should be done"), [], limit)) == []


@LIMITS
def test_items_are_begun_in_their_order(limit):
    begun = []
    lock = threading.Lock()

    def work(number: int) -> None:
        with lock:
            begun.append(number)

    list(side_by_side(work, range(50), limit))
    # Two that begin at the same moment may come to the lock in either order, but none comes before its time.
    assert all(number < place + limit for place, number in enumerate(begun))


@LIMITS
def test_no_more_items_than_the_limit_are_at_work_at_once(limit, wait_until):
    gate = Gate()
    thread, outcome = in_background(lambda: list(side_by_side(gate.work, range(10), limit)))
    wait_until(lambda: len(gate.begun) == limit, "the first to begin")
    assert sorted(gate.begun) == list(range(limit))
    gate.open.set()
    thread.join(10)
    assert sorted(outcome[0]) == list(range(10))


def test_a_result_is_yielded_while_other_items_are_still_at_work(wait_until):
    gate = Gate()
    results = side_by_side(lambda number: number if number == 0 else gate.work(number), range(3), 2)
    assert next(results) == 0
    assert gate.ended == []
    gate.open.set()
    assert sorted(results) == [1, 2]


def test_a_limit_of_one_begins_no_item_before_the_last_result_was_taken():
    begun = []
    results = side_by_side(begun.append, range(3), 1)
    next(results)
    assert begun == [0]


@LIMITS
def test_the_first_error_keeps_further_items_from_being_begun(limit):
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        raise KeyError(number)

    with pytest.raises(KeyError):
        list(side_by_side(work, range(1000), limit))
    assert len(begun) <= limit


def test_items_at_work_come_to_their_end_before_an_error_is_raised_and_no_more_are_begun(wait_until):
    gate = Gate()
    failed = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            wait_until(lambda: gate.begun == [0], "the other to begin")
            failed.set()
            raise KeyError(number)
        return gate.work(number)

    def ended_when_it_raised() -> list[int]:
        with pytest.raises(KeyError):
            list(side_by_side(work, range(10), 2))
        return list(gate.ended)

    thread, outcome = in_background(ended_when_it_raised)
    assert failed.wait(10)
    thread.join(0.1)
    assert thread.is_alive()
    gate.open.set()
    thread.join(10)
    assert outcome == [[0]]
    assert gate.begun == [0]


@pytest.mark.parametrize("wrong", [5, None])
def test_side_by_side_leaves_no_thread_behind(wrong, wait_until):
    def work(number: int) -> None:
        if number == wrong:
            raise KeyError(number)

    before = set(threading.enumerate())
    with suppress(KeyError):
        list(side_by_side(work, range(20), 4))
    wait_until(lambda: before.issuperset(threading.enumerate()), "the threads to end")


def test_a_caller_that_takes_no_more_results_has_no_more_items_begun(wait_until):
    gate = Gate(patience=2)  # closing waits for what is at work, which nobody lets go before
    before = set(threading.enumerate())
    results = side_by_side(lambda number: number if number == 0 else gate.work(number), range(100), 2)
    assert next(results) == 0
    wait_until(lambda: sorted(gate.begun) == [1, 2], "the next ones to begin")
    results.close()
    gate.open.set()
    wait_until(lambda: before.issuperset(threading.enumerate()), "the threads to end")
    assert sorted(gate.begun) == [1, 2]


def test_who_asks_for_no_more_results_leaves_nothing_at_work():
    """The next cycle may take up the same issue: two requests would create it."""
    gate = Gate()
    results = iter(side_by_side(lambda number: number if number == 0 else gate.work(number), range(8), 4))
    assert next(results) == 0
    closing, _ = in_background(results.close)
    gate.open.set()
    closing.join(10)
    assert not closing.is_alive()
    assert sorted(gate.ended) == sorted(gate.begun)
