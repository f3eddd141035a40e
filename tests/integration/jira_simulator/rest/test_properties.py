"""The properties of issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import SiteClient


def test_properties_are_set_by_the_request_that_creates_the_issue(jira: SiteClient) -> None:
    fields = {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s"}
    body = {"fields": fields, "properties": [{"key": "marker", "value": {"of": "a sync"}}]}
    identity = jira.http.post("/issue", json=body).json()["id"]
    assert jira.http.get(f"/issue/{identity}/properties/marker").json() == {
        "key": "marker",
        "value": {"of": "a sync"},
    }


def test_a_property_is_created_then_replaced_then_deleted(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/properties/marker"
    assert jira.http.put(path, json={"a": 1, "b": 2}).status_code == 201
    assert jira.http.put(path, json={"a": 3}).status_code == 200
    assert jira.http.get(path).json()["value"] == {"a": 3}
    assert jira.http.delete(path).status_code == 204
    assert jira.http.get(path).status_code == 404


def test_properties_come_with_an_issue_when_asked_for(jira: SiteClient) -> None:
    key = jira.create()
    jira.http.put(f"/issue/{key}/properties/marker", json=1)
    assert jira.read(key, properties="marker,other")["properties"] == {"marker": 1}


def test_a_property_that_is_not_json_is_refused(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/properties/marker"
    headers = {"Content-Type": "application/json"}
    assert jira.http.put(path, content="{", headers=headers).status_code == 400
    assert jira.http.put(path, content="1", headers={"Content-Type": "text/plain"}).status_code == 415
    assert jira.http.get(path).status_code == 404


def test_a_property_longer_than_32768_characters_is_400(jira: SiteClient) -> None:
    assert jira.http.put(f"/issue/{jira.create()}/properties/long", json="x" * 32_768).status_code == 400
