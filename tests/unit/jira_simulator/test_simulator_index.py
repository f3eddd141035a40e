"""What search can see, and when. No test waits: a lag is either an hour or none, or the test turns the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from jira_simulator.index import Index
from jira_simulator.model import Issue
from jira_simulator.state import Site


@pytest.fixture
def site(new_site: Callable[..., Site]) -> Site:
    return new_site(projects=[{"key": "SUP", "workflow": "customer", "issues": [{"summary": "first"}]}])


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turned(site: Site, clock: Clock) -> Index:
    """An index that goes by `clock`."""
    return Index(site, clock)


@pytest.fixture
def index(site: Site) -> Index:
    return Index(site)


def create(site: Site) -> Issue:
    return site.create(
        site.users["sync"], {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "second"}
    )


def keys(index: Index) -> list[str]:
    return [entry.key for entry in index.entries()]


def test_a_change_is_found_at_once_by_default(site: Site, index: Index) -> None:
    create(site)
    assert keys(index) == ["SUP-1", "SUP-2"]


def test_with_a_lag_a_new_issue_is_found_later(site: Site, index: Index) -> None:
    index.lag = 3600
    create(site)
    assert keys(index) == ["SUP-1"]
    index.lag = 0
    assert keys(index) == ["SUP-1", "SUP-2"]


def test_with_a_lag_search_knows_the_issue_as_it_was(site: Site, index: Index) -> None:
    index.lag = 3600
    [issue] = site.issues.values()
    before = issue.updated
    site.comment(site.users["sync"], issue, "text")
    [entry] = index.entries()
    assert entry.updated == before < issue.updated


def test_a_deleted_issue_is_found_until_the_index_knows(site: Site, index: Index) -> None:
    index.lag = 3600
    site.delete(next(iter(site.issues.values())))
    assert keys(index) == ["SUP-1"]
    index.lag = 0
    assert keys(index) == []


def test_nothing_gets_in_while_the_index_is_held(site: Site, index: Index) -> None:
    index.is_held = True
    create(site)
    assert keys(index) == ["SUP-1"]
    index.is_held = False
    assert keys(index) == ["SUP-1", "SUP-2"]


@pytest.mark.parametrize("keep_out", [{"is_held": True}, {"lag": 3600}])
def test_what_happened_before_the_index_was_slowed_down_is_found(
    site: Site, index: Index, keep_out: dict[str, float]
) -> None:
    create(site)
    for name, value in keep_out.items():
        setattr(index, name, value)
    assert keys(index) == ["SUP-1", "SUP-2"]


def test_a_moved_issue_is_found_in_its_new_project_only(new_site: Callable[..., Site]) -> None:
    site = new_site()
    index = Index(site)
    issue = create(site)
    site.move(site.users["sync"], issue, site.projects["DEV"])
    before, after = (frozenset({site.projects[key].id}) for key in ("SUP", "DEV"))
    assert (index.entries(before), [each.key for each in index.entries(after)]) == ([], ["DEV-1"])


def test_an_issue_that_was_found_can_vanish_for_a_while(site: Site, index: Index) -> None:
    create(site)
    first = next(iter(site.issues))
    index.hide({first})
    assert keys(index) == ["SUP-2"]
    index.show({first})
    assert keys(index) == ["SUP-1", "SUP-2"]


def test_an_issue_vanishes_for_so_long_and_comes_back_by_itself(site: Site, turned: Index, clock: Clock) -> None:
    create(site)
    turned.hide({next(iter(site.issues))}, 10)
    seen = []
    for clock.seconds in (0, 9.9, 10):
        seen.append(keys(turned))
    assert seen == [["SUP-2"], ["SUP-2"], ["SUP-1", "SUP-2"]]


def test_an_issue_that_vanished_for_so_long_can_be_shown_sooner(site: Site, turned: Index) -> None:
    turned.hide(set(site.issues), 10)
    turned.show(set(site.issues))
    assert keys(turned) == ["SUP-1"]


def edit(site: Site, summary: str) -> datetime:
    [issue] = site.issues.values()
    site.edit(site.users["sync"], issue, {"summary": summary}, {})
    return issue.updated


def updated(index: Index) -> datetime:
    [entry] = index.entries()
    return entry.updated


def test_every_state_of_an_issue_appears_when_its_lag_is_over(site: Site, turned: Index, clock: Clock) -> None:
    turned.lag = 10
    first = edit(site, "one")
    clock.seconds = 5
    second = edit(site, "two")
    seen = []
    for clock.seconds in (9, 10, 14, 15):
        seen.append(updated(turned))
    assert seen[0] < first
    assert seen[1:] == [first, first, second]


@pytest.mark.parametrize("lags", [(10, 1), (1, 10), (10, 3, 8), (0, 10, 1, 0)])
def test_states_appear_in_the_order_in_which_they_came_however_the_lag_changes(
    site: Site, turned: Index, clock: Clock, lags: tuple[float, ...]
) -> None:
    seen, written = [], []
    for number, turned.lag in enumerate(lags):
        written.append(edit(site, str(number)))
        seen.append(updated(turned))
    for step in range(200):
        clock.seconds = step / 10
        seen.append(updated(turned))
    assert seen == sorted(seen)
    assert seen[-1] == written[-1]


def test_a_shorter_lag_holds_for_what_waits_already(site: Site, turned: Index, clock: Clock) -> None:
    turned.lag = 3600
    edited = edit(site, "one")
    turned.lag = 10
    clock.seconds = 9
    assert updated(turned) < edited
    clock.seconds = 10
    assert updated(turned) == edited


def test_a_longer_lag_holds_for_what_comes_only(site: Site, turned: Index, clock: Clock) -> None:
    turned.lag = 10
    edited = edit(site, "one")
    turned.lag = 3600
    clock.seconds = 10
    assert updated(turned) == edited


def test_an_answer_is_remembered_until_something_changes(site: Site, turned: Index, clock: Clock) -> None:
    def ask() -> list[str]:
        return [entry.key for entry in turned.remembered("all", turned.entries)]

    searches: list[str] = []
    assert turned.remembered("all", lambda: searches.append("once") or turned.entries())
    assert turned.remembered("all", lambda: searches.append("twice") or [])
    assert searches == ["once"]
    create(site)
    assert ask() == ["SUP-1", "SUP-2"]
    turned.hide({next(iter(site.issues))}, 10)
    assert ask() == ["SUP-2"]
    clock.seconds = 10
    assert ask() == ["SUP-1", "SUP-2"]
    turned.lag = 5
    site.delete(next(iter(site.issues.values())))
    assert ask() == ["SUP-1", "SUP-2"]
    clock.seconds = 15
    assert ask() == ["SUP-2"]
