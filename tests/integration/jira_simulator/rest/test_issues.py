"""Issues over HTTP, on both flavours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


def fields(**changes: Any) -> dict[str, Any]:
    return {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s", **changes}


# Creation


def test_a_created_issue_has_the_fields_it_was_created_with(jira: SiteClient) -> None:
    key = jira.create("A thing", description="h1. Wiki", labels=["b", "a"], priority={"name": "High"})
    shown = jira.read(key)["fields"]
    assert (shown["summary"], shown["description"]) == ("A thing", "h1. Wiki")
    assert set(shown["labels"]) == {"a", "b"}
    assert shown["priority"]["name"] == "High"
    assert shown["status"]["name"] == "Open"


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
def test_a_refused_creation_names_the_wrong_field(jira: SiteClient, change: dict[str, Any], wrong: str) -> None:
    response = jira.http.post("/issue", json={"fields": fields(**change)})
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [wrong]


def test_a_bulk_creation_numbers_the_issues_that_failed(jira: SiteClient) -> None:
    wanted = [fields(summary="one"), fields(summary=""), fields(summary="three")]
    response = jira.http.post("/issue/bulk", json={"issueUpdates": [{"fields": draft} for draft in wanted]})
    answer = response.json()
    assert response.status_code == 201
    assert [jira.read(issue["key"])["fields"]["summary"] for issue in answer["issues"]] == ["one", "three"]
    assert [error["failedElementNumber"] for error in answer["errors"]] == [1]


def test_a_bulk_creation_of_which_all_fail_is_400(jira: SiteClient) -> None:
    response = jira.http.post("/issue/bulk", json={"issueUpdates": [{"fields": fields(summary="")}]})
    assert response.status_code == 400


def test_a_bulk_creation_of_more_than_50_issues_is_400(jira: SiteClient) -> None:
    response = jira.http.post("/issue/bulk", json={"issueUpdates": [{"fields": fields()}] * 51})
    assert response.status_code == 400
    assert jira.found("project = SUP") == []


@pytest.mark.parametrize("path", ["/issue", "/issue/bulk"])
def test_a_body_of_another_type_than_json_is_415(jira: SiteClient, path: str) -> None:
    assert jira.http.post(path, content="summary=s", headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_body_without_a_type_is_415_and_one_that_is_not_valid_json_is_400(jira: SiteClient) -> None:
    assert jira.http.post("/issue", content=b"x").status_code == 415
    assert jira.http.post("/issue", content=b"x", headers={"Content-Type": "application/json"}).status_code == 400


# Reading


def test_an_issue_is_read_by_id_and_by_key(jira: SiteClient) -> None:
    key = jira.create()
    assert jira.read(jira.read(key)["id"])["key"] == key


def test_only_the_fields_that_are_asked_for_are_shown(jira: SiteClient) -> None:
    assert set(jira.read(jira.create(), fields="summary,status")["fields"]) == {"summary", "status"}


def test_times_are_in_the_time_zone_of_the_caller(cloud: SiteClient) -> None:
    key = cloud.create()
    with cloud.visitor(auth=("yuki@example.com", "yuki-token")) as yuki:
        seen = yuki.get(f"/issue/{key}").json()["fields"]["created"]
    assert seen.endswith("+0900")
    assert cloud.read(key)["fields"]["created"].endswith("+0000")


def test_an_unknown_issue_is_404(jira: SiteClient) -> None:
    assert jira.http.get("/issue/SUP-99").status_code == 404


@pytest.mark.parametrize("path", ["/nonsense", "/issue/SUP-99"])
def test_an_unknown_path_or_issue_is_404_in_json(jira: SiteClient, path: str) -> None:
    response = jira.http.get(path)
    assert response.status_code == 404
    assert response.json()["errorMessages"]


def test_a_moved_issue_keeps_its_id_and_is_found_by_its_old_key(jira: SiteClient) -> None:
    key = jira.create()
    issue_id = jira.read(key)["id"]
    new_key = jira.control.move(jira.name, key, "DEV")
    moved = jira.read(key)
    assert moved["key"] == new_key == "DEV-1"
    assert moved["id"] == issue_id
    assert jira.found("project = SUP") == []


def test_a_deleted_issue_is_404(jira: SiteClient) -> None:
    key = jira.create()
    assert jira.http.delete(f"/issue/{key}").status_code == 204
    assert jira.http.get(f"/issue/{key}").status_code == 404


# Edits and transitions


def test_an_edit_changes_fields_and_is_in_the_history(jira: SiteClient) -> None:
    key = jira.create("before")
    assert jira.http.put(f"/issue/{key}", json={"fields": {"summary": "after"}}).status_code == 204
    issue = jira.read(key, expand="changelog")
    [item] = issue["changelog"]["histories"][0]["items"]
    assert issue["fields"]["summary"] == "after"
    assert (item["field"], item["fromString"], item["toString"]) == ("summary", "before", "after")


def test_labels_are_added_and_removed_without_naming_the_others(jira: SiteClient) -> None:
    key = jira.create(labels=["keep", "drop"])
    jira.http.put(f"/issue/{key}", json={"update": {"labels": [{"add": "new"}, {"remove": "drop"}]}})
    assert set(jira.read(key)["fields"]["labels"]) == {"keep", "new"}


def test_transitions_tell_the_fields_of_their_screens_when_asked_for(jira: SiteClient) -> None:
    path = f"/issue/{jira.create(project='RES')}/transitions"
    assert all("fields" not in transition for transition in jira.http.get(path).json()["transitions"])
    found = jira.http.get(path, params={"expand": "transitions.fields"}).json()["transitions"]
    assert {transition["name"]: list(transition["fields"]) for transition in found} == {
        "Finish": ["resolution"],
        "Start": [],
    }
    assert found[0]["fields"]["resolution"]["required"]


def test_only_the_transitions_from_the_present_status_are_listed(jira: SiteClient) -> None:
    key = jira.create()
    listed = {
        transition["to"]["name"] for transition in jira.http.get(f"/issue/{key}/transitions").json()["transitions"]
    }
    assert "Will Do" in listed
    assert "Reopened" not in listed
    assert {transition["to"]["name"] for transition in jira.read(key, expand="transitions")["transitions"]} == listed


def test_only_the_transitions_from_the_present_status_can_be_made(ann):
    names = {transition["to"]["name"] for transition in ann.http.get("/issue/SUP-1/transitions").json()["transitions"]}
    assert names == {"In Progress", "Resolved", "Cancelled"}
    assert ann.http.post("/issue/SUP-1/transitions", json={"transition": {"id": "999"}}).status_code == 400
    ann.move("SUP-1", "Resolved")
    with pytest.raises(LookupError):
        ann.move("SUP-1", "Will Do")


def test_a_transition_changes_the_status(jira: SiteClient) -> None:
    key = jira.create()
    assert jira.move(key, "Will Do").status_code == 204
    assert jira.read(key)["fields"]["status"]["name"] == "Will Do"


def test_a_transition_that_does_not_exist_is_400(jira: SiteClient) -> None:
    key = jira.create()
    response = jira.http.post(f"/issue/{key}/transitions", json={"transition": {"id": "9999"}})
    assert response.status_code == 400
    assert jira.read(key)["fields"]["status"]["name"] == "Open"


def test_a_transition_without_its_required_field_is_400(jira: SiteClient) -> None:
    key = jira.create(project="RES")
    assert jira.move(key, "Done").json()["errors"] == {"resolution": "Resolution is required."}
    assert jira.move(key, "Done", resolution={"name": "Done"}).status_code == 204


# History


def test_cloud_embeds_the_newest_history_first_and_data_center_the_oldest(jira: SiteClient) -> None:
    key = jira.create("1")
    for summary in ("2", "3"):
        jira.http.put(f"/issue/{key}", json={"fields": {"summary": summary}})
    shown = jira.read(key, expand="changelog")["changelog"]["histories"]
    assert [entry["items"][0]["toString"] for entry in shown] == (["3", "2"] if jira.is_cloud else ["2", "3"])


def test_the_changelog_has_pages_on_cloud_with_the_oldest_entry_first(cloud: SiteClient) -> None:
    key = cloud.create("1")
    for summary in ("2", "3", "4"):
        cloud.http.put(f"/issue/{key}", json={"fields": {"summary": summary}})
    page = cloud.http.get(f"/issue/{key}/changelog", params={"startAt": 1, "maxResults": 1}).json()
    assert [entry["items"][0]["toString"] for entry in page["values"]] == ["3"]
    assert (page["total"], page["isLast"]) == (3, False)


def test_there_is_no_changelog_resource_on_data_center(data_center: SiteClient) -> None:
    assert data_center.http.get(f"/issue/{data_center.create()}/changelog").status_code == 404


# Bulk read


def test_a_bulk_read_leaves_out_unknown_issues_and_sorts_by_id(cloud: SiteClient) -> None:
    first, second = cloud.create("first"), cloud.create("second")
    body = {"issueIdsOrKeys": [second, "999999", "SUP-99", first], "fields": ["summary"]}
    answer = cloud.http.post("/issue/bulkfetch", json=body).json()
    assert [issue["key"] for issue in answer["issues"]] == [first, second]
    assert answer["issueErrors"] == []


def test_a_bulk_read_of_more_than_100_issues_is_400(cloud: SiteClient) -> None:
    body = {"issueIdsOrKeys": [str(number) for number in range(101)]}
    assert cloud.http.post("/issue/bulkfetch", json=body).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"issueIdsOrKeys": []}, {"issueIdsOrKeys": ["SUP-1"], "colour": 1},
     {"issueIdsOrKeys": ["SUP-1"], "expand": "changelog"}],
)  # fmt: skip
def test_a_bulk_read_that_jira_would_not_understand_is_400(cloud: SiteClient, body: dict[str, Any]) -> None:
    assert cloud.http.post("/issue/bulkfetch", json=body).status_code == 400


def test_a_bulk_read_embeds_the_newest_40_history_entries(cloud: SiteClient) -> None:
    key = cloud.create("0")
    for number in range(1, 43):
        cloud.http.put(f"/issue/{key}", json={"fields": {"summary": str(number)}})
    body = {"issueIdsOrKeys": [key], "fields": ["summary"], "expand": ["changelog"]}
    [issue] = cloud.http.post("/issue/bulkfetch", json=body).json()["issues"]
    shown = issue["changelog"]["histories"]
    assert (len(shown), issue["changelog"]["total"]) == (40, 42)
    assert shown[0]["items"][0]["toString"] == "42"


def test_there_is_no_bulk_read_on_data_center(data_center: SiteClient) -> None:
    response = data_center.http.post("/issue/bulkfetch", json={"issueIdsOrKeys": ["SUP-1"]})
    assert response.status_code == 404
