"""What search can see, and when. No test waits: a lag is either an hour or none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jira_simulator.index import Index
from jira_simulator.model import Issue
from jira_simulator.state import Site


@pytest.fixture
def site(new_site: Callable[..., Site]) -> Site:
    return new_site(projects=[{"key": "SUP", "workflow": "customer", "issues": [{"summary": "first"}]}])


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
    index.hidden.add(next(iter(site.issues)))
    assert keys(index) == ["SUP-2"]
    index.hidden.clear()
    assert keys(index) == ["SUP-1", "SUP-2"]
