"""What search can see, and when. No test waits: a lag is an hour or none, or the test turns the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from jira_simulator.search.index import SearchIndex
from jira_simulator.site.model import SimulatedIssue
from jira_simulator.site.simulated_site import SimulatedSite

if TYPE_CHECKING:
    from conftest import FakeClock


@pytest.fixture
def site(new_site: Callable[..., SimulatedSite]) -> SimulatedSite:
    return new_site(projects=[{"key": "SUP", "workflow": "customer", "issues": [{"summary": "first"}]}])


@pytest.fixture
def timed(site: SimulatedSite, clock: FakeClock) -> SearchIndex:
    """An index whose clock the test turns."""
    return SearchIndex(site, clock)


@pytest.fixture
def index(site: SimulatedSite) -> SearchIndex:
    return SearchIndex(site)


def create(site: SimulatedSite) -> SimulatedIssue:
    return site.create(
        site.users["sync"], {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "second"}
    )


def keys(index: SearchIndex) -> list[str]:
    return [entry.key for entry in index.entries()]


def test_a_change_is_found_at_once_by_default(site: SimulatedSite, index: SearchIndex) -> None:
    create(site)
    assert keys(index) == ["SUP-1", "SUP-2"]


def test_with_a_lag_a_new_issue_is_found_later(site: SimulatedSite, index: SearchIndex) -> None:
    index.lag = 3600
    create(site)
    assert keys(index) == ["SUP-1"]
    index.lag = 0
    assert keys(index) == ["SUP-1", "SUP-2"]


def test_with_a_lag_search_shows_the_issue_as_it_was(site: SimulatedSite, index: SearchIndex) -> None:
    index.lag = 3600
    [issue] = site.issues.values()
    before = issue.updated
    site.add_comment(site.users["sync"], issue, "text")
    [entry] = index.entries()
    assert entry.updated == before < issue.updated


def test_with_a_lag_a_deleted_issue_is_still_found(site: SimulatedSite, index: SearchIndex) -> None:
    index.lag = 3600
    site.delete(next(iter(site.issues.values())))
    assert keys(index) == ["SUP-1"]
    index.lag = 0
    assert keys(index) == []


def test_no_change_becomes_visible_while_the_index_is_held(site: SimulatedSite, index: SearchIndex) -> None:
    index.is_held = True
    create(site)
    assert keys(index) == ["SUP-1"]
    index.is_held = False
    assert keys(index) == ["SUP-1", "SUP-2"]


@pytest.mark.parametrize("keep_out", [{"is_held": True}, {"lag": 3600}])
def test_a_change_before_the_index_was_slowed_down_is_found(
    site: SimulatedSite, index: SearchIndex, keep_out: dict[str, float]
) -> None:
    create(site)
    for name, value in keep_out.items():
        setattr(index, name, value)
    assert keys(index) == ["SUP-1", "SUP-2"]


def test_a_moved_issue_is_found_in_its_new_project_only(new_site: Callable[..., SimulatedSite]) -> None:
    site = new_site()
    index = SearchIndex(site)
    issue = create(site)
    site.move(site.users["sync"], issue, site.projects["DEV"])
    before, after = (frozenset({site.projects[key].id}) for key in ("SUP", "DEV"))
    assert (index.entries(before), [entry.key for entry in index.entries(after)]) == ([], ["DEV-1"])


def test_a_hidden_issue_is_not_found_until_it_is_shown(site: SimulatedSite, index: SearchIndex) -> None:
    create(site)
    first = next(iter(site.issues))
    index.hide({first})
    assert keys(index) == ["SUP-2"]
    index.show({first})
    assert keys(index) == ["SUP-1", "SUP-2"]


def test_an_issue_that_is_hidden_for_some_seconds_is_found_again_afterwards(
    site: SimulatedSite, timed: SearchIndex, clock: FakeClock
) -> None:
    create(site)
    timed.hide({next(iter(site.issues))}, 10)
    seen = []
    for clock.seconds in (0, 9.9, 10):
        seen.append(keys(timed))
    assert seen == [["SUP-2"], ["SUP-2"], ["SUP-1", "SUP-2"]]


def test_an_issue_that_is_hidden_for_some_seconds_can_be_shown_sooner(site: SimulatedSite, timed: SearchIndex) -> None:
    timed.hide(set(site.issues), 10)
    timed.show(set(site.issues))
    assert keys(timed) == ["SUP-1"]


def edit(site: SimulatedSite, summary: str) -> datetime:
    [issue] = site.issues.values()
    site.edit(site.users["sync"], issue, {"summary": summary}, {})
    return issue.updated


def updated(index: SearchIndex) -> datetime:
    [entry] = index.entries()
    return entry.updated


def test_each_state_of_an_issue_becomes_visible_after_its_lag(
    site: SimulatedSite, timed: SearchIndex, clock: FakeClock
) -> None:
    timed.lag = 10
    first = edit(site, "one")
    clock.seconds = 5
    second = edit(site, "two")
    seen = []
    for clock.seconds in (9, 10, 14, 15):
        seen.append(updated(timed))
    assert seen[0] < first
    assert seen[1:] == [first, first, second]


@pytest.mark.parametrize("lags", [(10, 1), (1, 10), (10, 3, 8), (0, 10, 1, 0)])
def test_states_become_visible_in_order_however_the_lag_changes(
    site: SimulatedSite, timed: SearchIndex, clock: FakeClock, lags: tuple[float, ...]
) -> None:
    seen, written = [], []
    for number, timed.lag in enumerate(lags):
        written.append(edit(site, str(number)))
        seen.append(updated(timed))
    for step in range(200):
        clock.seconds = step / 10
        seen.append(updated(timed))
    assert seen == sorted(seen)
    assert seen[-1] == written[-1]


def test_a_shorter_lag_holds_for_pending_changes_too(site: SimulatedSite, timed: SearchIndex, clock: FakeClock) -> None:
    timed.lag = 3600
    edited = edit(site, "one")
    timed.lag = 10
    clock.seconds = 9
    assert updated(timed) < edited
    clock.seconds = 10
    assert updated(timed) == edited


def test_a_longer_lag_holds_for_later_changes_only(site: SimulatedSite, timed: SearchIndex, clock: FakeClock) -> None:
    timed.lag = 10
    edited = edit(site, "one")
    timed.lag = 3600
    clock.seconds = 10
    assert updated(timed) == edited


def test_an_answer_is_cached_until_something_changes(site: SimulatedSite, timed: SearchIndex, clock: FakeClock) -> None:
    def ask() -> list[str]:
        return [entry.key for entry in timed.cached("all", timed.entries)]

    searches: list[str] = []
    assert timed.cached("all", lambda: searches.append("once") or timed.entries())
    assert timed.cached("all", lambda: searches.append("twice") or [])
    assert searches == ["once"]
    create(site)
    assert ask() == ["SUP-1", "SUP-2"]
    timed.hide({next(iter(site.issues))}, 10)
    assert ask() == ["SUP-2"]
    clock.seconds = 10
    assert ask() == ["SUP-1", "SUP-2"]
    timed.lag = 5
    site.delete(next(iter(site.issues.values())))
    assert ask() == ["SUP-1", "SUP-2"]
    clock.seconds = 15
    assert ask() == ["SUP-2"]
