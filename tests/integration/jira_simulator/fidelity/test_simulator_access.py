"""Who is let in, what a visitor sees, what time it is."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import Jira


def test_cloud_takes_an_address_and_a_token(cloud: Jira) -> None:
    account = cloud.http.get("/myself").json()
    assert account["emailAddress"] == "sync@example.com"
    assert "accountId" in account
    assert "key" not in account


def test_data_center_takes_a_bearer_token(data_center: Jira) -> None:
    account = data_center.http.get("/myself").json()
    assert account["name"] == "sync"
    assert "accountId" not in account


def test_cloud_takes_no_bearer_token(cloud: Jira) -> None:
    with cloud.visitor(headers={"Authorization": "Bearer sync-token"}) as visitor:
        assert visitor.get("/myself").status_code == 401


@pytest.mark.parametrize("path", ["/myself", "/serverInfo", "/project/SUP"])
def test_wrong_credentials_are_401_in_json(jira: Jira, path: str) -> None:
    with jira.visitor(auth=("sync@example.com", "wrong")) as visitor:
        response = visitor.get(path)
    assert response.status_code == 401
    assert response.headers["Content-Type"].startswith("application/json")


def test_cloud_says_in_a_header_that_signing_in_failed(cloud: Jira) -> None:
    with cloud.visitor(auth=("sync@example.com", "wrong")) as visitor:
        assert visitor.get("/myself").headers["x-seraph-loginreason"] == "AUTHENTICATED_FAILED"
    assert "x-seraph-loginreason" not in cloud.http.get("/myself").headers


def test_data_center_says_in_a_header_whom_it_takes_one_for(data_center: Jira) -> None:
    assert data_center.http.get("/serverInfo").headers["X-AUSERNAME"] == "sync"
    with data_center.visitor() as visitor:
        assert visitor.get("/serverInfo").headers["X-AUSERNAME"] == "anonymous"


def test_a_visitor_sees_an_empty_site(jira: Jira) -> None:
    key = jira.create()
    path = "/search/jql" if jira.is_cloud else "/search"
    with jira.visitor() as visitor:
        assert visitor.get("/serverInfo").status_code == 200
        assert visitor.get("/myself").status_code == 401
        assert visitor.get("/project").json() == []
        assert visitor.get(f"/issue/{key}").status_code == 404
        assert visitor.get(path, params={"jql": "project = SUP"}).json()["issues"] == []


def test_a_visitor_bulk_reads_nothing(cloud: Jira) -> None:
    key = cloud.create()
    with cloud.visitor() as visitor:
        assert visitor.post("/issue/bulkfetch", json={"issueIdsOrKeys": [key]}).json()["issues"] == []


def test_a_rotated_token_locks_the_old_one_out(jira: Jira) -> None:
    jira.control.rotate_token(jira.name, "sync", "new-token")
    assert jira.http.get("/myself").status_code == 401


@pytest.mark.parametrize("path", ["/nonsense", "/issue/SUP-99"])
def test_what_is_not_there_is_404_in_json(jira: Jira, path: str) -> None:
    response = jira.http.get(path)
    assert response.status_code == 404
    assert response.json()["errorMessages"]


@pytest.mark.parametrize("offset", [0, -86_400, 3_600])
def test_answers_are_dated_by_the_sites_own_clock(jira: Jira, offset: float) -> None:
    before = parsedate_to_datetime(jira.http.get("/serverInfo").headers["Date"])
    jira.control.clock(jira.name, offset)
    for path in ("/issue/SUP-99", "/nonsense"):
        after = parsedate_to_datetime(jira.http.get(path).headers["Date"])
        assert offset <= (after - before).total_seconds() < offset + 60


def test_what_happens_is_dated_by_the_sites_own_clock(jira: Jira) -> None:
    jira.control.clock(jira.name, -86_400)
    date = parsedate_to_datetime(jira.http.get("/serverInfo").headers["Date"])
    assert jira.read(jira.create())["fields"]["created"].startswith(f"{date:%Y-%m-%d}")


def test_a_token_is_rotated_for_somebody_who_is_there(jira: Jira) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.rotate_token(jira.name, "nobody", "new-token")


def test_there_is_no_search_for_projects_on_data_center(data_center: Jira) -> None:
    assert data_center.http.get("/project/search").status_code == 404


def test_the_create_screen_is_told(jira: Jira) -> None:
    types_name, fields_name = ("issueTypes", "fields") if jira.is_cloud else ("values", "values")
    types = jira.http.get("/issue/createmeta/SUP/issuetypes").json()[types_name]
    task = next(each for each in types if each["name"] == "Task")
    shown = jira.http.get(f"/issue/createmeta/SUP/issuetypes/{task['id']}").json()[fields_name]
    by_name: dict[str, Any] = {each["fieldId"]: each for each in shown}
    assert {name for name, each in by_name.items() if each["required"]} == {"project", "issuetype", "summary"}
    assert "High" in {each["name"] for each in by_name["priority"]["allowedValues"]}


def test_below_the_path_of_no_site_there_is_nothing(jira: Jira) -> None:
    with jira.visitor() as visitor:
        response = visitor.get(f"{jira.base}-none/rest/api/2/serverInfo")
    assert response.status_code == 404


def test_the_kind_of_site_is_told_to_everybody(jira: Jira) -> None:
    with jira.visitor() as visitor:
        assert visitor.get("/serverInfo").json()["deploymentType"] == ("Cloud" if jira.is_cloud else "Server")
