"""What a person may do through the monitor, and who may."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from health_monitor.access import Gate
from sync_worker.database.journal import Journal

ADMIN_TOKEN = "s3cr3t-admin-token"
SCRIPT = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def browser(stage) -> Iterator[httpx.Client]:
    """A browser that has signed in."""
    answer = stage.http.post("/session", data={"token": ADMIN_TOKEN, "back": "/sync/sync-a"}, headers=HERE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sync/sync-a")
    return stage.http


@pytest.fixture
def csrf(stage, browser) -> str:
    """What its forms carry: made as the page makes it."""
    (cookie,) = browser.cookies.jar
    return Gate(lambda: ADMIN_TOKEN, cookie.name).csrf(cookie.value)


@pytest.fixture(autouse=True)
def clean_journal(stage, journal: Journal) -> None:
    journal.resume()
    journal._actions.delete_many({})


def noted(journal: Journal) -> list[tuple[str, str, str]]:
    return [(each.who, each.what, each.result) for each in reversed(journal.actions(100))]


def test_a_script_steers_with_the_token(stage, journal):
    answer = stage.http.post("/api/syncs/sync-a/pause", json={"reason": "the site moves"}, headers=SCRIPT)
    assert (answer.status_code, answer.json()) == (200, {"message": "sync-a is paused, until somebody resumes it"})
    assert (journal.paused().by, journal.paused().reason) == ("api (127.0.0.1)", "the site moves")
    again = stage.http.post("/api/syncs/sync-a/pause", headers=SCRIPT)
    assert again.status_code == 409
    assert again.json()["error"].startswith("sync-a is paused by api (127.0.0.1) at ")
    assert stage.http.get("/api/syncs/sync-a").json()["history"]["pausedBy"].endswith("UTC: the site moves")
    assert stage.http.post("/api/syncs/sync-a/resume", headers=SCRIPT).status_code == 200
    assert journal.paused() is None
    for verb, why in (
        ("resume", "sync-a is not paused"),
        ("sync-now", "no worker runs sync-a now"),
        ("retry", "nothing has failed"),
        ("dismiss", "nothing has failed"),
    ):
        answer = stage.http.post(f"/api/syncs/sync-a/{verb}", headers=SCRIPT)
        assert (answer.status_code, answer.json()["error"]) == (409, why)
    answer = stage.http.post("/api/syncs/sync-a/retry", json={"issues": ["USYNCA-1", "USYNCA-2"]}, headers=SCRIPT)
    assert answer.json()["error"] == "nothing of USYNCA-1, USYNCA-2 has failed"
    assert noted(journal) == [("api (127.0.0.1)", "pause", "done"), ("api (127.0.0.1)", "resume", "done")]
    done = [line for line in stage.log() if line["event"] == "done for a person"]
    assert ("pause", "sync-a", "api (127.0.0.1)") in [(line["what"], line["program"], line["by"]) for line in done]


def test_a_restart_is_done_at_once_and_starts_what_is_stopped(stage, journal):
    before = stage.pid("sync-a")
    assert stage.http.post("/api/syncs/sync-a/restart", headers=SCRIPT).json() == {"message": "sync-a is restarted"}
    stage.wait_until(lambda: stage.pid("sync-a") not in (0, before), "another process")
    stage.supervisor.stop("sync-a")
    stage.wait_until(lambda: stage.pid("sync-a") == 0, "sync-a to be stopped")
    assert stage.http.post("/api/syncs/sync-a/restart", headers=SCRIPT).json() == {"message": "sync-a is started"}
    stage.wait_until(lambda: stage.pid("sync-a"), "sync-a to run")
    assert noted(journal) == [("api (127.0.0.1)", "restart", "done")] * 2
    assert "api (127.0.0.1) asked for it" in stage.http.get("/api/syncs/sync-a").json()["lastRemedy"]["text"]


@pytest.mark.parametrize(
    # what is asked                                                                     what is answered
    ("path", "options", "code"),
    [
        ("sync-a/pause", {}, 401),
        ("sync-a/pause", {"headers": {"Authorization": "Bearer wrong"}}, 401),
        ("sync-a/pause", {"headers": {"Authorization": f"Basic {ADMIN_TOKEN}"}}, 401),
        ("sync-a/explode", {"headers": SCRIPT}, 404),
        ("sync-x/pause", {"headers": SCRIPT}, 404),
        ("sync-a/pause", {"headers": SCRIPT, "content": b"{"}, 400),
        ("sync-a/pause", {"headers": SCRIPT, "content": b"[1]"}, 400),
        ("sync-a/pause", {"headers": SCRIPT, "content": b"\xff"}, 400),
        ("sync-a/pause", {"headers": SCRIPT, "json": {"reason": "x" * 20_000}}, 413),
    ],
)
def test_what_is_not_right_is_refused_in_a_sentence(stage, journal, path, options, code):
    answer = stage.http.post(f"/api/syncs/{path}", **options)
    assert answer.status_code == code
    assert answer.json()["error"]
    assert "s3cr3t" not in answer.text
    assert journal.paused() is None


def test_a_wrong_token_is_logged_and_noted(stage, journal):
    stage.http.post("/api/syncs/sync-a/pause", headers={"Authorization": "Bearer s3cr3t-guess"})
    assert noted(journal) == [("api (127.0.0.1)", "pause", "refused")]
    (line,) = [
        line for line in stage.log() if line["event"] == "refused" and line["reason"] == "this is not the token"
    ][-1:]
    assert (line["what"], line["program"], line["address"]) == ("pause", "sync-a", "127.0.0.1")
    assert stage.http.post("/session", data={"token": "s3cr3t-guess"}).status_code == 401
    assert "s3cr3t" not in (stage.run_dir / "logs/health-monitor.log").read_text()


def test_a_browser_steers_with_its_session_and_what_its_forms_carry(stage, journal, browser, csrf):
    fields = {"csrf": csrf, "reason": "a form", "back": "/sync/sync-a"}
    answer = browser.post("/api/syncs/sync-a/pause", data=fields, headers={**HERE, "Origin": "null"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sync/sync-a")
    assert journal.paused().by == "status page (127.0.0.1)"
    answer = browser.post("/api/syncs/sync-a/resume", json={}, headers={**HERE, "X-CSRF-Token": csrf})
    assert (answer.status_code, answer.json()) == (200, {"message": "sync-a goes on"})
    elsewhere = browser.post("/api/syncs/sync-a/pause", data={"csrf": csrf, "back": "//evil.example"}, headers=HERE)
    assert elsewhere.headers["Location"] == "/"
    assert browser.post("/session/end", data={"csrf": csrf}, headers=HERE).status_code == 303
    assert browser.post("/api/syncs/sync-a/resume", data={"csrf": csrf}, headers=HERE).status_code == 401


@pytest.mark.parametrize(
    ("headers", "has_csrf"),
    [
        (HERE, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Origin": "https://evil.example"}, True),
    ],
)
def test_nothing_that_another_site_has_a_browser_send_is_done(stage, journal, browser, csrf, headers, has_csrf):
    answer = browser.post("/api/syncs/sync-a/pause", data={"csrf": csrf if has_csrf else "x"}, headers=headers)
    assert answer.status_code == 403
    assert journal.paused() is None
    assert noted(journal) == [("status page (127.0.0.1)", "pause", "refused")]


def test_another_site_signs_nobody_in(stage):
    answer = stage.http.post("/session", data={"token": ADMIN_TOKEN}, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, dict(stage.http.cookies)) == (403, {})


def test_the_cookie_is_for_this_site_and_no_script_and_for_tls_only_where_there_is_tls(stage):
    for proto, is_secure in (("http", False), ("https", True)):
        answer = stage.http.post("/session", data={"token": ADMIN_TOKEN}, headers={"X-Forwarded-Proto": proto})
        parts = answer.headers["Set-Cookie"].split("; ")
        assert parts[0].startswith(f"jira_sync_{stage.environ['PORT']}=")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(parts)
        assert ("Secure" in parts) is is_secure


def request_with(cookie: str) -> web.BaseRequest:
    """A request as the gate sees it."""
    return make_mocked_request("GET", "/", headers={"Cookie": f"c={cookie}"})


def test_a_session_holds_until_it_ends_or_the_token_changes_and_cannot_be_made(monkeypatch):
    token = {"now": "one"}
    gate = Gate(lambda: token["now"], "c")
    session = gate.new_session()
    assert gate.session(request_with(session)) == session
    until, nonce, signature = session.split(".")
    for forged in (f"{int(until) + 1}.{nonce}.{signature}", f"{until}.{nonce}.{gate.csrf(session)}", "", "x.y.z"):
        assert gate.session(request_with(forged)) is None
    monkeypatch.setattr("time.time", lambda: float(until))
    assert gate.session(request_with(session)) is None
    monkeypatch.undo()
    token["now"] = "two"
    assert gate.session(request_with(session)) is None
    token["now"] = None
    assert gate.session(request_with(session)) is None
    assert not gate.is_open
