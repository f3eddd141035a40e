"""Each thing that can be made to go wrong, and whether the request was carried out all the same."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Jira

BODY = {"fields": {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s"}}
CREATING = {"method": "POST", "path": "/issue$"}


def test_a_dropped_connection_before_a_create_leaves_nothing(jira: Jira) -> None:
    jira.control.fault(jira.name, "drop_before", **CREATING)
    with pytest.raises(httpx.TransportError):
        jira.http.post("/issue", json=BODY)
    assert jira.control.issues(jira.name) == []


def test_a_dropped_connection_after_a_create_leaves_the_issue_created(jira: Jira) -> None:
    jira.control.fault(jira.name, "drop_after", **CREATING)
    with pytest.raises(httpx.TransportError):
        jira.http.post("/issue", json=BODY)
    assert [each["summary"] for each in jira.control.issues(jira.name)] == ["s"]


@pytest.mark.parametrize("status", [409, 413, 429, 500, 502, 503, 504])
def test_a_status_is_answered_instead_of_carrying_the_request_out(jira: Jira, status: int) -> None:
    jira.control.fault(jira.name, "status", status=status, **CREATING)
    assert jira.http.post("/issue", json=BODY).status_code == status
    assert jira.control.issues(jira.name) == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_status_after_the_fact_leaves_the_issue_created(jira: Jira, status: int) -> None:
    jira.control.fault(jira.name, "status_after", status=status, **CREATING)
    assert jira.http.post("/issue", json=BODY).status_code == status
    assert len(jira.control.issues(jira.name)) == 1


def test_a_captcha_keeps_out_whoever_signs_in_and_nobody_else(jira: Jira) -> None:
    jira.control.fault(jira.name, "captcha")
    response = jira.http.get("/myself")
    assert response.status_code == 403
    assert response.headers["X-Authentication-Denied-Reason"].startswith("CAPTCHA_CHALLENGE; login-url=http")
    with jira.visitor() as visitor:
        assert visitor.get("/serverInfo").status_code == 200


def test_a_redirect_leads_elsewhere(jira: Jira) -> None:
    jira.control.fault(jira.name, "redirect", location="https://new.example/jira")
    response = jira.http.get("/myself")
    assert (response.status_code, response.headers["Location"]) == (302, "https://new.example/jira")


@pytest.mark.parametrize("retry_after", ["0", "7", "9223372036854775807"])
def test_too_many_requests_say_when_to_come_back_and_why(jira: Jira, retry_after: str) -> None:
    jira.control.fault(jira.name, "status", status=429, retryAfter=retry_after, reason="jira-burst-based")
    headers = jira.http.get("/myself").headers
    assert (headers["Retry-After"], headers["RateLimit-Reason"]) == (retry_after, "jira-burst-based")


def test_a_fault_is_over_after_so_many_times(jira: Jira) -> None:
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
def test_a_fault_hits_what_it_matches(jira: Jira, match: dict[str, str], is_hit: bool) -> None:
    jira.control.fault(jira.name, "status", status=503, **match)
    assert jira.http.get("/myself").status_code == (503 if is_hit else 200)


def test_a_fault_of_one_site_spares_the_other(cloud: Jira, data_center: Jira) -> None:
    cloud.control.fault("cloud", "status", status=503)
    assert data_center.http.get("/myself").status_code == 200


def test_one_fault_is_switched_off_without_the_other(jira: Jira) -> None:
    first = jira.control.fault(jira.name, "status", status=500, path="/myself")
    jira.control.fault(jira.name, "status", status=503, path="/project")
    jira.control.heal(jira.name, first)
    assert (jira.http.get("/myself").status_code, jira.http.get("/project").status_code) == (200, 503)
    jira.control.heal(jira.name)
    assert jira.http.get("/project").status_code == 200


def test_a_delayed_request_is_carried_out(jira: Jira) -> None:
    jira.control.fault(jira.name, "delay", seconds=0.01)
    assert jira.http.post("/issue", json=BODY).status_code == 201


def test_an_expired_token_can_be_401(jira: Jira) -> None:
    jira.control.fault(jira.name, "unauthorized", user="sync")
    assert jira.http.get("/project").status_code == 401


def test_an_expired_token_can_show_an_empty_site_and_give_itself_away(jira: Jira) -> None:
    jira.create()
    jira.control.fault(jira.name, "anonymous")
    response = jira.search("project = SUP")
    assert (response.status_code, response.json()["issues"]) == (200, [])
    header = ("x-seraph-loginreason", "AUTHENTICATED_FAILED") if jira.is_cloud else ("X-AUSERNAME", "anonymous")
    assert response.headers[header[0]] == header[1]


def test_an_expired_token_can_show_an_empty_site_in_silence(jira: Jira) -> None:
    jira.create()
    jira.control.fault(jira.name, "anonymous", silent=True)
    response = jira.search("project = SUP")
    assert (response.status_code, response.json()["issues"]) == (200, [])
    assert not {"x-seraph-loginreason", "x-ausername"} & set(response.headers)
    assert jira.http.get("/myself").status_code == 401


def test_a_login_page_can_be_answered_with_200(jira: Jira) -> None:
    jira.control.fault(jira.name, "html_login")
    response = jira.http.get("/project")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")


def test_half_a_file_can_be_all_that_comes(jira: Jira) -> None:
    [attached] = jira.attach(jira.create(), "a.bin", bytes(100_000)).json()
    jira.control.fault(jira.name, "truncate_attachment")
    with pytest.raises(httpx.TransportError):
        jira.http.get(attached["content"], params={"redirect": "false"})


def test_a_history_can_be_cut_short(jira: Jira) -> None:
    key = jira.create("1")
    for summary in ("2", "3"):
        jira.http.put(f"/issue/{key}", json={"fields": {"summary": summary}})
    jira.control.fault(jira.name, "truncate_changelog", keep=1)
    changelog = jira.read(key, expand="changelog")["changelog"]
    assert [each["items"][0]["toString"] for each in changelog["histories"]] == ["3"]
    assert changelog["total"] == 2


def test_a_burst_on_cloud_slows_down_one_endpoint(cloud: Jira) -> None:
    cloud.control.fault("cloud", "burst", size=2, rate=0.001)
    answers = [cloud.http.get("/myself") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[2].headers["RateLimit-Reason"] == "jira-burst-based"
    assert int(answers[2].headers["Retry-After"]) > 0
    assert cloud.http.get("/project").status_code == 200


def test_a_burst_on_data_center_slows_down_one_account_and_is_told_all_the_time(data_center: Jira) -> None:
    data_center.control.fault("data-center", "burst", size=2, rate=0.001)
    answers = [data_center.http.get(path) for path in ("/myself", "/project", "/status")]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert [each.headers["X-RateLimit-Remaining"] for each in answers] == ["1", "0", "0"]
    with data_center.visitor(headers={"Authorization": "Bearer yuki-token"}) as yuki:
        assert yuki.get("/myself").status_code == 200


def test_what_a_burst_refuses_is_not_carried_out(jira: Jira) -> None:
    jira.control.fault(jira.name, "burst", size=1, rate=0.001, **CREATING)
    assert [jira.http.post("/issue", json=BODY).status_code for _ in range(2)] == [201, 429]
    assert len(jira.control.issues(jira.name)) == 1


PER_ISSUE = {"size": 2, "seconds": 3600}


def test_too_many_writes_to_one_issue_are_refused_and_not_carried_out(jira: Jira) -> None:
    key = jira.create()
    identity = jira.read(key)["id"]
    jira.control.fault(jira.name, "per_issue_burst", **PER_ISSUE)
    paths = [f"/issue/{key}/comment", f"/issue/{identity}/comment", f"/issue/{key}/comment"]
    answers = [jira.http.post(path, json={"body": "text"}) for path in paths]
    assert [each.status_code for each in answers] == [201, 201, 429]
    assert answers[2].headers["RateLimit-Reason"] == "jira-per-issue-on-write"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 3600
    assert "Retry-After" not in answers[1].headers
    assert len(jira.control.issue(jira.name, key)["comments"]) == 2


def test_a_limit_to_the_writes_to_one_issue_spares_reads_and_others(jira: Jira) -> None:
    key, other = jira.create(), jira.create()
    jira.control.fault(jira.name, "per_issue_burst", **PER_ISSUE)
    for _ in range(3):
        jira.http.put(f"/issue/{key}", json={"fields": {"summary": "other"}})
    assert [jira.http.get(f"/issue/{key}").status_code for _ in range(3)] == [200] * 3
    assert jira.http.put(f"/issue/{other}", json={"fields": {"summary": "other"}}).status_code == 204
    assert [jira.http.post("/issue", json=BODY).status_code for _ in range(3)] == [201] * 3


def test_writes_to_one_issue_are_counted_together_whatever_they_write(jira: Jira) -> None:
    key = jira.create()
    jira.control.fault(jira.name, "per_issue_burst", **PER_ISSUE)
    assert jira.http.put(f"/issue/{key}/properties/p", json=1).status_code == 201
    assert jira.http.delete(f"/issue/{key}/properties/p").status_code == 204
    assert jira.attach(key, "a.txt", b"1").status_code == 429


def test_chance_can_be_repeated(jira: Jira) -> None:
    jira.control.fault(jira.name, "status", path="/myself", probability=0.5, statuses=[500, 502, 503])
    courses = []
    for seed in (1, 1, 2):
        jira.control.settings(jira.name, seed=seed)
        courses.append([jira.http.get("/myself").status_code for _ in range(30)])
    assert courses[0] == courses[1] != courses[2]
    assert set(courses[0]) == {200, 500, 502, 503}


def test_a_status_after_the_fact_may_be_any_of_several(jira: Jira) -> None:
    jira.control.fault(jira.name, "status_after", statuses=[502, 504], **CREATING)
    assert {jira.http.post("/issue", json=BODY).status_code for _ in range(20)} == {502, 504}
    assert len(jira.control.issues(jira.name)) == 20


@pytest.mark.parametrize("kind", ["anonymous", "unauthorized"])
def test_a_token_may_be_refused_for_so_long(jira: Jira, kind: str, wait_until: Callable[..., Any]) -> None:
    jira.control.fault(jira.name, kind, user="sync", forSeconds=3600)
    assert jira.http.get("/myself").status_code == 401
    jira.control.heal(jira.name)
    jira.control.fault(jira.name, kind, user="sync", forSeconds=0.05)
    wait_until(lambda: jira.http.get("/myself").status_code == 200, "the token to be taken again")


def test_a_hanging_request_is_answered_when_the_fault_is_cleared(jira: Jira, wait_until: Callable[..., Any]) -> None:
    fault = jira.control.fault(jira.name, "hang", path="/myself")
    statuses: list[int] = []
    waiting = threading.Thread(target=lambda: statuses.append(jira.http.get("/myself", timeout=30).status_code))
    waiting.start()
    assert jira.http.get("/serverInfo").status_code == 200, "others are answered meanwhile"
    assert statuses == []
    jira.control.heal(jira.name, fault)
    wait_until(lambda: statuses == [200], "the answer")
    waiting.join()


def test_what_hangs_afterwards_is_carried_out(jira: Jira) -> None:
    jira.control.fault(jira.name, "hang_after", **CREATING)
    with pytest.raises(httpx.ReadTimeout):
        jira.http.post("/issue", json=BODY, timeout=0.2)
    assert len(jira.control.issues(jira.name)) == 1


@pytest.mark.parametrize("kind", ["hang", "hang_after"])
def test_a_fault_that_hangs_is_over_after_so_many_times_too(jira: Jira, kind: str) -> None:
    jira.control.fault(jira.name, kind, path="/myself", times=1)
    with pytest.raises(httpx.ReadTimeout):
        jira.http.get("/myself", timeout=0.2)
    assert jira.http.get("/myself", timeout=10).status_code == 200


def test_a_simulator_stops_though_a_request_hangs() -> None:
    users = [{"name": "sync", "email": "s@example.com", "token": "t"}]
    seed = Seed.model_validate({"sites": [{"name": "acme", "users": users}]})
    ends: list[type[Exception]] = []

    def ask(url: str, asked: threading.Event) -> None:
        with httpx.Client(trust_env=False, timeout=60) as http:
            http.get(f"{url}/acme/rest/api/2/serverInfo")
            asked.set()
            try:
                http.get(f"{url}/acme/rest/api/2/myself")
            except httpx.TransportError as error:
                ends.append(type(error))

    with RunningSimulator(seed) as simulator:
        simulator.control.fault("acme", "hang", path="/myself")
        asked = threading.Event()
        waiting = threading.Thread(target=ask, args=[simulator.url, asked])
        waiting.start()
        asked.wait()
    waiting.join(timeout=30)
    assert not waiting.is_alive()
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [("nonsense", {}), ("status", {"colour": "red"}), ("status", {"status": 200}), ("delay", {"path": "("})],
)
def test_a_fault_that_is_not_understood_is_refused(jira: Jira, kind: str, options: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.fault(jira.name, kind, **options)


def test_the_log_tells_what_was_asked_and_how_it_ended(jira: Jira) -> None:
    key = jira.create()
    jira.control.forget_calls(jira.name)
    jira.read(key)
    jira.control.fault(jira.name, "drop_after", times=1)
    with pytest.raises(httpx.TransportError):
        jira.http.get("/myself")
    first, second = jira.control.calls(jira.name)
    assert (first["method"], first["path"], first["user"]) == ("GET", f"/rest/api/2/issue/{key}", "sync")
    assert key not in first["endpoint"]
    assert (first["status"], second["status"]) == (200, 0)
    assert (first["bytes"] > 0, second["bytes"]) == (True, 0)
    assert first["at"] <= second["at"]
    assert jira.control.calls(jira.name, since=first["n"]) == [second]
