"""Controlling syncs over HTTP, and who may."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from sync_model.health.heartbeat import HeldRecord
from sync_worker.database.journal import Journal

ADMIN_TOKEN = "s3cr3t-admin-token"
SCRIPT = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def browser(group) -> Iterator[httpx.Client]:
    """A browser that has signed in."""
    response = group.http.post("/session", data={"token": ADMIN_TOKEN, "back": "/syncs/sync-a"}, headers=HERE)
    assert (response.status_code, response.headers["Location"]) == (303, "/syncs/sync-a")
    return group.http


@pytest.fixture
def csrf(group, browser) -> str:
    """The CSRF token of the browser's forms."""
    return re.search(r'name="csrf" value="(\w+)"', browser.get("/syncs/sync-a").text)[1]


def journal_entries(journal: Journal) -> list[tuple[str, str, str]]:
    return [(entry.who, entry.what, entry.result) for entry in reversed(journal.actions(100))]


def test_a_script_controls_a_sync_with_the_token(group, journal):
    response = group.http.post("/api/syncs/sync-a/pause", json={"reason": "the site moves"}, headers=SCRIPT)
    assert (response.status_code, response.json()) == (200, {"message": "sync-a is paused, until somebody resumes it"})
    assert (journal.paused().by, journal.paused().reason) == ("api (127.0.0.1)", "the site moves")
    again = group.http.post("/api/syncs/sync-a/pause", headers=SCRIPT)
    assert again.status_code == 409
    assert again.json()["error"].startswith("sync-a is paused by api (127.0.0.1) at ")
    assert group.http.get("/api/syncs/sync-a").json()["history"]["pausedBy"].endswith("UTC: the site moves")
    assert group.http.post("/api/syncs/sync-a/resume", headers=SCRIPT).status_code == 200
    assert journal.paused() is None
    for verb, why in (
        ("resume", "sync-a is not paused"),
        ("sync-now", "no worker runs sync-a now"),
        ("retry", "nothing has failed"),
        ("dismiss", "nothing has failed"),
    ):
        response = group.http.post(f"/api/syncs/sync-a/{verb}", headers=SCRIPT)
        assert (response.status_code, response.json()["error"]) == (409, why)
    response = group.http.post("/api/syncs/sync-a/retry", json={"issues": ["USYNCA-1", "USYNCA-2"]}, headers=SCRIPT)
    assert response.json()["error"] == "nothing of USYNCA-1, USYNCA-2 has failed"
    assert journal_entries(journal) == [("api (127.0.0.1)", "pause", "done"), ("api (127.0.0.1)", "resume", "done")]
    done = [line for line in group.log() if line["event"] == "done for a person"]
    assert ("pause", "sync-a", "api (127.0.0.1)") in [(line["what"], line["program"], line["by"]) for line in done]


def test_a_restart_happens_at_once_and_starts_a_stopped_sync(group, journal):
    before = group.pid("sync-a")
    assert group.http.post("/api/syncs/sync-a/restart", headers=SCRIPT).json() == {"message": "sync-a is restarted"}
    group.wait_until(lambda: group.pid("sync-a") not in (0, before), "another process")
    group.stop_sync("sync-a")
    assert group.http.post("/api/syncs/sync-a/restart", headers=SCRIPT).json() == {"message": "sync-a is started"}
    group.wait_until(lambda: group.pid("sync-a"), "sync-a to run")
    assert journal_entries(journal) == [("api (127.0.0.1)", "restart", "done")] * 2
    assert "api (127.0.0.1) asked for it" in group.http.get("/api/syncs/sync-a").json()["lastRemedy"]["text"]


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
def test_a_wrong_request_is_refused_with_a_sentence(group, journal, path, options, code):
    response = group.http.post(f"/api/syncs/{path}", **options)
    assert response.status_code == code
    assert response.json()["error"]
    assert "s3cr3t" not in response.text
    assert journal.paused() is None


@pytest.fixture
def stranger(group, request) -> Iterator[httpx.Client]:
    """A client with an address of its own, so that nothing was refused to it before."""
    number = int.from_bytes(request.node.name.encode()[-16:]) % 250
    transport = httpx.HTTPTransport(local_address=f"127.0.7.{number + 2}")
    with httpx.Client(base_url=group.url, transport=transport, timeout=20) as http:
        yield http


def refused_to(group, stranger) -> list[dict]:
    """Return the lines of the log about what was refused to a stranger."""
    address = stranger._transport._pool._local_address
    return [line for line in group.log() if line["event"] == "refused" and line["address"] == address]


def test_a_wrong_token_is_logged_and_kept_apart_from_what_was_done(group, journal, stranger):
    stranger.post("/api/syncs/sync-a/pause", headers={"Authorization": "Bearer s3cr3t-guess"})
    (refusal,) = journal.refusals(1)
    assert (refusal.what, refusal.result, refusal.text) == ("pause", "refused", "this is not the token")
    assert refusal.who.startswith("api (127.0.7.")
    assert journal_entries(journal) == []
    (line,) = refused_to(group, stranger)
    assert (line["what"], line["program"], line["reason"]) == ("pause", "sync-a", "this is not the token")
    assert stranger.post("/session", data={"token": "s3cr3t-guess"}).status_code == 401
    assert "s3cr3t" not in (group.run_dir / "logs/health-monitor.log").read_text()


def test_a_flood_of_wrong_tokens_is_held_up_and_leaves_one_line_and_one_entry(group, journal, stranger):
    journal._refusals.delete_many({})
    answers = [
        stranger.post("/api/syncs/sync-a/pause", headers={"Authorization": f"Bearer guess-{number}"})
        for number in range(200)
    ]
    codes = [answer.status_code for answer in answers]
    assert codes.count(401) < 10
    assert codes.count(429) > 190
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "wait" in answers[-1].json()["error"]
    assert stranger.post("/api/syncs/sync-a/pause", headers=SCRIPT).status_code == 429
    assert group.http.post("/api/syncs/sync-a/pause", headers=SCRIPT).status_code == 200
    assert len(refused_to(group, stranger)) == 1
    assert len(journal.refusals(100)) == 1
    assert journal_entries(journal) == [("api (127.0.0.1)", "pause", "done")]


def test_a_body_that_does_not_arrive_is_not_waited_for(group, journal):
    with socket.create_connection(("127.0.0.1", group.port), timeout=20) as sock:
        head = f"POST /api/syncs/sync-a/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n"
        sock.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        answer = sock.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert journal.paused() is None


def test_the_monitor_does_not_wait_for_a_head_that_does_not_arrive(group):
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", group.port), timeout=60)) for _ in range(2)
        ]
        connections[1].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        for connection in connections:
            assert connection.recv(1000) == b"" or connection.recv(1000) == b""


@pytest.mark.parametrize("back", ["//elsewhere.example", "https://elsewhere.example/", "/\\elsewhere.example"])
def test_signing_in_leads_back_to_no_page_of_another_site(group, back):
    assert "elsewhere" not in group.http.get("/session", params={"back": back}, headers=HERE).text
    response = group.http.post("/session", data={"token": ADMIN_TOKEN, "back": back}, headers=HERE)
    assert (response.status_code, response.headers["Location"]) == (303, "/")
    wrong = {"headers": {**HERE, "Accept": "text/html"}, "params": {"back": back}, "data": {"token": "wrong"}}
    assert "elsewhere" not in group.http.post("/session", **wrong).text


def test_a_thousand_idle_connections_neither_silence_the_monitor_nor_fill_its_log(group):
    before = len(group.log())
    with ExitStack() as stack:
        for _ in range(1100):
            # The monitor may close one before it is fully open.
            stack.enter_context(socket.socket()).connect_ex(("127.0.0.1", group.port))
        with httpx.Client(base_url=group.url, transport=httpx.HTTPTransport(local_address="127.0.9.1")) as http:
            assert http.get("/health/live").status_code == 200
    assert len(group.log()) - before < 5


def test_signing_out_ends_the_session_and_not_only_its_cookie(group, browser, csrf):
    (cookie,) = browser.cookies.jar
    stolen = {"Cookie": f"{cookie.name}={cookie.value}", **HERE}
    assert httpx.post(f"{group.url}/api/syncs/sync-a/resume", data={"csrf": csrf}, headers=stolen).status_code == 409
    assert browser.post("/session/end", data={"csrf": csrf}, headers=HERE).status_code == 303
    assert httpx.post(f"{group.url}/api/syncs/sync-a/resume", data={"csrf": csrf}, headers=stolen).status_code == 401


def test_a_browser_controls_a_sync_with_its_session_and_the_csrf_token_of_its_forms(group, journal, browser, csrf):
    fields = {"csrf": csrf, "reason": "a form", "back": "/syncs/sync-a"}
    response = browser.post("/api/syncs/sync-a/pause", data=fields, headers={**HERE, "Origin": "null"})
    assert (response.status_code, response.headers["Location"]) == (303, "/syncs/sync-a")
    assert journal.paused().by == "status page (127.0.0.1)"
    response = browser.post("/api/syncs/sync-a/resume", json={}, headers={**HERE, "X-CSRF-Token": csrf})
    assert (response.status_code, response.json()) == (200, {"message": "sync-a goes on"})
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
def test_a_request_that_another_site_makes_a_browser_send_is_refused(group, journal, browser, csrf, headers, has_csrf):
    response = browser.post("/api/syncs/sync-a/pause", data={"csrf": csrf if has_csrf else "x"}, headers=headers)
    assert response.status_code == 403
    assert journal.paused() is None
    assert journal_entries(journal) == []


def test_another_site_cannot_sign_a_browser_in(group):
    response = group.http.post("/session", data={"token": ADMIN_TOKEN}, headers={"Sec-Fetch-Site": "cross-site"})
    assert (response.status_code, dict(group.http.cookies)) == (403, {})


def test_the_session_cookie_is_hidden_from_scripts_and_other_sites_and_secure_where_there_is_tls(group):
    for proto, is_secure in (("http", False), ("https", True)):
        response = group.http.post("/session", data={"token": ADMIN_TOKEN}, headers={"X-Forwarded-Proto": proto})
        parts = response.headers["Set-Cookie"].split("; ")
        assert parts[0].startswith(f"jira_sync_{group.environ['PORT']}=")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(parts)
        assert ("Secure" in parts) is is_secure


# What a sync holds


@pytest.fixture
def progress(running_group) -> Iterator[Collection]:
    """Where sync-a keeps what it holds: 300 counterparts that are to be created."""
    hold = {"number": 300, "since": datetime.now(UTC), "first": ["USYNCA-1"], "allowed": 200}
    with MongoClient(running_group.database_url) as client:
        database = client[running_group.database("sync-a")]
        before = database["progress"].find_one({"_id": "sync"})
        database["progress"].update_one({"_id": "sync"}, {"$set": {"brakes": {"creations": hold}}}, upsert=True)
        yield database["requests"]
        database["requests"].delete_many({})
        database["progress"].delete_many({})
        if before:
            database["progress"].insert_one(before)


def test_the_page_shows_what_is_held_and_its_button_lets_it_go(group, journal, progress, browser, csrf):
    text = "300 counterparts would be created at once, more than mostCreationsAtOnce (200): for USYNCA-1"
    group.beat("sync-a", held=(HeldRecord(name="creations", number=300, since=datetime.now(UTC), text=text),))
    worker = group.expect("sync-a", "held")
    assert (worker["level"], worker["advice"], worker["held"][0]["number"]) == (
        "error",
        "jira-sync confirm sync-a",
        300,
    )
    page = browser.get("/syncs/sync-a").text
    assert text in page
    (form,) = re.findall(r'<form method="post" action="/api/syncs/sync-a/confirm".*?</form>', page, re.DOTALL)
    assert 'name="issues" value="creations=300"' in form
    fields = {"csrf": csrf, "issues": "creations=300", "back": "/syncs/sync-a"}
    refused = browser.post("/api/syncs/sync-a/confirm", data={**fields, "csrf": "x"}, headers=HERE)
    assert (refused.status_code, progress.count_documents({})) == (403, 0)
    response = browser.post("/api/syncs/sync-a/confirm", data=fields, headers=HERE)
    assert (response.status_code, response.headers["Location"]) == (303, "/syncs/sync-a")
    assert [(request["kind"], request["issues"]) for request in progress.find()] == [("confirm", ["creations=300"])]
    assert journal_entries(journal)[-1] == ("status page (127.0.0.1)", "confirm", "asked")
    assert "once a worker runs sync-a" in browser.get("/syncs/sync-a").text


def test_nobody_confirms_on_the_page_without_having_signed_in(group, progress):
    group.beat("sync-a", held=(HeldRecord(name="creations", number=300, since=datetime.now(UTC), text="much"),))
    group.expect("sync-a", "held")
    page = group.http.get("/syncs/sync-a").text
    assert "/confirm" not in page
    assert "jira-sync confirm sync-a" in page
    assert group.http.post("/api/syncs/sync-a/confirm", headers=HERE).status_code == 401
    assert progress.count_documents({}) == 0


def test_a_script_confirms_all_that_is_held_and_nothing_where_nothing_is(group, progress):
    response = group.http.post("/api/syncs/sync-a/confirm", headers=SCRIPT)
    assert response.json() == {"message": "what sync-a held goes on, once a worker runs sync-a"}
    assert [request["issues"] for request in progress.find()] == [["creations=300"]]
    strange = group.http.post("/api/syncs/sync-a/confirm", json={"issues": ["gone.user=3"]}, headers=SCRIPT)
    assert (strange.status_code, strange.json()["error"]) == (409, "sync-a does not hold gone.user=3 any more")
    nothing = group.http.post("/api/syncs/sync-b/confirm", headers=SCRIPT)
    assert (nothing.status_code, nothing.json()["error"]) == (409, "sync-b holds nothing")
