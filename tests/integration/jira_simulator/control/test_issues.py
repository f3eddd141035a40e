"""Control routes about issues and projects."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


def test_a_change_is_shown_with_its_time_and_the_value_before(jira: SiteClient) -> None:
    key = jira.create()
    jira.move(key, "Will Do")
    issue = jira.control.issue(jira.name, key)
    [entry] = issue["history"]
    assert (entry["field"], entry["from"], entry["to"]) == ("status", "Open", "Will Do")
    created, changed = datetime.fromisoformat(issue["created"]), datetime.fromisoformat(entry["created"])
    assert created < changed == datetime.fromisoformat(issue["updated"])


def test_a_comment_is_shown_with_its_time(jira: SiteClient) -> None:
    key = jira.create()
    jira.http.post(f"/issue/{key}/comment", json={"body": "text"}).raise_for_status()
    issue = jira.control.issue(jira.name, key)
    [comment] = issue["comments"]
    created = datetime.fromisoformat(comment["created"])
    assert datetime.fromisoformat(issue["created"]) <= created <= datetime.fromisoformat(issue["updated"])


def test_deleted_issues_are_listed(jira: SiteClient) -> None:
    first, second = jira.create(), jira.create(project="DEV")
    jira.http.put(f"/issue/{first}/properties/mark", json={"of": 1}).raise_for_status()
    identity = jira.read(first)["id"]
    assert jira.control.deleted(jira.name) == []
    jira.control.delete(jira.name, first)
    jira.http.delete(f"/issue/{second}").raise_for_status()
    gone, other = jira.control.deleted(jira.name)
    assert gone == {"id": identity, "key": first, "project": "SUP", "properties": {"mark": {"of": 1}}}
    assert other["key"] == second


def test_a_deleted_issue_is_404_by_each_key_that_it_had(jira: SiteClient) -> None:
    first = jira.create()
    second = jira.control.move(jira.name, first, "DEV")
    jira.control.delete(jira.name, second)
    assert [jira.http.get(f"/issue/{key}").status_code for key in (first, second)] == [404, 404]


def test_a_deleted_project_is_404_with_all_its_issues(jira: SiteClient) -> None:
    key, other = jira.create(), jira.create(project="DEV")
    jira.control.delete_project(jira.name, "SUP")
    paths = ["/project/SUP", f"/issue/{key}", f"/issue/{other}"]
    assert [jira.http.get(path).status_code for path in paths] == [404, 404, 200]
    assert jira.search("project = SUP").status_code == 400
    assert jira.found("created >= -1d") == [other]
    assert [issue["key"] for issue in jira.control.deleted(jira.name)] == [key]


def test_search_finds_the_issues_of_a_deleted_project_while_the_index_is_held(jira: SiteClient) -> None:
    key = jira.create()
    jira.control.index(jira.name, hold=True)
    jira.control.delete_project(jira.name, "SUP")
    assert jira.found("created >= -1d") == [key]
    jira.control.index(jira.name, hold=False)
    assert jira.found("created >= -1d") == []


def test_a_project_that_does_not_exist_cannot_be_deleted(jira: SiteClient) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        jira.control.delete_project(jira.name, "NOPE")


def test_issues_are_counted_by_project(jira: SiteClient) -> None:
    first, second, _ = (jira.create() for _ in range(3))
    assert jira.control.counts(jira.name) == {"SUP": 3, "DEV": 0, "RES": 0}
    jira.control.move(jira.name, first, "DEV")
    jira.control.delete(jira.name, second)
    assert jira.control.counts(jira.name) == {"SUP": 1, "DEV": 1, "RES": 0}
    jira.control.delete_project(jira.name, "DEV")
    assert jira.control.counts(jira.name) == {"SUP": 1, "RES": 0}


def test_many_issues_are_created_at_once_and_reach_their_status_by_transitions(jira: SiteClient) -> None:
    keys = jira.control.create_many(jira.name, "DEV", 3, status="In Review", summary="number {}", user="yuki")
    assert keys == ["DEV-1", "DEV-2", "DEV-3"]
    issues = jira.control.issues(jira.name, "DEV")
    assert [issue["summary"] for issue in issues] == ["number 1", "number 2", "number 3"]
    assert {(issue["creator"], issue["status"]) for issue in issues} == {("yuki", "In Review")}
    assert [entry["to"] for entry in issues[2]["history"]] == ["In Progress", "In Review"]
    assert jira.found("status = 'In Review' ORDER BY key") == keys


def test_many_issues_are_by_default_created_by_the_first_user_in_the_initial_status(jira: SiteClient) -> None:
    jira.control.create_many(jira.name, "SUP", 1)
    [issue] = jira.control.issues(jira.name)
    assert (issue["creator"], issue["status"], issue["summary"]) == ("sync", "Open", "issue 1")


@pytest.mark.parametrize("options", [{"status": "In Review"}, {"status": "Nope"}, {"user": "nobody"}])
def test_many_issues_with_an_unknown_user_or_status_are_refused(jira: SiteClient, options: dict[str, str]) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.create_many(jira.name, "SUP", 2, **options)
