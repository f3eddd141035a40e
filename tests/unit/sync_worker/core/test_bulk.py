"""Work on many items at once: a bad item stops only itself, and is told apart from a silent site."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_worker.core.bulk import SITE_FAILURES, BatchSize, Bulk, Done, Failed, NoStreak, Streak, each
from sync_worker.core.errors import (
    DatabaseUnavailable,
    InvalidRequest,
    LeaseLost,
    NeedsOperator,
    OutcomeUnknown,
    SiteThrottled,
    StopRequested,
    Unavailable,
)

Check = Callable[[list[int]], None]


class Site:
    """Works on numbers. `check` raises for what the site does not bear. The calls that were made are kept."""

    def __init__(self, check: Check, alone: set[int] | None = None) -> None:
        self._check, self._alone = check, alone or set()
        self.calls: list[list[int]] = []

    def __call__(self, items: list[int]) -> tuple[list[int], list[int]]:
        self.calls.append(items)
        self._check(items)
        left = [item for item in items if item in self._alone] if len(items) > 1 else []
        return [item for item in items if item not in left], left


def bad(*numbers: int, error: Exception | None = None) -> Check:
    """Let every request fail that has one of these numbers in it."""

    def check(items: list[int]) -> None:
        if not set(items).isdisjoint(numbers):
            raise error or Unavailable("500", status=500)

    return check


def at_most(count: int) -> Check:
    def check(items: list[int]) -> None:
        if len(items) > count:
            raise Unavailable("504", status=504)

    return check


def run(site: Site, items: range, size: int = 100, streak: Streak | None = None) -> tuple[list[int], list[int]]:
    """Return what was done and what failed."""
    done, failed = list[int](), list[int]()
    for outcome in Bulk(site, BatchSize(size), streak or NoStreak()).run(items):
        if isinstance(outcome, Done):
            done += outcome.result
        else:
            failed += outcome.items
    return sorted(done), failed


@pytest.mark.parametrize("culprit", [0, 1, 49, 50, 98, 99])
@pytest.mark.parametrize("error", [Unavailable("500"), InvalidRequest("400"), KeyError("fields"), UnicodeError("half")])
def test_one_bad_item_among_a_hundred_fails_alone(culprit, error):
    done, failed = run(Site(bad(culprit, error=error)), range(100), streak=Streak())
    assert failed == [culprit]
    assert done == [number for number in range(100) if number != culprit]


def test_a_bad_item_costs_two_requests_for_each_halving():
    site = Site(bad(7))
    run(site, range(64))
    assert len(site.calls) == 1 + 2 * 6


def test_a_bad_item_does_not_make_the_batches_smaller():
    size = BatchSize(100)
    list(Bulk(Site(bad(3)), size, NoStreak()).run(range(100)))
    assert size.now == 100


@pytest.mark.parametrize("most", [20, 50, 99])
def test_a_site_that_bears_only_so_many_items_is_asked_for_no_more_of_them_later(most):
    site, size = Site(at_most(most)), BatchSize(100)
    list(Bulk(site, size, Streak()).run(range(100)))
    assert most / 2 <= size.now <= most
    before = len(site.calls)
    outcomes = list(Bulk(site, size, Streak()).run(range(size.now)))
    assert [outcome for outcome in outcomes if isinstance(outcome, Failed)] == []
    assert len(site.calls) == before + 1


def test_batches_grow_again_after_a_while_of_success_and_more_slowly_each_time():
    size = BatchSize(100)
    waits = []
    for _ in range(2):
        size.shrink_to(50)
        successes = 0
        while size.now == 50:
            size.succeeded(50)
            successes += 1
        waits.append(successes)
    assert size.now == 100
    assert waits[1] == 2 * waits[0]


def test_items_that_a_bulk_request_cannot_include_are_tried_one_by_one():
    site = Site(bad(5), alone={4, 5})
    done, failed = run(site, range(10))
    assert (done, failed) == ([0, 1, 2, 3, 4, 6, 7, 8, 9], [5])
    assert [4] in site.calls


def test_several_bad_items_apart_fail_alone():
    done, failed = run(Site(bad(10, 50, 90)), range(100), streak=Streak())
    assert failed == [10, 50, 90]
    assert len(done) == 97


def test_three_items_in_a_row_for_which_the_site_is_silent_are_the_sites_problem():
    site, failed = Site(bad(*range(100))), list[int]()
    outcomes = Bulk(site, BatchSize(100), Streak()).run(range(100))
    with pytest.raises(Unavailable):
        failed.extend(item for outcome in outcomes for item in outcome.items)
    assert failed == [0, 1, 2]
    assert len(failed) == SITE_FAILURES
    assert len(site.calls) < 12


def test_any_number_of_items_in_a_row_that_the_site_refuses_stop_only_themselves():
    done, failed = run(Site(bad(*range(50), error=InvalidRequest("403"))), range(100), streak=Streak())
    assert failed == list(range(50))
    assert done == list(range(50, 100))


@pytest.mark.parametrize(
    "error",
    [
        StopRequested(),
        LeaseLost("another"),
        NeedsOperator("401"),
        SiteThrottled("429"),
        DatabaseUnavailable("MongoDB"),
        Unavailable("429", status=429),
        Unavailable("maintenance", status=503, retry_after=120),
    ],
)
def test_an_error_that_holds_for_everything_is_raised_after_one_request(error):
    site = Site(bad(50, error=error))
    with pytest.raises(type(error)):
        run(site, range(100))
    assert len(site.calls) == 1


def test_what_must_not_be_repeated_fails_as_a_whole_and_makes_the_next_batch_smaller():
    site, size = Site(at_most(10)), BatchSize(50)
    bulk = Bulk(site, size, NoStreak(), may_repeat=lambda error: isinstance(error, InvalidRequest))
    outcomes = list(bulk.run(range(60)))
    assert [outcome.items for outcome in outcomes][:2] == [list(range(50)), list(range(50, 60))]
    assert isinstance(outcomes[0], Failed)
    assert [number for call in site.calls for number in call] == list(range(60))
    assert size.now == 25


def test_each_stops_at_no_single_failure():
    def work(number: int) -> int:
        if number == 2:
            raise OutcomeUnknown("later")
        return 10 * number

    outcomes = list(each(work, range(4), Streak()))
    assert [outcome for outcome in outcomes if not isinstance(outcome, Failed)] == [(0, 0), (1, 10), (3, 30)]
    assert [outcome.items for outcome in outcomes if isinstance(outcome, Failed)] == [[2]]
