"""Concurrency: work on many items in batches, or on several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield `items` in lists of `size`; the last one may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def side_by_side(work: Callable[[T], R], items: Iterable[T], limit: int) -> Iterator[R]:
    """Yield the result of `work` for each item, as it comes, with at most `limit` at work at once.

    After the first error, and when no more results are asked for, no more work is begun. What has begun is brought to
    its end first.
    """
    waiting = list(items)
    if limit == 1 or len(waiting) <= 1:
        return map(work, waiting)
    return _Pool(work, waiting).results(limit)


class _Pool(Generic[T, R]):
    """Threads for one call of `side_by_side`.

    They are daemons, unlike those of `concurrent.futures`: a request that never ends must not keep the process from
    ending when its time to stop has run out.
    """

    def __init__(self, work: Callable[[T], R], items: list[T]) -> None:
        self._work = work
        self._waiting, self._lock = list(reversed(items)), Lock()
        self._outcomes: SimpleQueue[R | _Ended] = SimpleQueue()

    def results(self, limit: int) -> Iterator[R]:
        running = min(limit, len(self._waiting))
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
            self._waiting.clear()
            # Who asks for no more results begins something else next: nothing must be at work beside that.
            while running:
                running -= isinstance(self._outcomes.get(), _Ended)
        if error is not None:
            raise error

    def _run(self) -> None:
        try:
            while (item := self._next()) is not None:
                self._outcomes.put(self._work(item[0]))
        except BaseException as error:  # noqa: BLE001 - raised where the results are asked for
            self._waiting.clear()
            self._outcomes.put(_Ended(error))
        else:
            self._outcomes.put(_Ended(None))

    def _next(self) -> tuple[T] | None:
        with self._lock:
            return (self._waiting.pop(),) if self._waiting else None


class _Ended:
    """Marks that one thread has ended, by an error or because nothing was left to do."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
