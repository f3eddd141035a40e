"""Issues and what hangs on them, over HTTP, on both flavours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Jira


def fields(**changes: Any) -> dict[str, Any]:
    return {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s", **changes}


# Creation


def test_a_created_issue_is_there_as_it_was_meant(jira: Jira) -> None:
    key = jira.create("A thing", description="h1. Wiki", labels=["b", "a"], priority={"name": "High"})
    shown = jira.read(key)["fields"]
    assert (shown["summary"], shown["description"]) == ("A thing", "h1. Wiki")
    assert set(shown["labels"]) == {"a", "b"}
    assert shown["priority"]["name"] == "High"
    assert shown["status"]["name"] == "Open"


def test_properties_are_set_by_the_create_itself(jira: Jira) -> None:
    body = {"fields": fields(), "properties": [{"key": "marker", "value": {"of": "a sync"}}]}
    identity = jira.http.post("/issue", json=body).json()["id"]
    assert jira.http.get(f"/issue/{identity}/properties/marker").json() == {
        "key": "marker",
        "value": {"of": "a sync"},
    }


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"project": {"key": "NOPE"}}, "project"),
        ({"issuetype": {"name": "Nope"}}, "issuetype"),
        ({"summary": "two\nlines"}, "summary"),
        ({"customfield_9": "x"}, "customfield_9"),
        ({"priority": {"name": "Enormous"}}, "priority"),
    ],
)
def test_a_refused_creation_says_which_field_is_wrong(jira: Jira, change: dict[str, Any], wrong: str) -> None:
    response = jira.http.post("/issue", json={"fields": fields(**change)})
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [wrong]


def test_of_several_created_at_once_those_that_fail_are_named_by_their_place(jira: Jira) -> None:
    wanted = [fields(summary="one"), fields(summary=""), fields(summary="three")]
    response = jira.http.post("/issue/bulk", json={"issueUpdates": [{"fields": each} for each in wanted]})
    answer = response.json()
    assert response.status_code == 201
    assert [jira.read(each["key"])["fields"]["summary"] for each in answer["issues"]] == ["one", "three"]
    assert [each["failedElementNumber"] for each in answer["errors"]] == [1]


def test_when_all_of_several_fail_the_answer_is_400(jira: Jira) -> None:
    response = jira.http.post("/issue/bulk", json={"issueUpdates": [{"fields": fields(summary="")}]})
    assert response.status_code == 400


def test_more_than_50_are_not_created_at_once(jira: Jira) -> None:
    response = jira.http.post("/issue/bulk", json={"issueUpdates": [{"fields": fields()}] * 51})
    assert response.status_code == 400
    assert jira.found("project = SUP") == []


@pytest.mark.parametrize("path", ["/issue", "/issue/bulk"])
def test_a_body_that_is_not_json_is_415(jira: Jira, path: str) -> None:
    assert jira.http.post(path, content="summary=s", headers={"Content-Type": "text/plain"}).status_code == 415


# Reading


def test_an_issue_is_read_by_id_and_by_key(jira: Jira) -> None:
    key = jira.create()
    assert jira.read(jira.read(key)["id"])["key"] == key


def test_only_the_fields_asked_for_are_shown(jira: Jira) -> None:
    assert set(jira.read(jira.create(), fields="summary,status")["fields"]) == {"summary", "status"}


def test_times_are_in_the_zone_of_whoever_asks(cloud: Jira) -> None:
    key = cloud.create()
    with cloud.visitor(auth=("yuki@example.com", "yuki-token")) as yuki:
        seen = yuki.get(f"/issue/{key}").json()["fields"]["created"]
    assert seen.endswith("+0900")
    assert cloud.read(key)["fields"]["created"].endswith("+0000")


def test_an_unknown_issue_is_404(jira: Jira) -> None:
    assert jira.http.get("/issue/SUP-99").status_code == 404


def test_a_moved_issue_answers_to_its_old_key_with_its_new_one(jira: Jira) -> None:
    key = jira.create()
    new_key = jira.control.move(jira.name, key, "DEV")
    assert jira.read(key)["key"] == new_key == "DEV-1"


def test_a_deleted_issue_is_gone(jira: Jira) -> None:
    key = jira.create()
    assert jira.http.delete(f"/issue/{key}").status_code == 204
    assert jira.http.get(f"/issue/{key}").status_code == 404


# Edits and transitions


def test_an_edit_changes_fields_and_is_in_the_history(jira: Jira) -> None:
    key = jira.create("before")
    assert jira.http.put(f"/issue/{key}", json={"fields": {"summary": "after"}}).status_code == 204
    issue = jira.read(key, expand="changelog")
    [item] = issue["changelog"]["histories"][0]["items"]
    assert issue["fields"]["summary"] == "after"
    assert (item["field"], item["fromString"], item["toString"]) == ("summary", "before", "after")


def test_labels_are_added_and_removed_without_naming_the_others(jira: Jira) -> None:
    key = jira.create(labels=["keep", "drop"])
    jira.http.put(f"/issue/{key}", json={"update": {"labels": [{"add": "new"}, {"remove": "drop"}]}})
    assert set(jira.read(key)["fields"]["labels"]) == {"keep", "new"}


def test_what_a_transitions_screen_demands_is_told_when_asked_for(jira: Jira) -> None:
    path = f"/issue/{jira.create(project='RES')}/transitions"
    assert all("fields" not in each for each in jira.http.get(path).json()["transitions"])
    ways = jira.http.get(path, params={"expand": "transitions.fields"}).json()["transitions"]
    assert {each["name"]: list(each["fields"]) for each in ways} == {"Finish": ["resolution"], "Start": []}
    assert ways[0]["fields"]["resolution"]["required"]


def test_issue_types_may_have_workflows_of_their_own(control) -> None:
    bugs = {"initial": "New", "transitions": [{"name": "Fix", "target": "Fixed"}]}
    users = [{"name": "sync", "token": "t"}]
    project = {"key": "BUG", "types": ["Task", "Bug"], "workflow": "development", "workflows": {"Bug": bugs}}
    control.add_site(name="more", flavor="data_center", users=users, projects=[project])
    with control.person("more", "sync", "t", bearer=True) as person:
        bug, task = person.create("BUG", "b", issue_type="Bug"), person.create("BUG", "t")
        statuses = {
            each["name"]: [status["name"] for status in each["statuses"]]
            for each in person.http.get("/project/BUG/statuses").json()
        }
        person.move(bug, "Fixed")
        person.move(task, "In Progress")
    assert statuses["Bug"] == ["New", "Fixed"]
    assert "In Review" in statuses["Task"]
    assert [each["status"] for each in control.issues("more")] == ["Fixed", "In Progress"]


def test_only_the_transitions_open_now_are_listed(jira: Jira) -> None:
    key = jira.create()
    open_ways = {each["to"]["name"] for each in jira.http.get(f"/issue/{key}/transitions").json()["transitions"]}
    assert "Will Do" in open_ways
    assert "Reopened" not in open_ways
    assert {each["to"]["name"] for each in jira.read(key, expand="transitions")["transitions"]} == open_ways


def test_a_transition_moves_the_issue(jira: Jira) -> None:
    key = jira.create()
    assert jira.move(key, "Will Do").status_code == 204
    assert jira.read(key)["fields"]["status"]["name"] == "Will Do"


def test_a_transition_that_is_not_open_is_400(jira: Jira) -> None:
    key = jira.create()
    response = jira.http.post(f"/issue/{key}/transitions", json={"transition": {"id": "9999"}})
    assert response.status_code == 400
    assert jira.read(key)["fields"]["status"]["name"] == "Open"


def test_a_transition_without_its_required_field_is_400(jira: Jira) -> None:
    key = jira.create(project="RES")
    assert jira.move(key, "Done").json()["errors"] == {"resolution": "Resolution is required."}
    assert jira.move(key, "Done", resolution={"name": "Done"}).status_code == 204


# History


def test_cloud_embeds_the_newest_history_first_and_data_center_the_oldest(jira: Jira) -> None:
    key = jira.create("1")
    for summary in ("2", "3"):
        jira.http.put(f"/issue/{key}", json={"fields": {"summary": summary}})
    shown = jira.read(key, expand="changelog")["changelog"]["histories"]
    assert [each["items"][0]["toString"] for each in shown] == (["3", "2"] if jira.is_cloud else ["2", "3"])


def test_the_changelog_has_pages_on_cloud_oldest_first(cloud: Jira) -> None:
    key = cloud.create("1")
    for summary in ("2", "3", "4"):
        cloud.http.put(f"/issue/{key}", json={"fields": {"summary": summary}})
    page = cloud.http.get(f"/issue/{key}/changelog", params={"startAt": 1, "maxResults": 1}).json()
    assert [each["items"][0]["toString"] for each in page["values"]] == ["3"]
    assert (page["total"], page["isLast"]) == (3, False)


def test_there_is_no_changelog_resource_on_data_center(data_center: Jira) -> None:
    assert data_center.http.get(f"/issue/{data_center.create()}/changelog").status_code == 404


# Properties


def test_a_property_is_created_then_replaced_then_deleted(jira: Jira) -> None:
    path = f"/issue/{jira.create()}/properties/marker"
    assert jira.http.put(path, json={"a": 1, "b": 2}).status_code == 201
    assert jira.http.put(path, json={"a": 3}).status_code == 200
    assert jira.http.get(path).json()["value"] == {"a": 3}
    assert jira.http.delete(path).status_code == 204
    assert jira.http.get(path).status_code == 404


def test_properties_come_with_an_issue_when_asked_for(jira: Jira) -> None:
    key = jira.create()
    jira.http.put(f"/issue/{key}/properties/marker", json=1)
    assert jira.read(key, properties="marker,other")["properties"] == {"marker": 1}


def test_a_property_that_is_not_json_is_refused(jira: Jira) -> None:
    path = f"/issue/{jira.create()}/properties/marker"
    headers = {"Content-Type": "application/json"}
    assert jira.http.put(path, content="{", headers=headers).status_code == 400
    assert jira.http.put(path, content="1", headers={"Content-Type": "text/plain"}).status_code == 415
    assert jira.http.get(path).status_code == 404


def test_a_property_longer_than_32768_characters_is_400(jira: Jira) -> None:
    assert jira.http.put(f"/issue/{jira.create()}/properties/long", json="x" * 32_768).status_code == 400


# Comments


def test_comments_are_paged_in_either_order(jira: Jira) -> None:
    key = jira.create()
    for text in ("one", "two", "three"):
        assert jira.http.post(f"/issue/{key}/comment", json={"body": text}).status_code == 201

    def page(**parameters: Any) -> list[str]:
        answer = jira.http.get(f"/issue/{key}/comment", params=parameters).json()
        assert answer["total"] == 3
        return [each["body"] for each in answer["comments"]]

    assert page() == ["one", "two", "three"]
    assert page(orderBy="-created", maxResults=2) == ["three", "two"]
    assert page(startAt=2) == ["three"]


def test_comments_cannot_be_ordered_by_anything_else(jira: Jira) -> None:
    assert jira.http.get(f"/issue/{jira.create()}/comment", params={"orderBy": "author"}).status_code == 400


def test_a_comment_carries_properties_from_its_creation(jira: Jira) -> None:
    body = {"body": "text", "properties": [{"key": "marker", "value": {"cause": "x"}}]}
    identity = jira.http.post(f"/issue/{jira.create()}/comment", json=body).json()["id"]
    assert jira.http.get(f"/comment/{identity}/properties/marker").json()["value"] == {"cause": "x"}
    assert jira.http.get(f"/comment/{identity}/properties/other").status_code == 404


def test_a_comment_says_who_may_see_it(jira: Jira) -> None:
    key = jira.create()
    visibility = {"type": "role", "value": "Administrators"}
    jira.http.post(f"/issue/{key}/comment", json={"body": "text", "visibility": visibility})
    [comment] = jira.http.get(f"/issue/{key}/comment").json()["comments"]
    assert comment["visibility"] == visibility


def test_comments_are_read_by_their_ids_with_properties(cloud: Jira) -> None:
    body = {"body": "text", "properties": [{"key": "marker", "value": 1}]}
    identity = cloud.http.post(f"/issue/{cloud.create()}/comment", json=body).json()["id"]
    wanted = {"ids": [int(identity), 1]}
    [comment] = cloud.http.post("/comment/list", params={"expand": "properties"}, json=wanted).json()["values"]
    assert comment["properties"] == [{"key": "marker", "value": 1}]


@pytest.mark.parametrize("body", [{"type": "doc"}, 5, "x" * 32_768])
def test_a_comment_that_is_no_text_of_version_2_is_400(jira: Jira, body: Any) -> None:
    assert jira.http.post(f"/issue/{jira.create()}/comment", json={"body": body}).status_code == 400


def test_an_empty_comment_is_400(jira: Jira) -> None:
    assert jira.http.post(f"/issue/{jira.create()}/comment", json={"body": " "}).status_code == 400


# Remote links


def link(title: str = "one", **more: Any) -> dict[str, Any]:
    return {"object": {"url": "http://one.example", "title": title}, **more}


def test_a_remote_link_with_a_global_id_is_created_once_and_then_updated(jira: Jira) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    first = jira.http.post(path, json=link("before", globalId="g", relationship="is"))
    second = jira.http.post(path, json=link("after", globalId="g"))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    [shown] = jira.http.get(path).json()
    assert shown["object"]["title"] == "after"
    assert "relationship" not in shown, "what an update leaves out is emptied"


def test_a_remote_link_without_a_global_id_is_always_a_new_one(jira: Jira) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    assert [jira.http.post(path, json=link()).status_code for _ in range(2)] == [201, 201]
    assert len(jira.http.get(path).json()) == 2


def test_a_remote_link_asked_for_by_its_global_id_is_an_object(jira: Jira) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    jira.http.post(path, json=link(globalId="system=x&id=1"))
    assert jira.http.get(path, params={"globalId": "system=x&id=1"}).json()["globalId"] == "system=x&id=1"
    assert jira.http.get(path, params={"globalId": "other"}).status_code == 404


def test_a_remote_link_is_deleted_by_its_global_id(jira: Jira) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    jira.http.post(path, json=link(globalId="g"))
    headers = {"Content-Type": "application/json"}
    assert jira.http.delete(path, params={"globalId": "g"}, headers=headers).status_code == 204
    assert jira.http.get(path).json() == []


def test_a_remote_link_is_read_and_deleted_by_its_id(jira: Jira) -> None:
    path = f"/issue/{jira.create()}/remotelink"
    identity = jira.http.post(path, json=link()).json()["id"]
    assert jira.http.get(f"{path}/{identity}").json()["object"]["title"] == "one"
    headers = {"Content-Type": "application/json"}
    assert jira.http.delete(f"{path}/{identity}", headers=headers).status_code == 204
    assert jira.http.get(f"{path}/{identity}").status_code == 404


@pytest.mark.parametrize("body", [{}, {"object": {"title": "no url"}}, link(globalId="x" * 256)])
def test_a_remote_link_that_jira_would_refuse_is_400(jira: Jira, body: dict[str, Any]) -> None:
    assert jira.http.post(f"/issue/{jira.create()}/remotelink", json=body).status_code == 400


# Bulk read


def test_bulk_read_leaves_out_what_is_not_there_and_sorts_by_id(cloud: Jira) -> None:
    first, second = cloud.create("first"), cloud.create("second")
    body = {"issueIdsOrKeys": [second, "999999", "SUP-99", first], "fields": ["summary"]}
    answer = cloud.http.post("/issue/bulkfetch", json=body).json()
    assert [each["key"] for each in answer["issues"]] == [first, second]
    assert answer["issueErrors"] == []


def test_more_than_100_are_not_read_at_once(cloud: Jira) -> None:
    body = {"issueIdsOrKeys": [str(number) for number in range(101)]}
    assert cloud.http.post("/issue/bulkfetch", json=body).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"issueIdsOrKeys": []}, {"issueIdsOrKeys": ["SUP-1"], "colour": 1},
     {"issueIdsOrKeys": ["SUP-1"], "expand": "changelog"}],
)  # fmt: skip
def test_a_bulk_read_that_jira_would_not_understand_is_400(cloud: Jira, body: dict[str, Any]) -> None:
    assert cloud.http.post("/issue/bulkfetch", json=body).status_code == 400


def test_bulk_read_embeds_the_newest_40_histories(cloud: Jira) -> None:
    key = cloud.create("0")
    for number in range(1, 43):
        cloud.http.put(f"/issue/{key}", json={"fields": {"summary": str(number)}})
    body = {"issueIdsOrKeys": [key], "fields": ["summary"], "expand": ["changelog"]}
    [issue] = cloud.http.post("/issue/bulkfetch", json=body).json()["issues"]
    shown = issue["changelog"]["histories"]
    assert (len(shown), issue["changelog"]["total"]) == (40, 42)
    assert shown[0]["items"][0]["toString"] == "42"


def test_there_is_no_bulk_read_on_data_center(data_center: Jira) -> None:
    response = data_center.http.post("/issue/bulkfetch", json={"issueIdsOrKeys": ["SUP-1"]})
    assert response.status_code == 404
