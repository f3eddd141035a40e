"""What an account cannot do without a permission, and how Jira answers then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from jira_simulator.client import Person

if TYPE_CHECKING:
    from conftest import SiteClient


LINK = {"globalId": "g", "object": {"url": "http://one.example", "title": "one"}}


def revoke(jira: SiteClient, *names: str, project: str = "SUP") -> None:
    jira.control.permissions(jira.name, "sync", project, revoke=names)


def drafts(*projects: str) -> list[dict[str, Any]]:
    fields = {"issuetype": {"name": "Task"}, "summary": "s"}
    return [{"fields": {"project": {"key": key}, **fields}} for key in projects]


# A project that cannot be seen


def test_a_project_that_cannot_be_seen_is_404(jira: SiteClient) -> None:
    revoke(jira, "BROWSE_PROJECTS")
    assert jira.http.get("/project/SUP").status_code == 404
    assert jira.http.get("/project/SUP/statuses").status_code == 404
    assert [project["key"] for project in jira.http.get("/project").json()] == ["DEV", "RES"]


def test_the_search_for_projects_leaves_out_those_that_cannot_be_seen(cloud: SiteClient) -> None:
    revoke(cloud, "BROWSE_PROJECTS")
    assert [project["key"] for project in cloud.http.get("/project/search").json()["values"]] == ["DEV", "RES"]


@pytest.mark.parametrize(
    "path", ["", "/transitions", "/comment", "/properties", "/remotelink", "?expand=changelog", "/properties/p"]
)
def test_an_issue_that_cannot_be_seen_is_404(jira: SiteClient, path: str) -> None:
    key = jira.create()
    jira.http.put(f"/issue/{key}/properties/p", json=1)
    assert jira.http.get(f"/issue/{key}{path}").status_code == 200
    revoke(jira, "BROWSE_PROJECTS")
    assert jira.http.get(f"/issue/{key}{path}").status_code == 404


def test_comments_and_files_of_an_issue_that_cannot_be_seen_are_404(jira: SiteClient) -> None:
    key = jira.create()
    comment = jira.http.post(f"/issue/{key}/comment", json={"body": "text"}).json()["id"]
    [file] = jira.attach(key, "a.txt", b"1").json()
    paths = [f"/comment/{comment}/properties", f"/attachment/{file['id']}", file["content"] + "?redirect=false"]
    assert [jira.http.get(path).status_code for path in paths] == [200, 200, 200]
    revoke(jira, "BROWSE_PROJECTS")
    assert [jira.http.get(path).status_code for path in paths] == [404, 404, 404]


def test_a_bulk_read_leaves_out_issues_that_cannot_be_seen(cloud: SiteClient) -> None:
    keys = [cloud.create(), cloud.create(project="DEV")]
    revoke(cloud, "BROWSE_PROJECTS")
    issues = cloud.http.post("/issue/bulkfetch", json={"issueIdsOrKeys": keys}).json()["issues"]
    assert [issue["key"] for issue in issues] == keys[1:]


def test_a_list_of_comments_leaves_out_those_of_issues_that_cannot_be_seen(cloud: SiteClient) -> None:
    keys = [cloud.create(), cloud.create(project="DEV")]
    ids = [int(cloud.http.post(f"/issue/{key}/comment", json={"body": key}).json()["id"]) for key in keys]
    revoke(cloud, "BROWSE_PROJECTS")
    values = cloud.http.post("/comment/list", json={"ids": ids}).json()["values"]
    assert [comment["body"] for comment in values] == keys[1:]


def test_search_does_not_find_issues_that_cannot_be_seen(jira: SiteClient) -> None:
    keys = [jira.create(), jira.create(project="DEV")]
    revoke(jira, "BROWSE_PROJECTS")
    assert jira.found("created >= -1d") == keys[1:]


def test_search_does_not_find_an_issue_that_moved_to_a_project_that_cannot_be_seen(jira: SiteClient) -> None:
    key = jira.create()
    jira.control.index(jira.name, hold=True)
    jira.control.move(jira.name, key, "DEV")
    assert jira.found("project = SUP")
    revoke(jira, "BROWSE_PROJECTS", project="DEV")
    assert jira.found("project = SUP") == []


@pytest.mark.parametrize("jql", ["project = SUP", "project in (DEV, SUP)", "key = SUP-1", "NOT project = SUP"])
def test_a_query_that_names_a_project_that_cannot_be_seen_is_400(jira: SiteClient, jql: str) -> None:
    jira.create()
    assert jira.search(jql).status_code == 200
    revoke(jira, "BROWSE_PROJECTS")
    response = jira.search(jql)
    assert response.status_code == 400
    assert "does not exist" in response.json()["errorMessages"][0]


def test_a_query_for_a_project_that_cannot_be_seen_is_answered_as_if_it_did_not_exist(jira: SiteClient) -> None:
    revoke(jira, "BROWSE_PROJECTS")
    messages = jira.search("project = SUP").json()["errorMessages"]
    assert messages == ["The value 'SUP' does not exist for the field 'project'."]


# Writing


def test_without_create_issues_a_creation_is_403(jira: SiteClient) -> None:
    revoke(jira, "CREATE_ISSUES")
    response = jira.http.post("/issue", json=drafts("SUP")[0])
    assert (response.status_code, len(response.json()["errorMessages"])) == (403, 1)
    assert jira.control.issues(jira.name) == []


def test_a_bulk_creation_creates_only_issues_in_permitted_projects(jira: SiteClient) -> None:
    revoke(jira, "CREATE_ISSUES")
    response = jira.http.post("/issue/bulk", json={"issueUpdates": drafts("DEV", "SUP")})
    assert response.status_code == 201
    assert [issue["key"] for issue in response.json()["issues"]] == ["DEV-1"]
    assert [(error["status"], error["failedElementNumber"]) for error in response.json()["errors"]] == [(403, 1)]


def test_without_transition_issues_no_transition_is_open(jira: SiteClient) -> None:
    key = jira.create()
    transition_id = jira.http.get(f"/issue/{key}/transitions").json()["transitions"][0]["id"]
    revoke(jira, "TRANSITION_ISSUES")
    response = jira.http.get(f"/issue/{key}/transitions")
    assert (response.status_code, response.json()["transitions"]) == (200, [])
    assert jira.read(key, expand="transitions")["transitions"] == []
    assert jira.http.post(f"/issue/{key}/transitions", json={"transition": {"id": transition_id}}).status_code == 403
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
    jira: SiteClient, permission: str, method: str, path: str, body: Any
) -> None:
    key = jira.create()
    jira.http.post(f"/issue/{key}/remotelink", json=LINK).raise_for_status()
    before = jira.control.issue(jira.name, key)
    revoke(jira, permission)
    assert jira.http.request(method, f"/issue/{key}{path}", json=body).status_code == 403
    assert jira.control.issue(jira.name, key) == before
    jira.control.permissions(jira.name, "sync", "SUP", grant=[permission])
    assert jira.http.request(method, f"/issue/{key}{path}", json=body).status_code < 300


def test_without_create_attachments_an_upload_is_403(jira: SiteClient) -> None:
    key = jira.create()
    revoke(jira, "CREATE_ATTACHMENTS")
    assert jira.attach(key, "a.txt", b"1").status_code == 403
    assert jira.control.issue(jira.name, key)["attachments"] == []


@pytest.mark.parametrize("permission", ["LINK_ISSUES", "EDIT_ISSUES"])
def test_the_deletion_of_a_link_by_its_id_needs_two_permissions(jira: SiteClient, permission: str) -> None:
    key = jira.create()
    link = jira.http.post(f"/issue/{key}/remotelink", json=LINK).json()["id"]
    revoke(jira, permission)
    assert jira.http.delete(f"/issue/{key}/remotelink/{link}").status_code == 403
    jira.control.permissions(jira.name, "sync", "SUP", grant=[permission])
    assert jira.http.delete(f"/issue/{key}/remotelink/{link}").status_code == 204


# What is one's own, and what is not

# revoked, whether one may still change what one has added oneself, and what another account has added
OWN_AND_ALL = [((), True, True), (("ALL",), True, False), (("OWN",), True, True), (("OWN", "ALL"), False, False)]


@pytest.fixture
def yuki(jira: SiteClient) -> Iterator[Person]:
    """Another account on the same site."""
    login = "yuki@example.com" if jira.is_cloud else "yuki"
    with jira.control.person(jira.name, login, "yuki-token", bearer=not jira.is_cloud) as person:
        yield person


@pytest.mark.parametrize(("revoked", "own_goes", "other_goes"), OWN_AND_ALL)
def test_a_file_is_deleted_by_those_who_may_delete_their_own_or_all(
    jira: SiteClient, yuki: Person, revoked: tuple[str, ...], *, own_goes: bool, other_goes: bool
) -> None:
    key = jira.create()
    [own], other = jira.attach(key, "own.txt", b"1").json(), yuki.attach(key, "other.txt", b"2")
    revoke(jira, "CREATE_ATTACHMENTS", *(f"DELETE_{whose}_ATTACHMENTS" for whose in revoked))
    for file, goes in ((own["id"], own_goes), (other, other_goes)):
        answer = jira.http.delete(f"/attachment/{file}")
        assert answer.status_code == (204 if goes else 403)
        if not goes:
            assert answer.json()["errorMessages"] == [
                f"You do not have permission to delete attachment with id: {file}"
            ]
        assert jira.http.get(f"/attachment/{file}").status_code == (404 if goes else 200)


@pytest.mark.parametrize(("revoked", "own_goes", "other_goes"), OWN_AND_ALL)
def test_a_comment_is_deleted_by_those_who_may_delete_their_own_or_all(
    jira: SiteClient, yuki: Person, revoked: tuple[str, ...], *, own_goes: bool, other_goes: bool
) -> None:
    key = jira.create()
    own, other = jira.http.post(f"/issue/{key}/comment", json={"body": "own"}).json()["id"], yuki.comment(key, "other")
    revoke(jira, *(f"DELETE_{whose}_COMMENTS" for whose in revoked))
    for comment, goes in ((own, own_goes), (other, other_goes)):
        answer = jira.http.delete(f"/issue/{key}/comment/{comment}")
        assert answer.status_code == (204 if goes else 400)
        if not goes:
            message = f"You do not have permission to delete comment with id: {comment}"
            assert answer.json()["errorMessages"] == [message]
        assert jira.http.get(f"/issue/{key}/comment/{comment}").status_code == (404 if goes else 200)


@pytest.mark.parametrize(("revoked", "own_changes", "other_changes"), OWN_AND_ALL)
def test_a_comment_is_edited_by_those_who_may_edit_their_own_or_all(
    jira: SiteClient, yuki: Person, revoked: tuple[str, ...], *, own_changes: bool, other_changes: bool
) -> None:
    key = jira.create()
    own, other = jira.http.post(f"/issue/{key}/comment", json={"body": "own"}).json()["id"], yuki.comment(key, "other")
    revoke(jira, *(f"EDIT_{whose}_COMMENTS" for whose in revoked))
    for comment, changes in ((own, own_changes), (other, other_changes)):
        answer = jira.http.put(f"/issue/{key}/comment/{comment}", json={"body": "new"})
        assert answer.status_code == (200 if changes else 400)
        if not changes:
            assert "do not have the permission to edit this comment." in answer.json()["errorMessages"][0]
        body = jira.http.get(f"/issue/{key}/comment/{comment}").json()["body"]
        assert (body == "new") is changes


def test_in_a_read_only_status_files_stay_and_comments_are_added_only(jira: SiteClient) -> None:
    key = jira.create()
    [file] = jira.attach(key, "a.txt", b"1").json()
    path = f"/issue/{key}/comment"
    comment = jira.http.post(path, json={"body": "text"}).json()["id"]
    jira.control.settings(jira.name, readOnlyStatuses=["Open"])
    before = jira.control.issue(jira.name, key)
    assert jira.http.delete(f"/attachment/{file['id']}").status_code == 403
    assert jira.http.put(f"{path}/{comment}", json={"body": "new"}).status_code == 400
    assert jira.http.delete(f"{path}/{comment}").status_code == 400
    assert jira.control.issue(jira.name, key) == before
    assert jira.http.post(path, json={"body": "text"}).status_code == 201


def test_an_anonymous_visitor_is_told_that_a_file_is_gone_and_not_to_sign_in(jira: SiteClient) -> None:
    key = jira.create()
    [file] = jira.attach(key, "a.txt", b"1").json()
    comment = jira.http.post(f"/issue/{key}/comment", json={"body": "text"}).json()["id"]
    with jira.visitor() as visitor:
        assert visitor.delete(f"/attachment/{file['id']}").status_code == 404
        assert visitor.put(f"/issue/{key}/comment/{comment}", json={"body": "new"}).status_code == 401
        assert visitor.delete(f"/issue/{key}/comment/{comment}").status_code == 405
    assert jira.http.get(f"/attachment/{file['id']}").status_code == 200


def test_a_permission_is_revoked_for_one_user_in_one_project(cloud: SiteClient) -> None:
    key, other = cloud.create(), cloud.create(project="DEV")
    revoke(cloud, "ADD_COMMENTS")
    with cloud.visitor(auth=("yuki@example.com", "yuki-token")) as yuki:
        assert yuki.post(f"/issue/{key}/comment", json={"body": "text"}).status_code == 201
    assert cloud.http.post(f"/issue/{other}/comment", json={"body": "text"}).status_code == 201


# A single issue that cannot be seen, by issue security


def test_a_hidden_issue_is_nowhere_in_the_api_until_it_is_shown_again(jira: SiteClient) -> None:
    hidden, other = jira.control.create_many(jira.name, "SUP", 2)
    before = jira.control.issue(jira.name, hidden)
    jira.control.hide(jira.name, hidden)
    assert found_keys(jira) == [other]
    for path in ("", "/transitions", "/comment", "/remotelink", "/properties"):
        assert jira.http.get(f"/issue/{hidden}{path}").status_code == 404
    assert jira.http.post(f"/issue/{hidden}/comment", json={"body": "here"}).status_code == 404
    assert jira.http.get("/project/SUP").status_code == 200
    jira.control.show(jira.name, hidden)
    assert found_keys(jira) == [hidden, other]
    assert jira.control.issue(jira.name, hidden) == before


def test_a_hidden_issue_is_left_out_of_a_bulk_read(cloud: SiteClient) -> None:
    hidden, other = cloud.control.create_many(cloud.name, "SUP", 2)
    cloud.control.hide(cloud.name, hidden)
    body = {"issueIdsOrKeys": [hidden, other], "fields": ["summary"]}
    answer = cloud.http.post("/issue/bulkfetch", json=body).json()
    assert ([issue["key"] for issue in answer["issues"]], answer["issueErrors"]) == ([other], [])


def found_keys(jira: SiteClient) -> list[str]:
    path = "/search/jql" if jira.is_cloud else "/search"
    query = {"jql": "project = SUP ORDER BY key ASC", "fields": "summary", "maxResults": "50"}
    return [issue["key"] for issue in jira.http.get(path, params=query).json()["issues"]]
