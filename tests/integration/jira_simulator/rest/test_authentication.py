"""Which credentials each flavour accepts, and what an anonymous visitor sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


def test_cloud_accepts_an_e_mail_and_a_token(cloud: SiteClient) -> None:
    account = cloud.http.get("/myself").json()
    assert account["emailAddress"] == "sync@example.com"
    assert "accountId" in account
    assert "key" not in account


def test_data_center_accepts_a_bearer_token(data_center: SiteClient) -> None:
    account = data_center.http.get("/myself").json()
    assert account["name"] == "sync"
    assert "accountId" not in account


def test_cloud_refuses_a_bearer_token(cloud: SiteClient) -> None:
    with cloud.visitor(headers={"Authorization": "Bearer sync-token"}) as visitor:
        assert visitor.get("/myself").status_code == 401


@pytest.mark.parametrize(
    ("flavor", "header", "status"),
    [
        ("cloud", "Bearer sync-token", 401),
        ("cloud", "Basic nonsense", 401),
        ("data_center", "Bearer sync-token", 200),
        ("data_center", "Bearer wrong", 401),
    ],
)
def test_credentials_are_accepted_or_refused_by_flavour(
    request: pytest.FixtureRequest, flavor: str, header: str, status: int
) -> None:
    with request.getfixturevalue(flavor).visitor(headers={"Authorization": header}) as visitor:
        assert visitor.get("/myself").status_code == status


@pytest.mark.parametrize("path", ["/myself", "/serverInfo", "/project/SUP"])
def test_wrong_credentials_are_401_in_json(jira: SiteClient, path: str) -> None:
    with jira.visitor(auth=("sync@example.com", "wrong")) as visitor:
        response = visitor.get(path)
    assert response.status_code == 401
    assert response.headers["Content-Type"].startswith("application/json")


def test_cloud_tells_in_a_header_that_signing_in_failed(cloud: SiteClient) -> None:
    with cloud.visitor(auth=("sync@example.com", "wrong")) as visitor:
        assert visitor.get("/myself").headers["x-seraph-loginreason"] == "AUTHENTICATED_FAILED"
    assert "x-seraph-loginreason" not in cloud.http.get("/myself").headers


def test_data_center_tells_in_a_header_who_the_caller_is(data_center: SiteClient) -> None:
    assert data_center.http.get("/serverInfo").headers["X-AUSERNAME"] == "sync"
    with data_center.visitor() as visitor:
        assert visitor.get("/serverInfo").headers["X-AUSERNAME"] == "anonymous"


def test_an_anonymous_visitor_sees_an_empty_site(jira: SiteClient) -> None:
    key = jira.create()
    path = "/search/jql" if jira.is_cloud else "/search"
    with jira.visitor() as visitor:
        assert visitor.get("/serverInfo").status_code == 200
        assert visitor.get("/myself").status_code == 401
        assert visitor.get("/project").json() == []
        assert visitor.get(f"/issue/{key}").status_code == 404
        assert visitor.get(path, params={"jql": "project = SUP"}).json()["issues"] == []


def test_an_anonymous_visitor_reads_no_issues_in_bulk(cloud: SiteClient) -> None:
    key = cloud.create()
    with cloud.visitor() as visitor:
        assert visitor.post("/issue/bulkfetch", json={"issueIdsOrKeys": [key]}).json()["issues"] == []


def test_an_anonymous_visitor_gets_no_file(jira: SiteClient) -> None:
    [attached] = jira.attach(jira.create(), "a.txt", b"1").json()
    with jira.visitor() as visitor:
        assert visitor.get(attached["content"], params={"redirect": "false"}).status_code == 404


def test_a_token_is_refused_after_it_was_rotated(jira: SiteClient) -> None:
    jira.control.rotate_token(jira.name, "sync", "new-token")
    assert jira.http.get("/myself").status_code == 401
