"""What an account cannot do after a permission was taken away from it, and how Jira says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import Jira

LINK = {"globalId": "g", "object": {"url": "http://one.example", "title": "one"}}


def revoke(jira: Jira, *names: str, project: str = "SUP") -> None:
    jira.control.permissions(jira.name, "sync", project, revoke=names)


def drafts(*projects: str) -> list[dict[str, Any]]:
    fields = {"issuetype": {"name": "Task"}, "summary": "s"}
    return [{"fields": {"project": {"key": each}, **fields}} for each in projects]


# A project that cannot be seen


def test_a_project_without_permission_to_browse_is_not_there(jira: Jira) -> None:
    revoke(jira, "BROWSE_PROJECTS")
    assert jira.http.get("/project/SUP").status_code == 404
    assert jira.http.get("/project/SUP/statuses").status_code == 404
    assert [each["key"] for each in jira.http.get("/project").json()] == ["DEV", "RES"]


def test_a_page_of_projects_leaves_out_what_cannot_be_seen(cloud: Jira) -> None:
    revoke(cloud, "BROWSE_PROJECTS")
    assert [each["key"] for each in cloud.http.get("/project/search").json()["values"]] == ["DEV", "RES"]


@pytest.mark.parametrize(
    "path", ["", "/transitions", "/comment", "/properties", "/remotelink", "?expand=changelog", "/properties/p"]
)
def test_an_issue_that_cannot_be_seen_is_not_there(jira: Jira, path: str) -> None:
    key = jira.create()
    jira.http.put(f"/issue/{key}/properties/p", json=1)
    assert jira.http.get(f"/issue/{key}{path}").status_code == 200
    revoke(jira, "BROWSE_PROJECTS")
    assert jira.http.get(f"/issue/{key}{path}").status_code == 404


def test_what_hangs_on_an_issue_that_cannot_be_seen_is_not_there(jira: Jira) -> None:
    key = jira.create()
    comment = jira.http.post(f"/issue/{key}/comment", json={"body": "text"}).json()["id"]
    [file] = jira.attach(key, "a.txt", b"1").json()
    paths = [f"/comment/{comment}/properties", f"/attachment/{file['id']}", file["content"] + "?redirect=false"]
    assert [jira.http.get(each).status_code for each in paths] == [200, 200, 200]
    revoke(jira, "BROWSE_PROJECTS")
    assert [jira.http.get(each).status_code for each in paths] == [404, 404, 404]


def test_a_bulk_read_leaves_out_what_cannot_be_seen(cloud: Jira) -> None:
    keys = [cloud.create(), cloud.create(project="DEV")]
    revoke(cloud, "BROWSE_PROJECTS")
    issues = cloud.http.post("/issue/bulkfetch", json={"issueIdsOrKeys": keys}).json()["issues"]
    assert [each["key"] for each in issues] == keys[1:]


def test_comments_of_an_issue_that_cannot_be_seen_are_left_out(cloud: Jira) -> None:
    keys = [cloud.create(), cloud.create(project="DEV")]
    ids = [int(cloud.http.post(f"/issue/{key}/comment", json={"body": key}).json()["id"]) for key in keys]
    revoke(cloud, "BROWSE_PROJECTS")
    values = cloud.http.post("/comment/list", json={"ids": ids}).json()["values"]
    assert [each["body"] for each in values] == keys[1:]


def test_search_does_not_find_what_cannot_be_seen(jira: Jira) -> None:
    keys = [jira.create(), jira.create(project="DEV")]
    revoke(jira, "BROWSE_PROJECTS")
    assert jira.found("created >= -1d") == keys[1:]


def test_search_does_not_find_an_issue_that_moved_out_of_sight(jira: Jira) -> None:
    key = jira.create()
    jira.control.index(jira.name, hold=True)
    jira.control.move(jira.name, key, "DEV")
    assert jira.found("project = SUP")
    revoke(jira, "BROWSE_PROJECTS", project="DEV")
    assert jira.found("project = SUP") == []


@pytest.mark.parametrize("jql", ["project = SUP", "project in (DEV, SUP)", "key = SUP-1", "NOT project = SUP"])
def test_a_query_that_names_what_cannot_be_seen_is_refused(jira: Jira, jql: str) -> None:
    jira.create()
    assert jira.search(jql).status_code == 200
    revoke(jira, "BROWSE_PROJECTS")
    response = jira.search(jql)
    assert response.status_code == 400
    assert "does not exist" in response.json()["errorMessages"][0]


def test_a_query_for_a_project_that_cannot_be_seen_is_answered_as_if_there_were_none(jira: Jira) -> None:
    revoke(jira, "BROWSE_PROJECTS")
    messages = jira.search("project = SUP").json()["errorMessages"]
    assert messages == ["The value 'SUP' does not exist for the field 'project'."]


# Writing


def test_without_create_issues_none_is_created(jira: Jira) -> None:
    revoke(jira, "CREATE_ISSUES")
    response = jira.http.post("/issue", json=drafts("SUP")[0])
    assert (response.status_code, len(response.json()["errorMessages"])) == (403, 1)
    assert jira.control.issues(jira.name) == []


def test_of_several_issues_only_those_are_created_that_may_be(jira: Jira) -> None:
    revoke(jira, "CREATE_ISSUES")
    response = jira.http.post("/issue/bulk", json={"issueUpdates": drafts("DEV", "SUP")})
    assert response.status_code == 201
    assert [each["key"] for each in response.json()["issues"]] == ["DEV-1"]
    assert [(each["status"], each["failedElementNumber"]) for each in response.json()["errors"]] == [(403, 1)]


def test_without_transition_issues_no_way_is_open(jira: Jira) -> None:
    key = jira.create()
    way = jira.http.get(f"/issue/{key}/transitions").json()["transitions"][0]["id"]
    revoke(jira, "TRANSITION_ISSUES")
    response = jira.http.get(f"/issue/{key}/transitions")
    assert (response.status_code, response.json()["transitions"]) == (200, [])
    assert jira.read(key, expand="transitions")["transitions"] == []
    assert jira.http.post(f"/issue/{key}/transitions", json={"transition": {"id": way}}).status_code == 403
    assert jira.read(key)["fields"]["status"]["name"] == "Open"


@pytest.mark.parametrize(
    ("permission", "method", "path", "body"),
    [
        ("EDIT_ISSUES", "PUT", "", {"fields": {"summary": "other"}}),
        ("EDIT_ISSUES", "PUT", "/properties/p", 1),
        ("EDIT_ISSUES", "DELETE", "/properties/p", None),
        ("ADD_COMMENTS", "POST", "/comment", {"body": "text"}),
        ("LINK_ISSUES", "POST", "/remotelink", LINK),
        ("LINK_ISSUES", "DELETE", "/remotelink?globalId=g", None),
    ],
)
def test_a_write_without_its_permission_is_403_and_changes_nothing(
    jira: Jira, permission: str, method: str, path: str, body: Any
) -> None:
    key = jira.create()
    before = jira.control.issue(jira.name, key)
    revoke(jira, permission)
    assert jira.http.request(method, f"/issue/{key}{path}", json=body).status_code == 403
    assert jira.control.issue(jira.name, key) == before
    jira.control.permissions(jira.name, "sync", "SUP", grant=[permission])
    assert jira.http.request(method, f"/issue/{key}{path}", json=body).status_code < 300


def test_without_create_attachments_no_file_is_taken(jira: Jira) -> None:
    key = jira.create()
    revoke(jira, "CREATE_ATTACHMENTS")
    assert jira.attach(key, "a.txt", b"1").status_code == 403
    assert jira.control.issue(jira.name, key)["attachments"] == []


def test_a_permission_is_taken_away_from_one_user_in_one_project(cloud: Jira) -> None:
    key, other = cloud.create(), cloud.create(project="DEV")
    revoke(cloud, "ADD_COMMENTS")
    with cloud.visitor(auth=("yuki@example.com", "yuki-token")) as yuki:
        assert yuki.post(f"/issue/{key}/comment", json={"body": "text"}).status_code == 201
    assert cloud.http.post(f"/issue/{other}/comment", json={"body": "text"}).status_code == 201


# What one may do


def mine(jira: Jira, **query: str) -> dict[str, bool]:
    found = jira.http.get("/mypermissions", params=query).json()["permissions"]
    return {name: each["havePermission"] for name, each in found.items()}


@pytest.mark.parametrize("by", ["projectKey", "projectId", "issueKey", "issueId"])
def test_one_can_ask_what_one_may_do(jira: Jira, by: str) -> None:
    key = jira.create()
    issue = jira.read(key)
    context = {
        "projectKey": "SUP",
        "projectId": issue["fields"]["project"]["id"],
        "issueKey": key,
        "issueId": issue["id"],
    }[by]
    revoke(jira, "EDIT_ISSUES")
    asked = mine(jira, permissions="EDIT_ISSUES,LINK_ISSUES", **{by: context})
    assert asked == {"EDIT_ISSUES": False, "LINK_ISSUES": True}


def test_without_a_project_one_is_enough(jira: Jira) -> None:
    revoke(jira, "EDIT_ISSUES")
    assert mine(jira, permissions="EDIT_ISSUES") == {"EDIT_ISSUES": True}
    for project in ("DEV", "RES"):
        revoke(jira, "EDIT_ISSUES", project=project)
    assert mine(jira, permissions="EDIT_ISSUES") == {"EDIT_ISSUES": False}


def test_what_one_may_do_in_a_project_that_cannot_be_seen_is_not_said(jira: Jira) -> None:
    revoke(jira, "BROWSE_PROJECTS")
    response = jira.http.get("/mypermissions", params={"projectKey": "SUP", "permissions": "EDIT_ISSUES"})
    assert response.status_code == 404


def test_cloud_wants_to_know_which_permissions(cloud: Jira) -> None:
    assert cloud.http.get("/mypermissions").status_code == 400
    assert cloud.http.get("/mypermissions", params={"permissions": "NONSENSE"}).status_code == 400


def test_data_center_tells_of_all_permissions_unasked(data_center: Jira) -> None:
    revoke(data_center, "ADD_COMMENTS")
    found = mine(data_center, projectKey="SUP")
    assert len(found) == 7
    assert [name for name, has in found.items() if not has] == ["ADD_COMMENTS"]


def test_a_visitor_may_do_nothing(jira: Jira) -> None:
    with jira.visitor() as visitor:
        answer = visitor.get("/mypermissions", params={"permissions": "BROWSE_PROJECTS"}).json()
    assert answer["permissions"]["BROWSE_PROJECTS"]["havePermission"] is False


@pytest.mark.parametrize(
    "change", [{"user": "nobody"}, {"project": "NOPE"}, {"revoke": ["NONSENSE"]}, {"grant": ["NONSENSE"]}]
)
def test_a_permission_of_nobody_nowhere_or_unknown_is_refused(jira: Jira, change: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.permissions(jira.name, **{"user": "sync", "project": "SUP", **change})
