"""Comments and their properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


def test_comments_are_paged_in_either_order(jira: SiteClient) -> None:
    key = jira.create()
    for text in ("one", "two", "three"):
        assert jira.http.post(f"/issue/{key}/comment", json={"body": text}).status_code == 201

    def page(**parameters: Any) -> list[str]:
        answer = jira.http.get(f"/issue/{key}/comment", params=parameters).json()
        assert answer["total"] == 3
        return [comment["body"] for comment in answer["comments"]]

    assert page() == ["one", "two", "three"]
    assert page(orderBy="-created", maxResults=2) == ["three", "two"]
    assert page(startAt=2) == ["three"]


def test_comments_are_ordered_by_creation_only(jira: SiteClient) -> None:
    assert jira.http.get(f"/issue/{jira.create()}/comment", params={"orderBy": "author"}).status_code == 400


def test_a_comment_carries_properties_from_its_creation(jira: SiteClient) -> None:
    body = {"body": "text", "properties": [{"key": "marker", "value": {"cause": "x"}}]}
    identity = jira.http.post(f"/issue/{jira.create()}/comment", json=body).json()["id"]
    assert jira.http.get(f"/comment/{identity}/properties/marker").json()["value"] == {"cause": "x"}
    assert jira.http.get(f"/comment/{identity}/properties/other").status_code == 404


def test_a_comment_shows_its_visibility(jira: SiteClient) -> None:
    key = jira.create()
    visibility = {"type": "role", "value": "Administrators"}
    jira.http.post(f"/issue/{key}/comment", json={"body": "text", "visibility": visibility})
    [comment] = jira.http.get(f"/issue/{key}/comment").json()["comments"]
    assert comment["visibility"] == visibility


def test_comments_are_read_by_their_ids_with_properties(cloud: SiteClient) -> None:
    body = {"body": "text", "properties": [{"key": "marker", "value": 1}]}
    identity = cloud.http.post(f"/issue/{cloud.create()}/comment", json=body).json()["id"]
    wanted = {"ids": [int(identity), 1]}
    [comment] = cloud.http.post("/comment/list", params={"expand": "properties"}, json=wanted).json()["values"]
    assert comment["properties"] == [{"key": "marker", "value": 1}]


@pytest.mark.parametrize("body", [{"type": "doc"}, 5, "x" * 32_768])
def test_a_comment_that_is_no_text_or_too_long_is_400(jira: SiteClient, body: Any) -> None:
    assert jira.http.post(f"/issue/{jira.create()}/comment", json={"body": body}).status_code == 400


def test_an_empty_comment_is_400(jira: SiteClient) -> None:
    assert jira.http.post(f"/issue/{jira.create()}/comment", json={"body": " "}).status_code == 400
