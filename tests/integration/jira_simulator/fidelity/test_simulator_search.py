"""Search over HTTP: what differs between the flavours, and an index that is not the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Jira


def test_the_old_search_is_gone_on_cloud(cloud: Jira) -> None:
    response = cloud.http.get("/search", params={"jql": "project = SUP"})
    assert response.status_code == 410
    assert "/rest/api/3/search/jql" in response.json()["errorMessages"][0]


def test_there_is_no_new_search_on_data_center(data_center: Jira) -> None:
    assert data_center.http.get("/search/jql", params={"jql": "project = SUP"}).status_code == 404


def test_cloud_pages_by_token_and_says_no_total(cloud: Jira) -> None:
    keys = [cloud.create() for _ in range(5)]
    seen: list[str] = []
    pages: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while not pages or not pages[-1]["isLast"]:
        page = cloud.search("project = SUP ORDER BY key", fields=["key"], maxResults=2, **token).json()
        pages.append(page)
        seen += [each["key"] for each in page["issues"]]
        token = {"nextPageToken": page["nextPageToken"]} if "nextPageToken" in page else {}
    assert seen == keys
    assert ["nextPageToken" in page for page in pages] == [True, True, False]
    assert not any("total" in page for page in pages)


def test_a_page_can_be_asked_for_again(cloud: Jira) -> None:
    for _ in range(3):
        cloud.create()
    token = cloud.search("project = SUP", maxResults=2).json()["nextPageToken"]
    pages = [cloud.search("project = SUP", maxResults=2, nextPageToken=token).json() for _ in range(2)]
    assert pages[0] == pages[1]


def test_a_token_is_good_for_its_own_query_only(cloud: Jira) -> None:
    for _ in range(3):
        cloud.create()
    token = cloud.search("project = SUP", maxResults=2).json()["nextPageToken"]
    assert cloud.search("project = DEV", maxResults=2, nextPageToken=token).status_code == 400


def test_cloud_shows_the_id_alone_unless_asked_for_more(cloud: Jira) -> None:
    cloud.create()
    [issue] = cloud.search("project = SUP").json()["issues"]
    assert set(issue) == {"id"}


def test_cloud_refuses_a_query_without_a_restriction(cloud: Jira) -> None:
    assert cloud.search("ORDER BY key").status_code == 400


def test_a_page_with_many_fields_is_shorter_than_asked_for(cloud: Jira) -> None:
    body = {"issueUpdates": [{"fields": _fields()} for _ in range(50)]}
    for _ in range(3):
        cloud.http.post("/issue/bulk", json=body)
    assert len(cloud.search("project = SUP", fields=["*all"], maxResults=5000).json()["issues"]) == 100
    assert len(cloud.search("project = SUP", fields=["updated"], maxResults=5000).json()["issues"]) == 150


def _fields() -> dict[str, Any]:
    return {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s"}


def test_data_center_pages_by_offset_with_a_total(data_center: Jira) -> None:
    keys = [data_center.create() for _ in range(3)]
    page = data_center.search("project = SUP ORDER BY key", startAt=1, maxResults=1, fields=["key"]).json()
    assert [each["key"] for each in page["issues"]] == keys[1:2]
    assert (page["startAt"], page["maxResults"], page["total"]) == (1, 1, 3)


def test_data_center_caps_a_page_at_1000_without_a_word(data_center: Jira) -> None:
    assert data_center.search("project = SUP", maxResults=5000).json()["maxResults"] == 1000


def test_data_center_search_embeds_the_history(data_center: Jira) -> None:
    key = data_center.create()
    data_center.move(key, "Will Do")
    [issue] = data_center.search("project = SUP", expand=["changelog"]).json()["issues"]
    assert issue["changelog"]["histories"][0]["items"][0]["toString"] == "Will Do"


def test_a_query_by_get_is_the_same_as_by_post(jira: Jira) -> None:
    key = jira.create()
    path = "/search/jql" if jira.is_cloud else "/search"
    page = jira.http.get(path, params={"jql": "project = SUP", "fields": "key,updated", "maxResults": 10}).json()
    assert [each["key"] for each in page["issues"]] == [key]


@pytest.mark.parametrize("jql", ["project = NOPE", "status = Nope", "flavour = sweet", "project ="])
def test_a_wrong_query_is_400_with_messages(jira: Jira, jql: str) -> None:
    response = jira.search(jql)
    assert response.status_code == 400
    assert response.json()["errorMessages"]


# Properties


def with_properties(jira: Jira, **properties: Any) -> str:
    key = jira.create()
    for name, value in properties.items():
        jira.http.put(f"/issue/{key}/properties/{name}", json=value).raise_for_status()
    return key


@pytest.mark.parametrize("fields", ["id", "key,updated", "*all"])
def test_search_shows_the_properties_that_are_asked_for_and_that_are_there(cloud: Jira, fields: str) -> None:
    with_properties(cloud, mark={"of": 1}, other=2)
    with_properties(cloud)
    parameters = {"jql": "project = SUP ORDER BY key", "fields": fields, "properties": "mark,missing"}
    page = cloud.http.get("/search/jql", params=parameters).json()
    assert [each["properties"] for each in page["issues"]] == [{"mark": {"of": 1}}, {}]


def test_the_search_of_data_center_shows_no_properties(data_center: Jira) -> None:
    with_properties(data_center, mark=1)
    [issue] = data_center.http.get("/search", params={"jql": "project = SUP", "properties": "mark"}).json()["issues"]
    assert "properties" not in issue


def test_a_query_by_post_names_properties_in_a_list(cloud: Jira) -> None:
    with_properties(cloud, mark=1)
    [issue] = cloud.search("project = SUP", properties=["mark"]).json()["issues"]
    assert issue["properties"] == {"mark": 1}


def test_cloud_wants_properties_as_a_list(cloud: Jira) -> None:
    assert cloud.search("project = SUP", properties="mark").status_code == 400


def test_search_shows_no_properties_unless_asked_for(jira: Jira) -> None:
    with_properties(jira, mark=1)
    [issue] = jira.search("project = SUP", fields=["key"]).json()["issues"]
    assert "properties" not in issue


@pytest.mark.parametrize(("count", "status"), [(5, 200), (6, 400)])
def test_search_shows_five_properties_at_most(cloud: Jira, count: int, status: int) -> None:
    assert cloud.search("project = SUP", properties=list("abcdef")[:count]).status_code == status


@pytest.mark.parametrize("fields", [["id"], ["updated"]])
def test_an_issue_that_is_deleted_but_indexed_has_no_properties(cloud: Jira, fields: list[str]) -> None:
    key = with_properties(cloud, mark=1)
    cloud.control.index(cloud.name, hold=True)
    cloud.control.delete(cloud.name, key)
    [found] = cloud.search("project = SUP", fields=fields, properties=["mark"]).json()["issues"]
    assert found["properties"] == {}


# The index


def test_a_period_is_counted_back_from_now_each_time(jira: Jira) -> None:
    key = jira.create()
    assert jira.found("created >= -5m") == [key]
    jira.control.clock(jira.name, 3600)
    assert jira.found("created >= -5m") == []


def test_the_pages_of_a_query_follow_what_happens_meanwhile(cloud: Jira) -> None:
    keys = [cloud.create() for _ in range(3)]
    first = cloud.search("project = SUP ORDER BY key", fields=["key"], maxResults=2).json()
    cloud.control.delete("cloud", keys[2])
    query = {"fields": ["key"], "maxResults": 2, "nextPageToken": first["nextPageToken"]}
    last = cloud.search("project = SUP ORDER BY key", **query).json()
    assert (last["issues"], last["isLast"]) == ([], True)


def test_while_the_index_lags_search_misses_what_a_direct_read_shows(jira: Jira) -> None:
    jira.control.index(jira.name, lag=3600)
    key = jira.create()
    assert jira.found("project = SUP") == []
    assert jira.read(key)["key"] == key
    jira.control.index(jira.name, lag=0)
    assert jira.found("project = SUP") == [key]


def test_while_the_index_is_held_search_on_cloud_tells_the_old_time(cloud: Jira) -> None:
    key = cloud.create()
    before = cloud.read(key)["fields"]["updated"]
    cloud.control.index("cloud", hold=True)
    cloud.http.post(f"/issue/{key}/comment", json={"body": "text"})
    [issue] = cloud.search("project = SUP", fields=["updated"]).json()["issues"]
    body = {"issueIdsOrKeys": [key], "fields": ["updated"]}
    [truth] = cloud.http.post("/issue/bulkfetch", json=body).json()["issues"]
    assert issue["fields"]["updated"] == before
    assert truth["fields"]["updated"] > before


def test_a_deleted_issue_that_is_still_indexed_is_found_with_its_fields(jira: Jira) -> None:
    key = jira.create()
    jira.control.index(jira.name, hold=True)
    jira.control.delete(jira.name, key)
    [found] = jira.search("project = SUP", fields=["updated"]).json()["issues"]
    assert found["key"] == key
    assert found["fields"]["updated"]
    assert jira.http.get(f"/issue/{key}").status_code == 404


@pytest.mark.parametrize("size", [0, -1])
def test_the_last_page_comes_however_small_the_pages(cloud: Jira, size: int) -> None:
    cloud.create()
    assert cloud.search("project = SUP", maxResults=size).json()["isLast"] is True


def test_cloud_wants_what_to_expand_as_text(cloud: Jira) -> None:
    assert cloud.search("project = SUP", expand=["changelog"]).status_code == 400


def test_an_issue_can_vanish_from_search_for_so_long(jira: Jira, wait_until: Callable[..., Any]) -> None:
    first, second = jira.create(), jira.create()
    jira.control.index(jira.name, hideFor={first: 3600, second: 0.05})
    assert first not in jira.found("project = SUP")
    wait_until(lambda: jira.found("project = SUP") == [second], "the second issue")


def test_an_issue_can_vanish_from_search_for_a_while(jira: Jira) -> None:
    first, second = jira.create(), jira.create()
    jira.control.index(jira.name, hide=[first])
    assert jira.found("project = SUP") == [second]
    assert jira.http.get(f"/issue/{first}").status_code == 200
    jira.control.index(jira.name, show=[first])
    assert set(jira.found("project = SUP")) == {first, second}


def test_a_status_is_found_by_its_id_too(jira: Jira) -> None:
    key, _ = jira.create(), jira.create(project="DEV")
    status = jira.read(key)["fields"]["status"]["id"]
    assert jira.found(f"status = {status}") == [key]
    assert jira.search("status = 1").status_code == 400
