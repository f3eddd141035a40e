"""Remote links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


def link(title: str = "one", **more: Any) -> dict[str, Any]:
    return {"object": {"url": "http://one.example", "title": title}, **more}


def test_a_remote_link_with_a_global_id_is_created_once_and_then_updated(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    first = jira.http.post(path, json=link("before", globalId="g", relationship="is"))
    second = jira.http.post(path, json=link("after", globalId="g"))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    [shown] = jira.http.get(path).json()
    assert shown["object"]["title"] == "after"
    assert "relationship" not in shown, "what an update leaves out is emptied"


def test_a_remote_link_without_a_global_id_is_always_a_new_one(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    assert [jira.http.post(path, json=link()).status_code for _ in range(2)] == [201, 201]
    assert len(jira.http.get(path).json()) == 2


def test_a_remote_link_asked_for_by_its_global_id_is_an_object(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    jira.http.post(path, json=link(globalId="system=x&id=1"))
    assert jira.http.get(path, params={"globalId": "system=x&id=1"}).json()["globalId"] == "system=x&id=1"
    assert jira.http.get(path, params={"globalId": "other"}).status_code == 404


def test_a_remote_link_is_deleted_by_its_global_id(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    jira.http.post(path, json=link(globalId="g"))
    headers = {"Content-Type": "application/json"}
    assert jira.http.delete(path, params={"globalId": "g"}, headers=headers).status_code == 204
    assert jira.http.get(path).json() == []


def test_a_remote_link_is_read_and_deleted_by_its_id(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    identity = jira.http.post(path, json=link()).json()["id"]
    assert jira.http.get(f"{path}/{identity}").json()["object"]["title"] == "one"
    headers = {"Content-Type": "application/json"}
    assert jira.http.delete(f"{path}/{identity}", headers=headers).status_code == 204
    assert jira.http.get(f"{path}/{identity}").status_code == 404


@pytest.mark.parametrize("body", [{}, {"object": {"title": "no url"}}, link(globalId="x" * 256)])
def test_a_remote_link_that_jira_would_refuse_is_400(jira: SiteClient, body: dict[str, Any]) -> None:
    assert jira.http.post(f"/issue/{jira.create()}/remotelink", json=body).status_code == 400


def test_a_deletion_of_links_by_global_id_leaves_the_others(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    for global_id in ("system=x&id=1", "system=x&id=2"):
        jira.http.post(path, json=link(globalId=global_id)).raise_for_status()
    jira.http.post(path, json=link("without")).raise_for_status()
    assert jira.http.delete(path, params={"globalId": "system=x&id=1"}).status_code == 204
    assert [shown.get("globalId") for shown in jira.http.get(path).json()] == ["system=x&id=2", None]


def test_a_link_that_is_not_there_cannot_be_deleted(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    jira.http.post(path, json=link("without")).raise_for_status()
    assert jira.http.delete(path, params={"globalId": "other"}).status_code == 404
    assert jira.http.delete(path).status_code == 400
    assert jira.http.delete(f"{path}/1").status_code == 404
    assert jira.http.delete(f"{path}/none").status_code == 400
    assert len(jira.http.get(path).json()) == 1


def test_the_link_of_another_issue_is_400(jira: SiteClient) -> None:
    path, other = f"/issue/{jira.create()}/remotelink", f"/issue/{jira.create()}/remotelink"
    identity = jira.http.post(other, json=link()).json()["id"]
    assert jira.http.get(f"{path}/{identity}").status_code == 400
    assert jira.http.delete(f"{path}/{identity}").status_code == 400
    assert jira.http.get(f"{other}/{identity}").status_code == 200


def test_a_link_beyond_the_limit_of_an_issue_is_413_and_an_update_is_not(jira: SiteClient) -> None:
    jira.control.settings(jira.name, linksPerIssue=2)
    path = f"/issue/{jira.create()}/remotelink"
    posted = [jira.http.post(path, json=link(globalId=name)).status_code for name in ("a", "b", "c", "a")]
    assert posted == [201, 201, 413, 200]
    assert len(jira.http.get(path).json()) == 2


def test_links_of_an_issue_over_the_limit_are_not_shown(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    for name in ("a", "b"):
        jira.http.post(path, json=link(globalId=name)).raise_for_status()
    jira.control.settings(jira.name, linksPerIssue=1)
    assert jira.http.get(path).status_code == 413
