"""Behind the curtain: what tests and benchmarks are told, and what they can arrange."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import Jira


def test_a_change_is_told_with_its_time_and_what_was_before(jira: Jira) -> None:
    key = jira.create()
    jira.move(key, "Will Do")
    issue = jira.control.issue(jira.name, key)
    [entry] = issue["history"]
    assert (entry["field"], entry["from"], entry["to"]) == ("status", "Open", "Will Do")
    created, changed = datetime.fromisoformat(issue["created"]), datetime.fromisoformat(entry["created"])
    assert created < changed == datetime.fromisoformat(issue["updated"])


def test_a_comment_is_told_with_its_time(jira: Jira) -> None:
    key = jira.create()
    jira.http.post(f"/issue/{key}/comment", json={"body": "text"}).raise_for_status()
    issue = jira.control.issue(jira.name, key)
    [comment] = issue["comments"]
    created = datetime.fromisoformat(comment["created"])
    assert datetime.fromisoformat(issue["created"]) <= created <= datetime.fromisoformat(issue["updated"])


def test_what_was_deleted_is_remembered(jira: Jira) -> None:
    first, second = jira.create(), jira.create(project="DEV")
    jira.http.put(f"/issue/{first}/properties/mark", json={"of": 1}).raise_for_status()
    identity = jira.read(first)["id"]
    assert jira.control.deleted(jira.name) == []
    jira.control.delete(jira.name, first)
    jira.http.delete(f"/issue/{second}").raise_for_status()
    gone, other = jira.control.deleted(jira.name)
    assert gone == {"id": identity, "key": first, "project": "SUP", "properties": {"mark": {"of": 1}}}
    assert other["key"] == second


def test_a_deleted_project_is_gone_with_all_its_issues(jira: Jira) -> None:
    key, other = jira.create(), jira.create(project="DEV")
    jira.control.delete_project(jira.name, "SUP")
    paths = ["/project/SUP", f"/issue/{key}", f"/issue/{other}"]
    assert [jira.http.get(path).status_code for path in paths] == [404, 404, 200]
    assert jira.search("project = SUP").status_code == 400
    assert jira.found("created >= -1d") == [other]
    assert [each["key"] for each in jira.control.deleted(jira.name)] == [key]


def test_search_forgets_a_deleted_project_no_sooner_than_the_index(jira: Jira) -> None:
    key = jira.create()
    jira.control.index(jira.name, hold=True)
    jira.control.delete_project(jira.name, "SUP")
    assert jira.found("created >= -1d") == [key]
    jira.control.index(jira.name, hold=False)
    assert jira.found("created >= -1d") == []


def test_a_project_that_does_not_exist_cannot_be_deleted(jira: Jira) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        jira.control.delete_project(jira.name, "NOPE")


def test_issues_are_counted_by_project(jira: Jira) -> None:
    first, second, _ = (jira.create() for _ in range(3))
    assert jira.control.counts(jira.name) == {"SUP": 3, "DEV": 0, "RES": 0}
    jira.control.move(jira.name, first, "DEV")
    jira.control.delete(jira.name, second)
    assert jira.control.counts(jira.name) == {"SUP": 1, "DEV": 1, "RES": 0}
    jira.control.delete_project(jira.name, "DEV")
    assert jira.control.counts(jira.name) == {"SUP": 1, "RES": 0}


def test_many_issues_are_created_at_once_and_walk_into_their_status(jira: Jira) -> None:
    keys = jira.control.create_many(jira.name, "DEV", 3, status="In Review", summary="number {}", user="yuki")
    assert keys == ["DEV-1", "DEV-2", "DEV-3"]
    issues = jira.control.issues(jira.name, "DEV")
    assert [each["summary"] for each in issues] == ["number 1", "number 2", "number 3"]
    assert {(each["creator"], each["status"]) for each in issues} == {("yuki", "In Review")}
    assert [each["to"] for each in issues[2]["history"]] == ["In Progress", "In Review"]
    assert jira.found("status = 'In Review' ORDER BY key") == keys


def test_many_issues_are_what_the_project_s_first_user_and_status_make_of_them(jira: Jira) -> None:
    jira.control.create_many(jira.name, "SUP", 1)
    [issue] = jira.control.issues(jira.name)
    assert (issue["creator"], issue["status"], issue["summary"]) == ("sync", "Open", "issue 1")


@pytest.mark.parametrize("options", [{"status": "In Review"}, {"status": "Nope"}, {"user": "nobody"}])
def test_many_issues_that_cannot_be_are_refused(jira: Jira, options: dict[str, str]) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.create_many(jira.name, "SUP", 2, **options)


def test_calls_are_summed_up_by_endpoint_and_answer(jira: Jira) -> None:
    key = jira.create()
    jira.control.forget_calls(jira.name)
    jira.read(key)
    jira.http.get("/issue/SUP-99")
    jira.http.get("/myself")
    assert jira.control.call_summary(jira.name) == {
        "calls": 3,
        "byEndpoint": {"GET /issue/{issue}": {"200": 1, "404": 1}, "GET /myself": {"200": 1}},
    }


def test_an_issue_that_had_several_keys_is_gone_by_all_of_them(jira: Jira) -> None:
    first = jira.create()
    second = jira.control.move(jira.name, first, "DEV")
    jira.control.delete(jira.name, second)
    assert [jira.http.get(f"/issue/{key}").status_code for key in (first, second)] == [404, 404]
