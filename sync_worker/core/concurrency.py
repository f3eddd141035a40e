"""Doing many things of one kind: in portions, or at once, but not too many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield `items` in portions of `size`; the last one may be smaller."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def side_by_side(work: Callable[[T], R], items: Iterable[T], limit: int) -> Iterator[R]:
    """Yield what `work` makes of each item, as it comes, with at most `limit` at work at once.

    The first error ends it: what has begun is brought to its end, nothing more is begun, and the error is raised.
    """
    things = list(items)
    if limit == 1 or len(things) <= 1:
        return map(work, things)
    return _Crew(work, things).results(limit)


class _Crew(Generic[T, R]):
    """The threads are daemons, unlike those of `concurrent.futures`: a request that never ends must not keep the
    process from ending when its time to stop has run out."""

    def __init__(self, work: Callable[[T], R], things: list[T]) -> None:
        self._work = work
        self._things, self._turn = list(reversed(things)), Lock()
        self._outcomes: SimpleQueue[R | _Ended] = SimpleQueue()

    def results(self, limit: int) -> Iterator[R]:
        running = min(limit, len(self._things))
        for _ in range(running):
            Thread(target=self._run, daemon=True).start()
        error: BaseException | None = None
        try:
            while running:
                outcome = self._outcomes.get()
                if isinstance(outcome, _Ended):
                    running -= 1
                    error = error or outcome.error
                else:
                    yield outcome
        finally:
            self._things.clear()
        if error is not None:
            raise error

    def _run(self) -> None:
        try:
            while (thing := self._next()) is not None:
                self._outcomes.put(self._work(thing[0]))
        except BaseException as error:  # noqa: BLE001 - raised where the results are asked for
            self._things.clear()
            self._outcomes.put(_Ended(error))
        else:
            self._outcomes.put(_Ended(None))

    def _next(self) -> tuple[T] | None:
        with self._turn:
            return (self._things.pop(),) if self._things else None


class _Ended:
    """One thread has ended, by an error or because there was nothing more to do."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
