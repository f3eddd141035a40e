"""Work on many items at once, of which a bad one stops only itself.

A request about many items fails as a whole when one of them is bad, and when they are too many for a slow site. So on
an error they are halved, down to the one, which then has failed by itself. How many a site bears is remembered.

Errors are sorted by what they are about. Some are about the whole sync or the whole site (`is_about_all`) and are
raised at once. If single items fail one after the other because a site does not answer, it is the site (`Streak`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Generic, TypeVar

from sync_worker.core.concurrency import batches
from sync_worker.core.errors import (
    DatabaseUnavailable,
    LeaseLost,
    NeedsOperator,
    OutcomeUnknown,
    Paused,
    SiteThrottled,
    StopRequested,
    Unavailable,
)

SITE_FAILURES = 3
"""After so many single failures in a row, it is the site that has a problem, not the items."""
FIRST_PATIENCE = 8
"""Work that went through at the present size, as often as this, lets a larger one be tried again."""
LONGEST_PATIENCE = 1024
NOT_ABOUT_ONE_ITEM = (StopRequested, LeaseLost, Paused, NeedsOperator, SiteThrottled, DatabaseUnavailable)
TOO_MANY_REQUESTS = 429

T = TypeVar("T")
R = TypeVar("R")


def is_about_all(error: Exception) -> bool:
    """Tell whether `error` would meet any other request now, too: there is no use in trying fewer items."""
    if isinstance(error, NOT_ABOUT_ONE_ITEM):
        return True
    return isinstance(error, Unavailable) and (error.retry_after > 0 or error.status == TOO_MANY_REQUESTS)


class BatchSize:
    """How many items a site bears at once in one kind of request, at most `largest`. Safe to use from several threads.

    It shrinks when so many were too many. It grows again after a while of success, and more slowly each time.
    """

    def __init__(self, largest: int, smallest: int = 1) -> None:
        self.now = self._largest = largest
        self._smallest, self._patience, self._successes = smallest, FIRST_PATIENCE, 0
        self._lock = Lock()

    def shrink_to(self, size: int) -> None:
        """Remember that more than `size` items were too many."""
        with self._lock:
            if size < self.now:
                self.now = max(size, self._smallest)
                self._patience, self._successes = min(self._patience * 2, LONGEST_PATIENCE), 0

    def succeeded(self, size: int) -> None:
        with self._lock:
            if size < self.now or self.now == self._largest:
                return
            self._successes += 1
            if self._successes >= self._patience:
                self.now, self._successes = min(self.now * 2, self._largest), 0


class Streak:
    """Single failures in a row."""

    def __init__(self) -> None:
        self._length = 0

    def note(self, error: Exception | None) -> None:
        """Take note of how one item went. Raises `error` when it is one failure too many in which a site is silent.

        An item that the site refuses says that the site answers.
        """
        is_silent = isinstance(error, Unavailable) and not isinstance(error, OutcomeUnknown)
        self._length = self._length + 1 if is_silent else 0
        if error is not None and self._length == SITE_FAILURES:
            raise error

    def forget(self) -> None:
        self._length = 0


class NoStreak(Streak):
    """For items that are known to fail: they say nothing about the site."""

    def note(self, error: Exception | None) -> None: ...


@dataclass(frozen=True)
class Done(Generic[T, R]):
    """What came of some items at once. `alone`: those of them that have to be tried one by one all the same."""

    items: list[T]
    result: R
    alone: Collection[T] = ()


@dataclass(frozen=True)
class Failed(Generic[T]):
    """Items that failed: one, or several where they must not be tried again."""

    items: list[T]
    error: Exception


Work = Callable[[list[T]], tuple[R, Collection[T]]]
"""Works on some items at once. Returns the result, and the items that it could not include."""


def is_repeatable(_error: Exception) -> bool:
    """Say of every error that what ended in it may be tried again, as reading may."""
    return True


@dataclass
class Bulk(Generic[T, R]):
    """One bulk step. `may_repeat` tells whether what ended in an error may be tried again, in parts.

    `ends_with` tells which errors are raised because they are about all items. What is left for the items alone is done
    by `work`, too, with lists of one.
    """

    work: Work[T, R]
    size: BatchSize
    streak: Streak
    may_repeat: Callable[[Exception], bool] = is_repeatable
    ends_with: Callable[[Exception], bool] = is_about_all

    def run(self, items: Iterable[T]) -> Iterator[Done[T, R] | Failed[T]]:
        """Yield what came of `items`, as it comes. Raises an error that is not about single items."""
        iterator = iter(items)
        while chunk := list(islice(iterator, self.size.now)):
            yield from self._attempt(chunk)

    def _attempt(self, items: list[T]) -> Generator[Done[T, R] | Failed[T], None, bool]:
        """Yield what came of `items`; return whether all of them went well."""
        try:
            result, alone = self.work(items)
        except NOT_ABOUT_ONE_ITEM:
            raise
        except Exception as error:
            if self.ends_with(error):
                raise
            if len(items) > 1 and self.may_repeat(error):
                return (yield from self._halve(items))
            if len(items) > 1:
                self.size.shrink_to(len(items) // 2)
            yield Failed(items, error)
            self.streak.note(error)
            return False
        self.streak.note(None)
        self.size.succeeded(len(items))
        yield Done(items, result, alone)
        went_well = True
        for item in alone:
            went_well &= yield from self._attempt([item])
        return went_well

    def _halve(self, items: list[T]) -> Generator[Done[T, R] | Failed[T], None, bool]:
        middle, went_well = (len(items) + 1) // 2, True
        for half in (items[:middle], items[middle:]):
            for part in batches(half, self.size.now):
                went_well &= yield from self._attempt(part)
        if went_well:  # none of them is bad: they were too many
            self.size.shrink_to(middle)
        return went_well


def each(work: Callable[[T], R], items: Iterable[T], streak: Streak) -> Iterator[tuple[T, R] | Failed[T]]:
    """Yield what `work` makes of each item, with the item. One that fails stops only itself."""
    bulk: Bulk[T, R] = Bulk(lambda one: (work(one[0]), ()), BatchSize(1), streak)
    for outcome in bulk.run(items):
        yield outcome if isinstance(outcome, Failed) else (outcome.items[0], outcome.result)
