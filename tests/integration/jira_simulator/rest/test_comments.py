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


@pytest.mark.parametrize("visibility", ["Administrators", {"type": "user", "value": "x"}, {"type": "role"}])
def test_a_visibility_that_is_no_role_or_group_is_400(jira: SiteClient, visibility: Any) -> None:
    body = {"body": "text", "visibility": visibility}
    assert jira.http.post(f"/issue/{jira.create()}/comment", json=body).status_code == 400


def test_a_comment_beyond_the_limit_of_an_issue_is_413(jira: SiteClient) -> None:
    jira.control.settings(jira.name, commentsPerIssue=1)
    path = f"/issue/{jira.create()}/comment"
    assert [jira.http.post(path, json={"body": "text"}).status_code for _ in range(2)] == [201, 413]


def test_an_issue_of_cloud_holds_the_newest_hundred_comments_only(jira: SiteClient) -> None:
    key = jira.create()
    for number in range(102):
        jira.http.post(f"/issue/{key}/comment", json={"body": str(number)}).raise_for_status()
    embedded = jira.read(key, fields="comment")["fields"]["comment"]
    assert embedded["total"] == 102
    assert [comment["body"] for comment in embedded["comments"]][:1] == ["2" if jira.is_cloud else "0"]
    assert embedded["comments"][-1]["body"] == "101"


# Internal comments


def internal(value: Any = True) -> dict[str, Any]:
    return {"body": "note", "properties": [{"key": "sd.public.comment", "value": {"internal": value}}]}


def is_internal(jira: SiteClient, key: str, comment: str) -> bool:
    [found] = [found for found in jira.control.issue(jira.name, key)["comments"] if found["id"] == comment]
    shown: bool = found["internal"]
    return shown


@pytest.mark.parametrize(
    ("project_type", "body", "expected"),
    [
        ("service_desk", internal(), True),
        ("service_desk", internal(value=False), False),
        ("service_desk", internal(value="true"), False),
        ("service_desk", {"body": "text"}, False),
        ("service_desk", {"body": "text", "visibility": {"type": "role", "value": "Agents"}}, False),
        ("software", internal(), False),
        ("business", internal(), False),
    ],
)
def test_a_comment_is_internal_by_its_property_in_a_service_desk_alone(
    jira: SiteClient, project_type: str, body: dict[str, Any], *, expected: bool
) -> None:
    jira.control.change_project(jira.name, "SUP", project_type)
    key = jira.create()
    posted = jira.http.post(f"/issue/{key}/comment", json=body).json()
    assert is_internal(jira, key, posted["id"]) is expected
    read = jira.http.get(f"/issue/{key}/comment/{posted['id']}").json()
    embedded = jira.read(key, fields="comment")["fields"]["comment"]["comments"][0]
    [listed] = jira.http.get(f"/issue/{key}/comment").json()["comments"]
    for shown in (posted, read, embedded, listed):
        assert shown.get("jsdPublic") is (not expected if jira.is_cloud else None)


def test_a_comment_whose_properties_are_lost_on_their_way_is_public(jira: SiteClient) -> None:
    jira.control.change_project(jira.name, "SUP", "service_desk")
    jira.control.settings(jira.name, keepsProperties=False)
    key = jira.create()
    posted = jira.http.post(f"/issue/{key}/comment", json=internal()).json()
    assert not is_internal(jira, key, posted["id"])


def test_data_center_shows_that_a_comment_is_internal_with_the_properties_alone(data_center: SiteClient) -> None:
    data_center.control.change_project("data-center", "SUP", "service_desk")
    path = f"/issue/{data_center.create()}/comment"
    posted = data_center.http.post(path, json=internal()).json()
    expand = {"expand": "renderedBody,properties"}
    [listed] = data_center.http.get(path, params=expand).json()["comments"]
    read = data_center.http.get(f"{path}/{posted['id']}", params=expand).json()
    assert listed["properties"] == read["properties"] == internal()["properties"]
    assert "properties" not in posted


# Edits and deletions


def test_an_edited_comment_tells_who_edited_it_and_when(jira: SiteClient) -> None:
    key = jira.create()
    path = f"/issue/{key}/comment"
    with jira.control.person(*other_account(jira), bearer=not jira.is_cloud) as other:
        comment = other.comment(key, "before", visibility={"type": "role", "value": "Developers"})
    before = jira.http.get(f"{path}/{comment}").json()
    assert (before["updated"], before["updateAuthor"]) == (before["created"], before["author"])
    answer = jira.http.put(f"{path}/{comment}", json={"body": "after"})
    assert answer.status_code == 200
    after = jira.http.get(f"{path}/{comment}").json()
    assert answer.json() == after
    assert (after["body"], after["visibility"]) == ("after", {"type": "role", "value": "Developers"})
    assert after["updateAuthor"]["emailAddress"] == "sync@example.com"
    assert after["updated"] > before["updated"]
    assert [after[name] for name in ("id", "author", "created")] == [
        before[name] for name in ("id", "author", "created")
    ]


def other_account(jira: SiteClient) -> tuple[str, str, str]:
    return jira.name, "yuki@example.com" if jira.is_cloud else "yuki", "yuki-token"


def test_an_edit_that_changes_nothing_is_no_edit(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/comment"
    before = jira.http.post(path, json={"body": "text"}).json()
    assert jira.http.put(f"{path}/{before['id']}", json={"body": "text"}).status_code == 200
    assert jira.http.get(f"{path}/{before['id']}").json() == before


def test_an_internal_comment_stays_internal_when_it_is_edited(jira: SiteClient) -> None:
    jira.control.change_project(jira.name, "SUP", "service_desk")
    key = jira.create()
    comment = jira.http.post(f"/issue/{key}/comment", json=internal()).json()["id"]
    jira.http.put(f"/issue/{key}/comment/{comment}", json={"body": "other"}).raise_for_status()
    assert is_internal(jira, key, comment)


@pytest.mark.parametrize("body", [None, " ", {"type": "doc"}, "x" * 32_768])
def test_an_edit_to_a_text_that_jira_would_refuse_is_400(jira: SiteClient, body: Any) -> None:
    path = f"/issue/{jira.create()}/comment"
    before = jira.http.post(path, json={"body": "text"}).json()
    assert jira.http.put(f"{path}/{before['id']}", json={"body": body}).status_code == 400
    assert jira.http.get(f"{path}/{before['id']}").json() == before


def test_an_edit_of_properties_is_refused_and_not_passed_over(jira: SiteClient) -> None:
    path = f"/issue/{jira.create()}/comment"
    before = jira.http.post(path, json={"body": "text"}).json()
    assert jira.http.put(f"{path}/{before['id']}", json=internal()).status_code == 501
    assert jira.http.get(f"{path}/{before['id']}").json() == before


def test_a_deleted_comment_is_nowhere(jira: SiteClient) -> None:
    key = jira.create()
    path = f"/issue/{key}/comment"
    gone, left = (jira.http.post(path, json={"body": text}).json()["id"] for text in ("gone", "left"))
    answer = jira.http.delete(f"{path}/{gone}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [comment["id"] for comment in jira.http.get(path).json()["comments"]] == [left]
    assert [comment["id"] for comment in jira.read(key)["fields"]["comment"]["comments"]] == [left]
    for method in ("GET", "PUT", "DELETE"):
        answer = jira.http.request(method, f"{path}/{gone}", json={"body": "x"})
        assert (answer.status_code, answer.json()["errorMessages"]) == (
            404,
            [f"Can not find a comment for the id: {gone}."],
        )
    assert jira.http.get(f"/comment/{gone}/properties").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_comment_of_another_issue_is_404(jira: SiteClient, method: str) -> None:
    key, other = jira.create(), jira.create()
    comment = jira.http.post(f"/issue/{other}/comment", json={"body": "text"}).json()["id"]
    assert jira.http.request(method, f"/issue/{key}/comment/{comment}", json={"body": "x"}).status_code == 404
    jira.control.hide(jira.name, other)
    assert jira.http.request(method, f"/issue/{other}/comment/{comment}", json={"body": "x"}).status_code == 404
    assert [found["body"] for found in jira.control.issue(jira.name, other)["comments"]] == ["text"]


@pytest.mark.parametrize("counts", [False, True])
def test_a_change_of_a_comment_raises_updated_if_the_site_is_set_so(jira: SiteClient, *, counts: bool) -> None:
    jira.control.settings(jira.name, commentChangesCountAsUpdates=counts)
    key = jira.create()
    comment = jira.http.post(f"/issue/{key}/comment", json={"body": "text"}).json()["id"]
    seen = [jira.control.issue(jira.name, key)]
    jira.http.put(f"/issue/{key}/comment/{comment}", json={"body": "other"}).raise_for_status()
    seen.append(jira.control.issue(jira.name, key))
    jira.http.delete(f"/issue/{key}/comment/{comment}").raise_for_status()
    seen.append(jira.control.issue(jira.name, key))
    created, edited, deleted = (issue["updated"] for issue in seen)
    assert (created < edited, edited < deleted) == (counts, counts)
    assert [issue["history"] for issue in seen] == [[], [], []]
