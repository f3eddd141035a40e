"""What the simulator's JQL finds, and what it refuses in Jira's manner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from jira_simulator.search import jql
from jira_simulator.search.index import SearchIndex
from jira_simulator.seed import SiteSeed, build
from jira_simulator.site.model import JiraError
from jira_simulator.site.simulated_site import SimulatedSite

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def site(new_site: Callable[..., SimulatedSite]) -> SimulatedSite:
    """Three issues in SUP and one in DEV, updated at noon and every minute after."""
    issues = [
        {"summary": "first", "labels": ["billing"], "description": "text", "status": "Will Do"},
        {"summary": "second", "labels": ["billing", "urgent"], "priority": "High", "reporter": "yuki"},
        {"summary": "third"},
    ]
    site = new_site(
        projects=[
            {"key": "SUP", "workflow": "customer", "issues": issues},
            {"key": "DEV", "workflow": "development", "issues": [{"summary": "fourth"}]},
        ]
    )
    for minutes, issue in enumerate(site.issues.values()):
        issue.created = issue.updated = NOON + timedelta(minutes=minutes)
    return site


def keys(site: SimulatedSite, text: str, user: str = "sync") -> list[str]:
    return [entry.key for entry in jql.parse(text, site, site.users[user]).run(SearchIndex(site).entries())]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("project = SUP", ["SUP-1", "SUP-2", "SUP-3"]),
        ('project = "sup"', ["SUP-1", "SUP-2", "SUP-3"]),
        ("project in (SUP, DEV)", ["SUP-1", "SUP-2", "SUP-3", "DEV-1"]),
        ('status = "will do"', ["SUP-1"]),
        ("status in ('Will Do', \"To Do\")", ["SUP-1", "DEV-1"]),
        ("project = SUP AND status != Open", ["SUP-1"]),
        ("project = SUP AND status not in (Open)", ["SUP-1"]),
        ("key = SUP-2", ["SUP-2"]),
        ("issuekey in (SUP-3, DEV-1)", ["SUP-3", "DEV-1"]),
        ("labels = urgent", ["SUP-2"]),
        ("labels in (urgent, billing)", ["SUP-1", "SUP-2"]),
        ("project = SUP AND labels IS EMPTY", ["SUP-3"]),
        ("description is not empty", ["SUP-1"]),
        ("priority = High", ["SUP-2"]),
        ("creator = currentUser() AND project = SUP", ["SUP-1", "SUP-3"]),
        ("project = DEV OR labels = urgent", ["SUP-2", "DEV-1"]),
        ("project = SUP AND (labels = urgent OR labels is empty)", ["SUP-2", "SUP-3"]),
        ("NOT project = SUP", ["DEV-1"]),
        ("project = SUP and not (status = Open)", ["SUP-1"]),
        ("NOT labels = urgent", ["SUP-1"]),
        ("NOT (labels = urgent OR project = DEV)", ["SUP-1"]),
        ("labels != urgent", ["SUP-1"]),
        ("NOT labels is empty", ["SUP-1", "SUP-2"]),
        ("priority = high", ["SUP-2"]),
    ],
)
def test_a_query_finds_the_issues_that_match(site: SimulatedSite, text: str, found: list[str]) -> None:
    assert keys(site, text) == found


@pytest.mark.parametrize("operator", ["!=", "not in"])
def test_an_issue_without_a_label_matches_no_negation(site: SimulatedSite, operator: str) -> None:
    value = "(urgent)" if operator == "not in" else "urgent"
    assert "SUP-3" not in keys(site, f"labels {operator} {value}")


def test_a_project_is_found_by_its_id(site: SimulatedSite) -> None:
    assert keys(site, f"project = {site.projects['DEV'].id}") == ["DEV-1"]


def test_issues_are_found_by_their_ids(site: SimulatedSite) -> None:
    first, second, *_ = site.issues
    assert keys(site, f"id in ({first}, {second})") == ["SUP-1", "SUP-2"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("project = SUP ORDER BY key DESC", ["SUP-3", "SUP-2", "SUP-1"]),
        ("project = SUP order by updated asc", ["SUP-1", "SUP-2", "SUP-3"]),
        ("project in (SUP, DEV) ORDER BY status, key DESC", ["SUP-3", "SUP-2", "DEV-1", "SUP-1"]),
    ],
)
def test_issues_are_ordered_as_the_query_says(site: SimulatedSite, text: str, found: list[str]) -> None:
    assert keys(site, text) == found


def test_keys_are_ordered_by_number(new_site: Callable[..., SimulatedSite]) -> None:
    issues = [{"summary": "s"}] * 11
    site = new_site(projects=[{"key": "SUP", "issues": issues}])
    assert keys(site, "project = SUP ORDER BY key ASC")[-2:] == ["SUP-10", "SUP-11"]


@pytest.mark.parametrize(
    ("bound", "found"),
    [
        (">= {ms}", ["SUP-2", "SUP-3", "DEV-1"]),
        ("> {ms}", ["SUP-3", "DEV-1"]),
        ("<= {ms}", ["SUP-1", "SUP-2"]),
        ("< {ms}", ["SUP-1"]),
    ],
)
def test_an_unquoted_integer_is_milliseconds_since_1970(site: SimulatedSite, bound: str, found: list[str]) -> None:
    milliseconds = int((NOON + timedelta(minutes=1)).timestamp() * 1000)
    assert keys(site, f"updated {bound.format(ms=milliseconds)}") == found


def test_an_unquoted_integer_means_the_same_in_every_time_zone(site: SimulatedSite) -> None:
    text = f"updated >= {int(NOON.timestamp() * 1000)}"
    assert keys(site, text, "yuki") == keys(site, text, "sync")


@pytest.mark.parametrize("pattern", ["2026-03-01 {}", "2026/03/01 {}"])
def test_a_quoted_date_is_read_in_the_time_zone_of_the_user(site: SimulatedSite, pattern: str) -> None:
    """Noon in UTC is nine in the evening in Tokyo."""
    assert keys(site, f'updated >= "{pattern.format("12:02")}"', "sync") == ["SUP-3", "DEV-1"]
    assert keys(site, f'updated >= "{pattern.format("21:02")}"', "yuki") == ["SUP-3", "DEV-1"]
    assert len(keys(site, f'updated >= "{pattern.format("12:02")}"', "yuki")) == 4


def test_a_quoted_date_without_a_time_is_midnight(site: SimulatedSite) -> None:
    assert keys(site, 'updated >= "2026-03-02"') == []
    assert len(keys(site, 'updated >= "2026-03-01"')) == 4


def test_a_relative_time_is_counted_back_from_the_site_s_own_clock(site: SimulatedSite) -> None:
    site.clock_offset = NOON + timedelta(minutes=6.5) - datetime.now(UTC)
    assert keys(site, "updated >= -5m") == ["SUP-3", "DEV-1"]
    assert len(keys(site, "updated >= -1d")) == 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("flavour = sweet", "Field 'flavour' does not exist"),
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'"),
        ("status = Nope", "The value 'Nope' does not exist for the field 'status'"),
        ("status in (Open, Nope)", "The value 'Nope' does not exist"),
        ("priority = Nope", "The value 'Nope' does not exist for the field 'priority'"),
        ("key = SUP-99", "An issue with key 'SUP-99' does not exist"),
        ("status > Open", "The operator '>' is not supported by the 'status' field"),
        ("updated >= yesterday", "Date value 'yesterday' for field 'updated' is invalid"),
        ('updated >= "1772366400000"', "is invalid"),
        ("status WAS Open", "Error in the JQL Query"),
        ("project =", "Error in the JQL Query"),
        ("project = SUP AND", "Error in the JQL Query"),
        ("(project = SUP", "Error in the JQL Query"),
        ("summary ~ text", "Error in the JQL Query"),
        ("updated >= startOfDay()", ""),
        ("project = SUP ORDER BY flavour", "Field 'flavour' does not exist"),
        ("project = SUP ORDER BY " + ", ".join(["key"] * 8), "ORDER BY"),
    ],
)
def test_a_query_that_jira_would_refuse_is_refused(site: SimulatedSite, text: str, complaint: str) -> None:
    with pytest.raises(JiraError) as refusal:
        keys(site, text)
    assert refusal.value.status == 400
    assert complaint in refusal.value.messages[0]


@pytest.mark.parametrize(
    ("text", "projects"),
    [
        ("project = SUP AND labels = urgent", ["SUP"]),
        ("project in (SUP, DEV) AND (status = Open OR key = SUP-1)", ["SUP", "DEV"]),
        ("project = SUP OR project = DEV", ["SUP", "DEV"]),
        ("project = SUP AND project = DEV", []),
        ("project = SUP OR labels = urgent", None),
        ("NOT project = SUP", None),
        ("project != SUP", None),
    ],
)
def test_a_query_knows_the_projects_outside_of_which_nothing_matches(
    site: SimulatedSite, text: str, projects: list[str] | None
) -> None:
    wanted = None if projects is None else {site.projects[key].id for key in projects}
    assert jql.parse(text, site, site.users["sync"]).projects == wanted


@pytest.mark.parametrize(("text", "is_bounded"), [("", False), ("ORDER BY key", False), ("project = SUP", True)])
def test_a_query_is_bounded_if_it_restricts_anything(site: SimulatedSite, text: str, is_bounded: bool) -> None:
    assert jql.parse(text, site, site.users["sync"]).is_bounded is is_bounded


@pytest.mark.parametrize(
    ("text", "is_steady"),
    [("updated >= -5m", False), ("project = SUP AND NOT created < -1d", False), ("updated >= 0", True), ("", True)],
)
def test_a_query_with_a_relative_time_is_not_steady(site: SimulatedSite, text: str, is_steady: bool) -> None:
    assert jql.parse(text, site, site.users["sync"]).is_steady is is_steady


def test_all_of_several_conditions_must_match(site: SimulatedSite) -> None:
    conditions = ["project = SUP", "labels = billing", "status = Open", "priority = High"]
    found = [keys(site, " AND ".join(conditions[: count + 1])) for count in range(4)]
    assert found == [["SUP-1", "SUP-2", "SUP-3"], ["SUP-1", "SUP-2"], ["SUP-2"], ["SUP-2"]]


def test_a_project_key_may_begin_like_a_keyword() -> None:
    users = [{"name": "sync", "token": "t"}]
    site = build(
        SiteSeed.model_validate({"name": "acme", "users": users, "projects": [{"key": "ORDERS"}, {"key": "ANDROID"}]})
    )
    assert keys(site, "project = ORDERS OR project = ANDROID") == []
