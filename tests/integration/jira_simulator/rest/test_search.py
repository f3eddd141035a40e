"""Search over HTTP: the differences between the flavours, and an index that lags behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import SiteClient


@pytest.mark.defect(23)
def test_the_removed_search_of_cloud_is_gone_and_data_center_has_no_other(
    cloud: SiteClient, data_center: SiteClient
) -> None:
    removed = cloud.http.get("/search", params={"jql": "project = SUP"})
    assert removed.status_code == 410
    assert "/rest/api/3/search/jql" in removed.json()["errorMessages"][0]
    data_center.create()
    assert data_center.http.get("/search/jql", params={"jql": "project = SUP"}).status_code == 404
    page = data_center.http.get("/search", params={"jql": "project = SUP"}).json()
    assert (page["total"], page["startAt"], len(page["issues"])) == (1, 0, 1)


def test_cloud_pages_by_token_and_tells_no_total(cloud: SiteClient) -> None:
    keys = [cloud.create() for _ in range(5)]
    seen: list[str] = []
    pages: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while not pages or not pages[-1]["isLast"]:
        page = cloud.search("project = SUP ORDER BY key", fields=["key"], maxResults=2, **token).json()
        pages.append(page)
        seen += [issue["key"] for issue in page["issues"]]
        token = {"nextPageToken": page["nextPageToken"]} if "nextPageToken" in page else {}
    assert seen == keys
    assert ["nextPageToken" in page for page in pages] == [True, True, False]
    assert not any("total" in page for page in pages)


def test_cloud_pages_by_token_with_get_too(cloud: SiteClient) -> None:
    created = [cloud.create() for _ in range(6)]
    keys, token, pages = [], None, 0
    while True:
        parameters = {"jql": "project = SUP ORDER BY key", "fields": "updated", "maxResults": 2}
        page = cloud.http.get("/search/jql", params=parameters | ({"nextPageToken": token} if token else {})).json()
        keys += [issue["key"] for issue in page["issues"]]
        pages += 1
        token = page.get("nextPageToken")
        assert page["isLast"] is (token is None)
        assert "total" not in page
        if token is None:
            break
    assert (keys, pages) == (created, 3)


def test_a_page_can_be_asked_for_again(cloud: SiteClient) -> None:
    for _ in range(3):
        cloud.create()
    token = cloud.search("project = SUP", maxResults=2).json()["nextPageToken"]
    pages = [cloud.search("project = SUP", maxResults=2, nextPageToken=token).json() for _ in range(2)]
    assert pages[0] == pages[1]


def test_a_page_token_belongs_to_its_query(cloud: SiteClient) -> None:
    for _ in range(3):
        cloud.create()
    token = cloud.search("project = SUP", maxResults=2).json()["nextPageToken"]
    assert cloud.search("project = DEV", maxResults=2, nextPageToken=token).status_code == 400


def test_cloud_shows_only_ids_unless_fields_are_asked_for(cloud: SiteClient) -> None:
    cloud.create()
    pages = [cloud.search("project = SUP"), cloud.http.get("/search/jql", params={"jql": "project = SUP"})]
    for page in pages:
        [issue] = page.json()["issues"]
        assert set(issue) == {"id"}


def test_cloud_refuses_a_query_without_a_restriction(cloud: SiteClient) -> None:
    assert cloud.search("ORDER BY key").status_code == 400


def _fields() -> dict[str, Any]:
    return {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s"}


def test_a_page_with_many_fields_is_shorter_than_asked_for(cloud: SiteClient) -> None:
    body = {"issueUpdates": [{"fields": _fields()} for _ in range(50)]}
    for _ in range(3):
        cloud.http.post("/issue/bulk", json=body)
    assert len(cloud.search("project = SUP", fields=["*all"], maxResults=5000).json()["issues"]) == 100
    assert len(cloud.search("project = SUP", fields=["updated"], maxResults=5000).json()["issues"]) == 150


def test_data_center_pages_by_offset_with_a_total(data_center: SiteClient) -> None:
    keys = [data_center.create() for _ in range(3)]
    page = data_center.search("project = SUP ORDER BY key", startAt=1, maxResults=1, fields=["key"]).json()
    assert [issue["key"] for issue in page["issues"]] == keys[1:2]
    assert (page["startAt"], page["maxResults"], page["total"]) == (1, 1, 3)


def test_data_center_limits_a_page_to_1000_without_an_error(data_center: SiteClient) -> None:
    assert data_center.search("project = SUP", maxResults=5000).json()["maxResults"] == 1000


def test_data_center_search_embeds_the_history(data_center: SiteClient) -> None:
    key = data_center.create()
    data_center.move(key, "Will Do")
    [issue] = data_center.search("project = SUP", expand=["changelog"]).json()["issues"]
    assert issue["changelog"]["histories"][0]["items"][0]["toString"] == "Will Do"


def test_a_query_by_get_finds_the_same_as_by_post(jira: SiteClient) -> None:
    key = jira.create()
    path = "/search/jql" if jira.is_cloud else "/search"
    page = jira.http.get(path, params={"jql": "project = SUP", "fields": "key,updated", "maxResults": 10}).json()
    assert [issue["key"] for issue in page["issues"]] == [key]


@pytest.mark.parametrize("size", [0, -1])
def test_the_last_page_is_reached_with_a_page_size_below_one(cloud: SiteClient, size: int) -> None:
    cloud.create()
    assert cloud.search("project = SUP", maxResults=size).json()["isLast"] is True


def test_cloud_accepts_expand_only_as_text(cloud: SiteClient) -> None:
    assert cloud.search("project = SUP", expand=["changelog"]).status_code == 400


# Queries. What JQL finds is tested without HTTP, too.


@pytest.mark.parametrize(
    ("jql", "keys"),
    [
        ("project = sup", ["SUP-1"]),
        ('project in (DEV, "SUP") AND NOT status = Open', ["SUP-1"]),
        ("status = 'will do' OR key = SUP-1", ["SUP-1"]),
        ("status != Open", ["SUP-1"]),
        ("status not in (Open, Resolved)", ["SUP-1"]),
        ("labels = a AND labels in (a, b) AND labels IS NOT EMPTY", ["SUP-1"]),
        ("labels is empty", []),
        ("creator = currentUser() AND updated >= -5m", ["SUP-1"]),
        ("key > SUP-1", []),
        ("key >= SUP-1 ORDER BY updated DESC, key ASC", ["SUP-1"]),
    ],
)
def test_a_query_by_get_finds(ann, jql: str, keys: list[str]) -> None:
    answer = ann.http.get("/search/jql", params={"jql": jql, "fields": "updated,key"}).json()
    assert [issue["key"] for issue in answer["issues"]] == keys


def found_by(person: Any, jql: str) -> list[str]:
    answer = person.http.get("/search/jql", params={"jql": jql, "fields": "updated,key"})
    answer.raise_for_status()
    return [issue["key"] for issue in answer.json()["issues"]]


def test_a_quoted_time_is_read_in_the_caller_s_time_zone_and_an_unquoted_number_is_absolute(ann, control) -> None:
    created = ann.http.get("/issue/SUP-1?fields=created").json()["fields"]["created"]
    minute = created[:16].replace("T", " ")
    quoted = f'project = SUP AND created >= "{minute}"'
    with control.person("cloud", "far@example.com", "far-token") as far:
        assert (found_by(ann, quoted), found_by(far, quoted)) == (["SUP-1"], ["SUP-1"])
        assert found_by(far, "project = SUP AND created < 4102444800000") == ["SUP-1"]
        # Auckland is ahead: this very minute is half a day away there.
        assert found_by(far, quoted.replace(">=", "<")) == []
        assert found_by(far, f'project = SUP AND created <= "{minute}"') == []


@pytest.mark.parametrize(
    "jql",
    [
        "project = NOPE",
        "status = Nope",
        "flavour = sweet",
        "project =",
        "project ~ SUP",
        "project = SUP AND",
        "status > Open",
        "updated >= soon",
        "key > SUP-999",
        "project = SUP ORDER BY a",
        "project = SUP; DROP",
        "issue.property[x].y = 1",
    ],
)
def test_a_wrong_query_is_400_with_messages(jira: SiteClient, jql: str) -> None:
    response = jira.search(jql)
    assert response.status_code == 400
    assert response.json()["errorMessages"]


def test_a_query_may_name_a_status_by_its_id(jira: SiteClient) -> None:
    key, _ = jira.create(), jira.create(project="DEV")
    status = jira.read(key)["fields"]["status"]["id"]
    assert jira.found(f"status = {status}") == [key]
    assert jira.search("status = 1").status_code == 400


def test_a_relative_time_is_counted_back_from_each_search(jira: SiteClient) -> None:
    key = jira.create()
    assert jira.found("created >= -5m") == [key]
    jira.control.clock(jira.name, 3600)
    assert jira.found("created >= -5m") == []


# Properties


def create_with_properties(jira: SiteClient, **properties: Any) -> str:
    key = jira.create()
    for name, value in properties.items():
        jira.http.put(f"/issue/{key}/properties/{name}", json=value).raise_for_status()
    return key


@pytest.mark.parametrize("fields", ["id", "key,updated", "*all"])
def test_search_shows_the_properties_that_are_asked_for_and_exist(cloud: SiteClient, fields: str) -> None:
    create_with_properties(cloud, mark={"of": 1}, other=2)
    create_with_properties(cloud)
    parameters = {"jql": "project = SUP ORDER BY key", "fields": fields, "properties": "mark,missing"}
    page = cloud.http.get("/search/jql", params=parameters).json()
    assert [issue["properties"] for issue in page["issues"]] == [{"mark": {"of": 1}}, {}]


def test_the_search_of_data_center_shows_no_properties(data_center: SiteClient) -> None:
    create_with_properties(data_center, mark=1)
    [issue] = data_center.http.get("/search", params={"jql": "project = SUP", "properties": "mark"}).json()["issues"]
    assert "properties" not in issue


def test_a_query_by_post_names_properties_in_a_list(cloud: SiteClient) -> None:
    create_with_properties(cloud, mark=1)
    [issue] = cloud.search("project = SUP", properties=["mark"]).json()["issues"]
    assert issue["properties"] == {"mark": 1}


def test_cloud_accepts_properties_only_as_a_list(cloud: SiteClient) -> None:
    assert cloud.search("project = SUP", properties="mark").status_code == 400


def test_search_shows_no_properties_unless_asked_for(jira: SiteClient) -> None:
    create_with_properties(jira, mark=1)
    [issue] = jira.search("project = SUP", fields=["key"]).json()["issues"]
    assert "properties" not in issue


@pytest.mark.parametrize(("count", "status"), [(5, 200), (6, 400)])
def test_search_shows_five_properties_at_most(cloud: SiteClient, count: int, status: int) -> None:
    assert cloud.search("project = SUP", properties=list("abcdef")[:count]).status_code == status


@pytest.mark.parametrize("fields", [["id"], ["updated"]])
def test_an_issue_that_is_deleted_but_indexed_has_no_properties(cloud: SiteClient, fields: list[str]) -> None:
    key = create_with_properties(cloud, mark=1)
    cloud.control.index(cloud.name, hold=True)
    cloud.control.delete(cloud.name, key)
    [found] = cloud.search("project = SUP", fields=fields, properties=["mark"]).json()["issues"]
    assert found["properties"] == {}


# The index


def test_a_change_between_two_pages_of_a_query_shows_on_the_second(cloud: SiteClient) -> None:
    keys = [cloud.create() for _ in range(3)]
    first = cloud.search("project = SUP ORDER BY key", fields=["key"], maxResults=2).json()
    cloud.control.delete("cloud", keys[2])
    query = {"fields": ["key"], "maxResults": 2, "nextPageToken": first["nextPageToken"]}
    last = cloud.search("project = SUP ORDER BY key", **query).json()
    assert (last["issues"], last["isLast"]) == ([], True)


def test_while_the_index_lags_search_misses_an_issue_that_a_direct_read_shows(jira: SiteClient) -> None:
    jira.control.index(jira.name, lag=3600)
    key = jira.create()
    assert jira.found("project = SUP") == []
    assert jira.read(key)["key"] == key
    jira.control.index(jira.name, lag=0)
    assert jira.found("project = SUP") == [key]


def test_while_the_index_is_held_search_misses_an_issue_that_a_direct_read_shows(jira: SiteClient) -> None:
    old = jira.create()
    jira.control.index(jira.name, hold=True)
    new = jira.create()
    assert jira.found("project = SUP") == [old]
    assert jira.http.get(f"/issue/{new}").status_code == 200
    jira.control.index(jira.name, hold=False)
    assert jira.found("project = SUP") == [old, new]


def test_while_the_index_is_held_search_on_cloud_shows_the_old_time(cloud: SiteClient) -> None:
    key = cloud.create()
    before = cloud.read(key)["fields"]["updated"]
    cloud.control.index("cloud", hold=True)
    cloud.http.post(f"/issue/{key}/comment", json={"body": "text"})
    [issue] = cloud.search("project = SUP", fields=["updated"]).json()["issues"]
    body = {"issueIdsOrKeys": [key], "fields": ["updated"]}
    [truth] = cloud.http.post("/issue/bulkfetch", json=body).json()["issues"]
    assert issue["fields"]["updated"] == before
    assert truth["fields"]["updated"] > before


def test_a_deleted_issue_that_is_still_indexed_is_found_with_its_fields(jira: SiteClient) -> None:
    key = jira.create()
    jira.control.index(jira.name, hold=True)
    jira.control.delete(jira.name, key)
    [found] = jira.search("project = SUP", fields=["updated"]).json()["issues"]
    assert found["key"] == key
    assert found["fields"]["updated"]
    assert jira.http.get(f"/issue/{key}").status_code == 404


def test_an_issue_can_be_hidden_from_search_for_some_seconds(jira: SiteClient, wait_until: Callable[..., Any]) -> None:
    first, second = jira.create(), jira.create()
    jira.control.index(jira.name, hideFor={first: 3600, second: 0.05})
    assert first not in jira.found("project = SUP")
    wait_until(lambda: jira.found("project = SUP") == [second], "the second issue")


def test_an_issue_can_be_hidden_from_search_until_it_is_shown(jira: SiteClient) -> None:
    first, second = jira.create(), jira.create()
    jira.control.index(jira.name, hide=[first])
    assert jira.found("project = SUP") == [second]
    assert jira.http.get(f"/issue/{first}").status_code == 200
    jira.control.index(jira.name, show=[first])
    assert set(jira.found("project = SUP")) == {first, second}


# What Data Center's search counts, compares and gives at the most


def test_data_center_gives_no_results_beyond_its_window(data_center: SiteClient) -> None:
    for _ in range(5):
        data_center.create()
    data_center.control.settings("data-center", resultWindow=4)
    statuses = [data_center.search("project = SUP", startAt=start, maxResults=2).status_code for start in (0, 2, 3)]
    assert statuses == [200, 200, 500]


def test_a_document_of_the_index_without_an_issue_counts_and_takes_a_place_and_is_not_shown(
    data_center: SiteClient,
) -> None:
    keys = [data_center.create() for _ in range(4)]
    data_center.control.index("data-center", orphan=[keys[1]])
    page = data_center.search("project = SUP ORDER BY key ASC", maxResults=3).json()
    assert (page["total"], [issue["key"] for issue in page["issues"]]) == (4, [keys[0], keys[2]])


def test_a_total_may_be_wrong(data_center: SiteClient) -> None:
    data_center.create()
    data_center.control.fault("data-center", "wrong_total", extra=7)
    assert data_center.search("project = SUP").json()["total"] == 8


def test_keys_are_compared_within_one_project_and_only_with_that_of_an_issue_that_is_there(jira: SiteClient) -> None:
    first, second, third = (jira.create() for _ in range(3))
    jira.create(project="DEV")
    assert jira.found(f'key > "{first}" ORDER BY key ASC') == [second, third]
    jira.control.delete(jira.name, second)
    moved = jira.control.move(jira.name, third, "DEV")
    statuses = [jira.search(f'key > "{key}"').status_code for key in (first, second, third, moved)]
    assert statuses == [200, 400, 400, 200]


def test_an_id_that_is_gone_fails_a_search_that_is_validated(data_center: SiteClient) -> None:
    kept, gone = data_center.create(), data_center.create()
    ids = [data_center.read(key)["id"] for key in (kept, gone)]
    data_center.control.delete("data-center", gone)
    jql = f"id in ({', '.join(ids)})"
    assert data_center.search(jql).status_code == 400
    (found,) = data_center.search(jql, validateQuery=False).json()["issues"]
    assert found["key"] == kept


def test_an_issue_may_be_made_with_old_dates_as_an_import_makes_it(jira: SiteClient) -> None:
    new = jira.create()
    (old,) = jira.control.create_many(jira.name, "SUP", 1, ago=30 * 24 * 3600, status="Will Do")
    assert jira.found("updated >= -1d") == [new]
    assert jira.found("created < -20d") == [old]
