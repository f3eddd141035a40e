"""What a site tells about itself, and what it tells callers of their permissions."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


def test_server_info_tells_the_kind_of_site_to_everybody(jira: SiteClient) -> None:
    with jira.visitor() as visitor:
        assert visitor.get("/serverInfo").json()["deploymentType"] == ("Cloud" if jira.is_cloud else "Server")


@pytest.mark.parametrize("offset", [0, -86_400, 3_600, 10 * 365 * 86_400])
def test_answers_have_the_date_of_the_site_s_own_clock(jira: SiteClient, offset: float) -> None:
    before = parsedate_to_datetime(jira.http.get("/serverInfo").headers["Date"])
    jira.control.clock(jira.name, offset)
    for path in ("/issue/SUP-99", "/nonsense"):
        after = parsedate_to_datetime(jira.http.get(path).headers["Date"])
        assert offset <= (after - before).total_seconds() < offset + 60


def test_a_created_issue_has_the_date_of_the_site_s_own_clock(jira: SiteClient) -> None:
    jira.control.clock(jira.name, -86_400)
    date = parsedate_to_datetime(jira.http.get("/serverInfo").headers["Date"])
    assert jira.read(jira.create())["fields"]["created"].startswith(f"{date:%Y-%m-%d}")


# Permissions


def revoke(jira: SiteClient, *names: str, project: str = "SUP") -> None:
    jira.control.permissions(jira.name, "sync", project, revoke=names)


def my_permissions(jira: SiteClient, **query: str) -> dict[str, bool]:
    found = jira.http.get("/mypermissions", params=query).json()["permissions"]
    return {name: permission["havePermission"] for name, permission in found.items()}


@pytest.mark.parametrize("by", ["projectKey", "projectId", "issueKey", "issueId"])
def test_my_permissions_are_told_by_project_or_issue(jira: SiteClient, by: str) -> None:
    key = jira.create()
    issue = jira.read(key)
    context = {
        "projectKey": "SUP",
        "projectId": issue["fields"]["project"]["id"],
        "issueKey": key,
        "issueId": issue["id"],
    }[by]
    revoke(jira, "EDIT_ISSUES")
    asked = my_permissions(jira, permissions="EDIT_ISSUES,LINK_ISSUES", **{by: context})
    assert asked == {"EDIT_ISSUES": False, "LINK_ISSUES": True}


def test_without_a_project_a_permission_in_any_project_counts(jira: SiteClient) -> None:
    revoke(jira, "EDIT_ISSUES")
    assert my_permissions(jira, permissions="EDIT_ISSUES") == {"EDIT_ISSUES": True}
    for project in ("DEV", "RES"):
        revoke(jira, "EDIT_ISSUES", project=project)
    assert my_permissions(jira, permissions="EDIT_ISSUES") == {"EDIT_ISSUES": False}


def test_my_permissions_in_a_hidden_project_are_404(jira: SiteClient) -> None:
    revoke(jira, "BROWSE_PROJECTS")
    response = jira.http.get("/mypermissions", params={"projectKey": "SUP", "permissions": "EDIT_ISSUES"})
    assert response.status_code == 404


def test_cloud_refuses_to_tell_permissions_that_are_not_named_or_unknown(cloud: SiteClient) -> None:
    assert cloud.http.get("/mypermissions").status_code == 400
    assert cloud.http.get("/mypermissions", params={"permissions": "NONSENSE"}).status_code == 400


def test_data_center_tells_all_permissions_when_none_is_named(data_center: SiteClient) -> None:
    revoke(data_center, "ADD_COMMENTS")
    found = my_permissions(data_center, projectKey="SUP")
    assert len(found) == 13
    assert {"DELETE_OWN_ATTACHMENTS", "DELETE_ALL_ATTACHMENTS", "EDIT_OWN_COMMENTS", "EDIT_ALL_COMMENTS"} <= set(found)
    assert {"DELETE_OWN_COMMENTS", "DELETE_ALL_COMMENTS"} <= set(found)
    assert [name for name, has in found.items() if not has] == ["ADD_COMMENTS"]


def test_an_anonymous_visitor_has_no_permission(jira: SiteClient) -> None:
    with jira.visitor() as visitor:
        answer = visitor.get("/mypermissions", params={"permissions": "BROWSE_PROJECTS"}).json()
    assert answer["permissions"]["BROWSE_PROJECTS"]["havePermission"] is False
