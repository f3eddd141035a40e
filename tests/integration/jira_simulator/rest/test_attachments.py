"""Attachments: uploads, downloads, limits and redirects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


CONTENT = bytes(range(256)) * 1000


def test_an_attached_file_comes_back_byte_for_byte(jira: SiteClient) -> None:
    key = jira.create()
    [attached] = jira.attach(key, "photo.bin", CONTENT).json()
    assert (attached["filename"], attached["size"]) == ("photo.bin", len(CONTENT))
    parameters = {"redirect": "false"} if jira.is_cloud else {}
    response = jira.http.get(attached["content"], params=parameters)
    assert (response.status_code, response.content) == (200, CONTENT)


def test_a_download_that_follows_redirects_gets_the_file(jira: SiteClient) -> None:
    key = jira.create()
    jira.attach(key, "blob.bin", b"\0\1" * 50_000).raise_for_status()
    file = jira.read(key)["fields"]["attachment"][-1]
    assert file["size"] == 100_000
    assert jira.http.get(file["content"], follow_redirects=True).content == b"\0\1" * 50_000


def test_an_attachment_is_in_the_fields_and_in_the_history(jira: SiteClient) -> None:
    key = jira.create()
    [attached] = jira.attach(key, "a.txt", b"1").json()
    issue = jira.read(key, expand="changelog")
    [item] = issue["changelog"]["histories"][0]["items"]
    assert [attachment["id"] for attachment in issue["fields"]["attachment"]] == [attached["id"]]
    assert (item["field"], item["to"], item["toString"]) == ("Attachment", attached["id"], "a.txt")


def test_several_files_are_attached_at_once(jira: SiteClient) -> None:
    headers = {"X-Atlassian-Token": "no-check"}
    files = [("file", ("a.txt", b"1")), ("file", ("b.txt", b"2")), ("other", ("c.txt", b"3"))]
    response = jira.http.post(f"/issue/{jira.create()}/attachments", files=files, headers=headers)
    assert [attachment["filename"] for attachment in response.json()] == ["a.txt", "b.txt"]


def test_a_file_name_keeps_its_letters(jira: SiteClient) -> None:
    [attached] = jira.attach(jira.create(), "Rechnung für Zoë.txt", b"1").json()
    assert attached["filename"] == "Rechnung für Zoë.txt"


def test_an_upload_without_the_xsrf_header_is_403(jira: SiteClient) -> None:
    key = jira.create()
    response = jira.http.post(f"/issue/{key}/attachments", files={"file": ("a.txt", b"1")})
    assert response.status_code == 403
    assert jira.read(key)["fields"]["attachment"] == []


def test_a_file_over_the_limit_is_413_and_not_attached(jira: SiteClient) -> None:
    jira.control.settings(jira.name, uploadLimit=1000)
    key = jira.create()
    assert jira.http.get("/attachment/meta").json() == {"enabled": True, "uploadLimit": 1000}
    assert jira.attach(key, "a.bin", bytes(1001)).status_code == 413
    assert jira.read(key)["fields"]["attachment"] == []
    assert jira.attach(key, "a.bin", bytes(1000)).status_code == 200


def test_cloud_redirects_a_download_unless_told_not_to(cloud: SiteClient) -> None:
    [attached] = cloud.attach(cloud.create(), "a.txt", b"1").json()
    response = cloud.http.get(f"/attachment/content/{attached['id']}")
    assert response.status_code == 303
    assert response.headers["Location"].startswith(cloud.base + "/secure/")


@pytest.mark.parametrize("name", ["a.txt", "two words.txt", "what?#.txt", "Zoë/..txt"])
def test_the_address_that_cloud_redirects_to_needs_no_credentials(cloud: SiteClient, name: str) -> None:
    [attached] = cloud.attach(cloud.create(), name, b"1").json()
    address = cloud.http.get(f"/attachment/content/{attached['id']}").headers["Location"]
    with cloud.visitor() as visitor:
        assert visitor.get(address).content == b"1"
        assert visitor.get(address.partition("?")[0]).status_code == 404


@pytest.mark.parametrize("name", ["two words.txt", "what?#.txt", "100%.txt"])
def test_the_address_of_a_file_on_data_center_leads_to_it_whatever_its_name(data_center: SiteClient, name: str) -> None:
    [attached] = data_center.attach(data_center.create(), name, b"1").json()
    assert data_center.http.get(attached["content"]).content == b"1"


def test_there_is_no_content_resource_on_data_center(data_center: SiteClient) -> None:
    [attached] = data_center.attach(data_center.create(), "a.txt", b"1").json()
    assert data_center.http.get(f"/attachment/content/{attached['id']}").status_code == 404


@pytest.mark.parametrize("name", ["cloud", "data_center"])
def test_the_id_of_a_single_attachment_is_a_number_on_cloud(name: str, request: pytest.FixtureRequest) -> None:
    jira = request.getfixturevalue(name)
    [attached] = jira.attach(jira.create(), "a.txt", b"1").json()
    identity = jira.http.get(f"/attachment/{attached['id']}").json()["id"]
    assert identity == (int(attached["id"]) if jira.is_cloud else attached["id"])


def test_a_fault_redirects_a_download_to_another_host(jira: SiteClient) -> None:
    [attached] = jira.attach(jira.create(), "a.txt", b"1").json()
    jira.control.fault(jira.name, "redirect_attachment", location="https://elsewhere.example/x")
    response = jira.http.get(attached["content"], params={"redirect": "false"})
    assert (response.status_code, response.headers["Location"]) == (303, "https://elsewhere.example/x")


def test_attachments_can_be_switched_off(jira: SiteClient) -> None:
    key = jira.create()
    [attached] = jira.attach(key, "a.txt", b"1").json()
    assert jira.http.get("/attachment/meta").json()["enabled"]
    jira.control.settings(jira.name, attachments=False)
    assert not jira.http.get("/attachment/meta").json()["enabled"]
    assert jira.attach(key, "a.txt", b"1").status_code == 403
    assert jira.http.get(f"/attachment/{attached['id']}").status_code == 404
    assert jira.http.delete(f"/attachment/{attached['id']}").status_code == 404
    jira.control.settings(jira.name, attachments=True)
    assert jira.http.get(f"/attachment/{attached['id']}").status_code == 200


def test_a_deleted_file_is_in_the_history_and_raises_updated(jira: SiteClient) -> None:
    key = jira.create()
    [attached] = jira.attach(key, "a.txt", b"1").json()
    before = jira.control.issue(jira.name, key)["updated"]
    assert jira.http.delete(f"/attachment/{attached['id']}").status_code == 204
    issue = jira.read(key, expand="changelog")
    entries = issue["changelog"]["histories"]
    [item] = entries[0 if jira.is_cloud else -1]["items"]
    assert (item["field"], item["from"], item["fromString"]) == ("Attachment", attached["id"], "a.txt")
    assert (item["to"], item["toString"]) == (None, None)
    assert issue["fields"]["attachment"] == []
    assert jira.control.issue(jira.name, key)["updated"] > before


def test_a_file_that_is_gone_cannot_be_deleted_again(jira: SiteClient) -> None:
    [attached] = jira.attach(jira.create(), "a.txt", b"1").json()
    statuses = [jira.http.delete(f"/attachment/{attached['id']}").status_code for _ in range(2)]
    assert statuses == [204, 404]


def test_a_file_of_an_issue_that_is_hidden_cannot_be_deleted(jira: SiteClient) -> None:
    key = jira.create()
    [attached] = jira.attach(key, "a.txt", b"1").json()
    jira.control.hide(jira.name, key)
    assert jira.http.delete(f"/attachment/{attached['id']}").status_code == 404
    assert len(jira.control.issue(jira.name, key)["attachments"]) == 1


def upload(jira: SiteClient, key: str, count: int) -> int:
    files = [("file", (f"{number}.txt", b"1")) for number in range(count)]
    headers = {"X-Atlassian-Token": "no-check"}
    return jira.http.post(f"/issue/{key}/attachments", files=files, headers=headers).status_code


@pytest.mark.parametrize(("count", "status", "attached"), [(60, 200, 60), (61, 413, 0)])
def test_more_than_sixty_files_at_once_are_413_and_none_is_attached(
    jira: SiteClient, count: int, status: int, attached: int
) -> None:
    key = jira.create()
    assert upload(jira, key, count) == status
    assert len(jira.control.issue(jira.name, key)["attachments"]) == attached


def test_files_beyond_the_limit_of_an_issue_are_413_and_none_is_attached(jira: SiteClient) -> None:
    jira.control.settings(jira.name, attachmentsPerIssue=3)
    key = jira.create()
    assert [upload(jira, key, count) for count in (2, 2, 1, 1)] == [200, 413, 200, 413]
    assert len(jira.control.issue(jira.name, key)["attachments"]) == 3
    assert upload(jira, jira.create(), 3) == 200
    jira.control.settings(jira.name, attachmentsPerIssue=None)
    assert upload(jira, key, 1) == 200


def test_a_deleted_file_makes_room_for_another(jira: SiteClient) -> None:
    jira.control.settings(jira.name, attachmentsPerIssue=1)
    key = jira.create()
    [attached] = jira.attach(key, "a.txt", b"1").json()
    assert jira.attach(key, "b.txt", b"1").status_code == 413
    jira.http.delete(f"/attachment/{attached['id']}").raise_for_status()
    assert jira.attach(key, "b.txt", b"1").status_code == 200
