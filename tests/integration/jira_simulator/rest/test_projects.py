"""Projects, their statuses, and their create screens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


def test_there_is_no_search_for_projects_on_data_center(data_center: SiteClient) -> None:
    assert data_center.http.get("/project/search").status_code == 404


def test_the_create_screen_names_required_fields_and_allowed_values(jira: SiteClient) -> None:
    types_name, fields_name = ("issueTypes", "fields") if jira.is_cloud else ("values", "values")
    types = jira.http.get("/issue/createmeta/SUP/issuetypes").json()[types_name]
    task = next(issue_type for issue_type in types if issue_type["name"] == "Task")
    shown = jira.http.get(f"/issue/createmeta/SUP/issuetypes/{task['id']}").json()[fields_name]
    by_name: dict[str, Any] = {field["fieldId"]: field for field in shown}
    assert {name for name, field in by_name.items() if field["required"]} == {"project", "issuetype", "summary"}
    assert "High" in {priority["name"] for priority in by_name["priority"]["allowedValues"]}


def test_an_issue_type_may_have_a_workflow_of_its_own(cloud: SiteClient) -> None:
    bugs = {"initial": "New", "transitions": [{"name": "Fix", "target": "Fixed"}]}
    users = [{"name": "sync", "token": "t"}]
    project = {"key": "BUG", "types": ["Task", "Bug"], "workflow": "development", "workflows": {"Bug": bugs}}
    cloud.control.add_site(name="more", flavor="data_center", users=users, projects=[project])
    with cloud.control.person("more", "sync", "t", bearer=True) as person:
        bug, task = person.create("BUG", "b", issue_type="Bug"), person.create("BUG", "t")
        statuses = {
            issue_type["name"]: [status["name"] for status in issue_type["statuses"]]
            for issue_type in person.http.get("/project/BUG/statuses").json()
        }
        person.move(bug, "Fixed")
        person.move(task, "In Progress")
    assert statuses["Bug"] == ["New", "Fixed"]
    assert "In Review" in statuses["Task"]
    assert [issue["status"] for issue in cloud.control.issues("more")] == ["Fixed", "In Progress"]


def test_a_project_shows_its_type(jira: SiteClient) -> None:
    key = jira.create()
    assert jira.http.get("/project/SUP").json()["projectTypeKey"] == "software"
    jira.control.change_project(jira.name, "SUP", "service_desk")
    jira.control.add_project(jira.name, key="NEW", projectTypeKey="business")
    types = {project["key"]: project["projectTypeKey"] for project in jira.http.get("/project").json()}
    assert types == {"SUP": "service_desk", "DEV": "software", "RES": "software", "NEW": "business"}
    assert jira.http.get("/project/SUP").json()["projectTypeKey"] == "service_desk"
    assert jira.read(key)["fields"]["project"]["projectTypeKey"] == "service_desk"


def test_there_is_no_other_type_of_project(jira: SiteClient) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.change_project(jira.name, "SUP", "service-desk")
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.add_project(jira.name, key="NEW", projectTypeKey="service-desk")
