"""Each kind of fault, and whether the request is carried out nevertheless."""

from __future__ import annotations

import threading
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import SiteClient


BODY = {"fields": {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s"}}
CREATING = {"method": "POST", "path": "/issue$"}
PER_ISSUE = {"size": 2, "seconds": 3600}


# Broken connections


def test_drop_before_a_create_leaves_nothing(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "drop_before", **CREATING)
    with pytest.raises(httpx.TransportError):
        jira.http.post("/issue", json=BODY)
    assert jira.control.issues(jira.name) == []
    jira.control.heal(jira.name)
    assert jira.create() == "SUP-1"


def test_drop_after_a_create_leaves_the_issue_created(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "drop_after", **CREATING)
    with pytest.raises(httpx.TransportError):
        jira.http.post("/issue", json=BODY)
    assert [issue["summary"] for issue in jira.control.issues(jira.name)] == ["s"]
    assert jira.control.calls(jira.name)[-1]["status"] == 0


def test_a_truncated_attachment_ends_in_the_middle(jira: SiteClient) -> None:
    [attached] = jira.attach(jira.create(), "a.bin", bytes(100_000)).json()
    jira.control.fault(jira.name, "truncate_attachment")
    with pytest.raises(httpx.TransportError):
        jira.http.get(attached["content"], params={"redirect": "false"})


# Answers instead of the work, or after it


@pytest.mark.parametrize("status", [409, 413, 429, 500, 502, 503, 504])
def test_a_status_is_answered_instead_of_carrying_the_request_out(jira: SiteClient, status: int) -> None:
    jira.control.fault(jira.name, "status", status=status, **CREATING)
    assert jira.http.post("/issue", json=BODY).status_code == status
    assert jira.control.issues(jira.name) == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_status_after_the_work_leaves_the_issue_created(jira: SiteClient, status: int) -> None:
    jira.control.fault(jira.name, "status_after", status=status, **CREATING)
    assert jira.http.post("/issue", json=BODY).status_code == status
    assert len(jira.control.issues(jira.name)) == 1


def test_a_status_after_the_work_may_be_any_of_several(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "status_after", statuses=[502, 504], **CREATING)
    assert {jira.http.post("/issue", json=BODY).status_code for _ in range(20)} == {502, 504}
    assert len(jira.control.issues(jira.name)) == 20


def test_random_choices_are_repeatable_with_the_same_seed(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "status", path="/myself", probability=0.5, statuses=[500, 502, 503])
    courses = []
    for seed in (1, 1, 2):
        jira.control.settings(jira.name, seed=seed)
        courses.append([jira.http.get("/myself").status_code for _ in range(30)])
    assert courses[0] == courses[1] != courses[2]
    assert set(courses[0]) == {200, 500, 502, 503}


def test_a_captcha_refuses_callers_who_sign_in_and_no_others(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "captcha")
    response = jira.http.get("/myself")
    assert response.status_code == 403
    assert response.headers["X-Authentication-Denied-Reason"].startswith("CAPTCHA_CHALLENGE; login-url=http")
    with jira.visitor() as visitor:
        assert visitor.get("/serverInfo").status_code == 200


def test_a_redirect_leads_to_its_location(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "redirect", location="https://new.example/jira")
    response = jira.http.get("/myself")
    assert (response.status_code, response.headers["Location"]) == (302, "https://new.example/jira")


def test_a_login_page_is_answered_with_200(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "html_login")
    response = jira.http.get("/project")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")


def test_a_truncated_changelog_holds_the_newest_entries(jira: SiteClient) -> None:
    key = jira.create("1")
    for summary in ("2", "3"):
        jira.http.put(f"/issue/{key}", json={"fields": {"summary": summary}})
    jira.control.fault(jira.name, "truncate_changelog", keep=1)
    changelog = jira.read(key, expand="changelog")["changelog"]
    assert [entry["items"][0]["toString"] for entry in changelog["histories"]] == ["3"]
    assert changelog["total"] == 2


def test_a_truncated_changelog_can_be_that_of_one_issue(jira: SiteClient) -> None:
    keys = [jira.create("1") for _ in range(2)]
    for key in keys:
        for summary in ("2", "3"):
            jira.http.put(f"/issue/{key}", json={"fields": {"summary": summary}})
    jira.control.fault(jira.name, "truncate_changelog", keep=1, issue=keys[0])
    assert [len(jira.read(key, expand="changelog")["changelog"]["histories"]) for key in keys] == [1, 2]


# Bad issues, and calls about too many


@pytest.mark.parametrize("named_by", ["key", "id"])
def test_an_issue_that_cannot_be_shown_fails_every_answer_that_would_show_it(jira: SiteClient, named_by: str) -> None:
    bad, good = jira.create(), jira.create()
    jira.control.fault(jira.name, "bad_issue", issue=jira.read(bad)[named_by], status=500)
    assert [jira.http.get(f"/issue/{key}").status_code for key in (bad, good)] == [500, 200]
    found = [jira.search(f"key = {key}", fields=["summary"]).status_code for key in (bad, good)]
    assert found == [500, 200]
    assert jira.search("project = SUP", fields=["id"]).status_code == 200


def test_a_bulk_read_lists_an_issue_among_its_errors_and_shows_the_others(cloud: SiteClient) -> None:
    bad, good = cloud.create(), cloud.create()
    cloud.control.fault("cloud", "issue_errors", issue=bad)
    answer = cloud.http.post("/issue/bulkfetch", json={"issueIdsOrKeys": [bad, good]}).json()
    assert [issue["key"] for issue in answer["issues"]] == [good]
    assert [error["id"] for error in answer["issueErrors"]] == [cloud.read(bad)["id"]]


def test_a_page_with_too_many_issues_is_not_answered(jira: SiteClient) -> None:
    for _ in range(3):
        jira.create()
    jira.control.fault(jira.name, "too_many", size=2, status=504)
    assert [jira.search("project = SUP", maxResults=size).status_code for size in (2, 3)] == [200, 504]


def test_bulk_reads_and_creations_of_too_many_issues_are_not_carried_out(cloud: SiteClient) -> None:
    keys = [cloud.create() for _ in range(3)]
    cloud.control.fault("cloud", "too_many", size=2, status=504)
    assert cloud.http.post("/issue/bulkfetch", json={"issueIdsOrKeys": keys}).status_code == 504
    fields = {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s"}
    assert cloud.http.post("/issue/bulk", json={"issueUpdates": [{"fields": fields}] * 3}).status_code == 504
    assert cloud.control.counts("cloud")["SUP"] == 3


def test_a_fault_can_strike_by_the_query_of_a_call(jira: SiteClient) -> None:
    key = jira.create()
    jira.control.fault(jira.name, "status", status=500, query="expand=changelog")
    assert jira.http.get(f"/issue/{key}").status_code == 200
    assert jira.http.get(f"/issue/{key}", params={"expand": "changelog"}).status_code == 500


# Clocks


def test_a_node_whose_clock_is_wrong_shows_its_time_everywhere(jira: SiteClient) -> None:
    key = jira.create()
    before = datetime.fromisoformat(jira.read(key)["fields"]["updated"])
    fault = jira.control.fault(jira.name, "node_clock", offset=-3600)
    response = jira.http.get("/serverInfo")
    told = parsedate_to_datetime(response.headers["Date"]), datetime.fromisoformat(response.json()["serverTime"])
    jira.http.put(f"/issue/{key}", json={"fields": {"summary": "edited there"}})
    jira.control.heal(jira.name, fault)
    issue = jira.read(key, expand="changelog")
    updated = datetime.fromisoformat(issue["fields"]["updated"])
    changed = datetime.fromisoformat(issue["changelog"]["histories"][0]["created"])
    for at in (*told, updated, changed):
        assert -3700 < (at - before).total_seconds() < -3500


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "soon"])
def test_a_wrong_date_is_in_the_header_only(jira: SiteClient, date: str) -> None:
    jira.control.fault(jira.name, "wrong_date", date=date)
    response = jira.http.get("/serverInfo")
    assert response.headers["Date"] == date
    assert datetime.fromisoformat(response.json()["serverTime"]).year < 9000


def test_a_date_may_be_so_many_seconds_off(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "wrong_date", offset=600)
    response = jira.http.get("/serverInfo")
    off = parsedate_to_datetime(response.headers["Date"]) - datetime.fromisoformat(response.json()["serverTime"])
    assert 598 <= off.total_seconds() <= 600


# Expired tokens


def test_an_expired_token_is_401(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "unauthorized", user="sync")
    assert jira.http.get("/project").status_code == 401


def test_an_anonymous_answer_shows_an_empty_site_and_tells_in_a_header(jira: SiteClient) -> None:
    jira.create()
    jira.control.fault(jira.name, "anonymous")
    response = jira.search("project = SUP")
    assert (response.status_code, response.json()["issues"]) == (200, [])
    header = ("x-seraph-loginreason", "AUTHENTICATED_FAILED") if jira.is_cloud else ("X-AUSERNAME", "anonymous")
    assert response.headers[header[0]] == header[1]


def test_a_silent_anonymous_answer_shows_an_empty_site_without_a_header(jira: SiteClient) -> None:
    jira.create()
    jira.control.fault(jira.name, "anonymous", silent=True)
    response = jira.search("project = SUP")
    assert (response.status_code, response.json()["issues"]) == (200, [])
    assert not {"x-seraph-loginreason", "x-ausername"} & set(response.headers)
    assert jira.http.get("/myself").status_code == 401


@pytest.mark.parametrize("kind", ["anonymous", "unauthorized"])
def test_a_token_is_refused_until_the_fault_ends(jira: SiteClient, kind: str, wait_until: Callable[..., Any]) -> None:
    jira.control.fault(jira.name, kind, user="sync", forSeconds=3600)
    assert jira.http.get("/myself").status_code == 401
    jira.control.heal(jira.name)
    jira.control.fault(jira.name, kind, user="sync", forSeconds=0.05)
    wait_until(lambda: jira.http.get("/myself").status_code == 200, "the token to be taken again")


# Rate limits


@pytest.mark.parametrize("retry_after", ["0", "7", "9223372036854775807"])
def test_429_tells_when_to_come_back_and_why(jira: SiteClient, retry_after: str) -> None:
    jira.control.fault(jira.name, "status", status=429, retryAfter=retry_after, reason="jira-burst-based")
    headers = jira.http.get("/myself").headers
    assert (headers["Retry-After"], headers["RateLimit-Reason"]) == (retry_after, "jira-burst-based")


def test_a_burst_limit_on_cloud_counts_by_endpoint(cloud: SiteClient) -> None:
    cloud.control.fault("cloud", "burst", size=2, rate=0.001)
    answers = [cloud.http.get("/myself") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["RateLimit-Reason"] == "jira-burst-based"
    assert int(answers[2].headers["Retry-After"]) > 0
    assert cloud.http.get("/project").status_code == 200


def test_a_burst_limit_on_data_center_counts_by_account_and_is_always_told(data_center: SiteClient) -> None:
    data_center.control.fault("data-center", "burst", size=2, rate=0.001)
    answers = [data_center.http.get(path) for path in ("/myself", "/project", "/status")]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    with data_center.visitor(headers={"Authorization": "Bearer yuki-token"}) as yuki:
        assert yuki.get("/myself").status_code == 200


def test_a_request_that_a_burst_limit_refuses_is_not_carried_out(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "burst", size=1, rate=0.001, **CREATING)
    assert [jira.http.post("/issue", json=BODY).status_code for _ in range(2)] == [201, 429]
    assert len(jira.control.issues(jira.name)) == 1


def test_too_many_writes_to_one_issue_are_refused_and_not_carried_out(jira: SiteClient) -> None:
    key = jira.create()
    identity = jira.read(key)["id"]
    jira.control.fault(jira.name, "per_issue_burst", **PER_ISSUE)
    paths = [f"/issue/{key}/comment", f"/issue/{identity}/comment", f"/issue/{key}/comment"]
    answers = [jira.http.post(path, json={"body": "text"}) for path in paths]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].headers["RateLimit-Reason"] == "jira-per-issue-on-write"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 3600
    assert "Retry-After" not in answers[1].headers
    assert len(jira.control.issue(jira.name, key)["comments"]) == 2


def test_a_limit_to_the_writes_to_one_issue_spares_reads_and_other_issues(jira: SiteClient) -> None:
    key, other = jira.create(), jira.create()
    jira.control.fault(jira.name, "per_issue_burst", **PER_ISSUE)
    for _ in range(3):
        jira.http.put(f"/issue/{key}", json={"fields": {"summary": "other"}})
    assert [jira.http.get(f"/issue/{key}").status_code for _ in range(3)] == [200] * 3
    assert jira.http.put(f"/issue/{other}", json={"fields": {"summary": "other"}}).status_code == 204
    assert [jira.http.post("/issue", json=BODY).status_code for _ in range(3)] == [201] * 3


def test_writes_to_one_issue_are_counted_together_whatever_they_write(jira: SiteClient) -> None:
    key = jira.create()
    jira.control.fault(jira.name, "per_issue_burst", **PER_ISSUE)
    assert jira.http.put(f"/issue/{key}/properties/p", json=1).status_code == 201
    assert jira.http.delete(f"/issue/{key}/properties/p").status_code == 204
    assert jira.attach(key, "a.txt", b"1").status_code == 429


# Which calls a fault strikes


def test_a_fault_ends_after_its_number_of_times(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "status", status=503, times=2)
    assert [jira.http.get("/myself").status_code for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize(
    ("match", "is_hit"),
    [
        ({"method": "GET"}, True),
        ({"method": "POST"}, False),
        ({"path": "^/rest/api/2/myself$"}, True),
        ({"path": "/issue"}, False),
        ({"user": "sync"}, True),
        ({"user": "yuki"}, False),
    ],
)
def test_a_fault_strikes_the_calls_that_it_matches(jira: SiteClient, match: dict[str, str], is_hit: bool) -> None:
    jira.control.fault(jira.name, "status", status=503, **match)
    assert jira.http.get("/myself").status_code == (503 if is_hit else 200)


def test_a_fault_of_one_site_spares_the_other(cloud: SiteClient, data_center: SiteClient) -> None:
    cloud.control.fault("cloud", "status", status=503)
    assert data_center.http.get("/myself").status_code == 200


# Delays


def test_a_delayed_request_is_carried_out(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "delay", seconds=0.01)
    assert jira.http.post("/issue", json=BODY).status_code == 201


def test_a_hanging_request_is_answered_when_the_fault_is_removed(
    jira: SiteClient, wait_until: Callable[..., Any]
) -> None:
    fault = jira.control.fault(jira.name, "hang", path="/myself")
    statuses: list[int] = []
    waiting = threading.Thread(target=lambda: statuses.append(jira.http.get("/myself", timeout=30).status_code))
    waiting.start()
    assert jira.http.get("/serverInfo").status_code == 200, "others are answered meanwhile"
    assert statuses == []
    jira.control.heal(jira.name, fault)
    wait_until(lambda: statuses == [200], "the answer")
    waiting.join()


def test_a_request_that_hangs_after_the_work_is_carried_out(jira: SiteClient) -> None:
    jira.control.fault(jira.name, "hang_after", **CREATING)
    with pytest.raises(httpx.ReadTimeout):
        jira.http.post("/issue", json=BODY, timeout=0.2)
    assert len(jira.control.issues(jira.name)) == 1


@pytest.mark.parametrize("kind", ["hang", "hang_after"])
def test_a_fault_that_hangs_ends_after_its_number_of_times(jira: SiteClient, kind: str) -> None:
    jira.control.fault(jira.name, kind, path="/myself", times=1)
    with pytest.raises(httpx.ReadTimeout):
        jira.http.get("/myself", timeout=0.2)
    assert jira.http.get("/myself", timeout=10).status_code == 200
