"""Who may look and who may act, where more than one token or a proxy decides."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sync_worker.database.connection import connect
from sync_worker.database.journal import Journal

ADMIN_TOKEN = "s3cr3t-admin-token"
ANN, VIEW = "token-of-ann-1357", "to-look-only-97531"
HERE = {"Sec-Fetch-Site": "same-origin"}
BROWSER = {"Accept": "text/html", **HERE}
OPENED_AND_CLOSED, EVENT_SIZE = 0x20 | 0x10, 16
CLOSED = ("/", "/syncs/sync-a", "/health", "/api/syncs", "/api/syncs/sync-a", "/metrics", "/nothing")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def csrf_of(page: str) -> str:
    return re.search(r'name="csrf" value="(\w+)"', page)[1]


@pytest.fixture(scope="module")
def operators(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("secrets") / "operators"
    file.write_text(f"ann {ANN}\n")
    return file


@pytest.fixture(scope="module")
def running_group(start_group, operators) -> Iterator[object]:
    """A group that only people who are known can look at. A proxy at 127.0.5.1 names some of them."""
    environ = {
        "STUCK_AFTER": "86400",
        "OPERATORS_FILE": str(operators),
        "VIEW_TOKEN": VIEW,
        "TRUSTED_PROXIES": "127.0.5.1",
        "PROXY_USER_HEADER": "Remote-User",
        "PROXY_OPERATORS": "carla",
    }
    with start_group(**environ) as group:
        yield group


@pytest.fixture
def journal(running_group) -> Iterator[Journal]:
    with connect(running_group.database_url, "test") as client:
        journal = Journal(client, running_group.database("sync-a"))
        journal._actions.delete_many({})
        yield journal
        journal.resume()


@pytest.fixture
def visit(running_group) -> Iterator[object]:
    """Return a function that makes a client with an address of its own."""
    clients = []

    def make(address: str = "127.0.0.1", **headers: str) -> httpx.Client:
        transport = httpx.HTTPTransport(local_address=address)
        clients.append(httpx.Client(base_url=running_group.url, transport=transport, headers=headers, timeout=20))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_nobody_who_is_not_known_sees_anything_but_whether_the_monitor_is_up(running_group, visit):
    stranger = visit("127.0.6.1")
    for path in CLOSED:
        answer = stranger.get(path)
        assert (path, answer.status_code) == (path, 401)
        assert "sync-" not in answer.text.replace("jira-sync", "").replace(path, "")
    assert stranger.get("/health/live").status_code == 200
    ready = running_group.wait_until(lambda: (a := stranger.get("/health/ready")).json()["message"] and a, "an answer")
    assert "sync-a" not in ready.text
    assert stranger.post("/api/syncs/no-such/pause").status_code == 401
    page = stranger.get("/syncs/sync-a", headers=BROWSER)
    assert (page.status_code, 'name="token"' in page.text, 'value="/syncs/sync-a"' in page.text) == (401, True, True)


def test_who_has_the_token_to_look_can_look_and_not_act(running_group, visit, journal):
    script = visit("127.0.6.2", **bearer(VIEW))
    for path in CLOSED[:-1]:
        assert (path, script.get(path).status_code in (200, 503)) == (path, True)
    refused = script.post("/api/syncs/sync-a/pause")
    assert (refused.status_code, refused.json()["error"]) == (403, "whoever you are may look, and not act")
    browser = visit("127.0.6.3")
    assert browser.post("/session", data={"token": VIEW, "back": "/syncs/sync-a"}, headers=HERE).status_code == 303
    page = browser.get("/syncs/sync-a", headers=BROWSER).text
    assert "You may look, and not act." in page
    assert "/pause" not in page
    data = {"csrf": csrf_of(page)}
    assert browser.post("/api/syncs/sync-a/pause", data=data, headers=HERE).status_code == 403
    assert journal.paused() is None
    assert browser.post("/session/end", data=data, headers=HERE).status_code == 303
    assert browser.get("/", headers=BROWSER).status_code == 401


def test_the_journal_names_the_operator_whose_token_it_was(running_group, visit, journal):
    assert visit("127.0.6.4", **bearer(ANN)).post("/api/syncs/sync-a/pause").status_code == 200
    browser = visit("127.0.6.5")
    browser.post("/session", data={"token": ANN}, headers=HERE)
    page = browser.get("/syncs/sync-a", headers=BROWSER).text
    assert '<span class="muted">ann</span>' in page
    assert browser.post("/api/syncs/sync-a/resume", data={"csrf": csrf_of(page)}, headers=HERE).status_code == 303
    assert visit("127.0.6.6", **bearer(ADMIN_TOKEN)).post("/api/syncs/sync-a/pause").status_code == 200
    assert [entry.who for entry in reversed(journal.actions(9))] == [
        "ann (api, 127.0.6.4)",
        "ann (status page, 127.0.6.5)",
        "api (127.0.6.6)",
    ]


def test_a_user_whom_the_proxy_names_looks_and_acts_if_allowed_with_the_address_that_the_proxy_tells(
    running_group, visit, journal
):
    carla = visit("127.0.5.1", **{"Remote-User": "carla", "X-Forwarded-For": "203.0.113.9, 198.51.100.7"})
    page = carla.get("/syncs/sync-a", headers=BROWSER).text
    data = {"csrf": csrf_of(page), "reason": "a test"}
    for headers, fields in (({"Sec-Fetch-Site": "cross-site"}, data), (HERE, {"csrf": "x"})):
        assert carla.post("/api/syncs/sync-a/pause", data=fields, headers=headers).status_code == 403
    assert carla.post("/api/syncs/sync-a/pause", data=data, headers=HERE).status_code == 303
    assert journal.paused().by == "carla (status page, 198.51.100.7)"
    dora = visit("127.0.5.1", **{"Remote-User": "dora"})
    page = dora.get("/syncs/sync-a", headers=BROWSER).text
    assert "You may look, and not act." in page
    for csrf in ("", data["csrf"]):
        assert dora.post("/api/syncs/sync-a/resume", data={"csrf": csrf}, headers=HERE).status_code == 403


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.6.7"])
def test_nobody_but_the_proxy_can_name_a_user(visit, address):
    forger = visit(address, **{"Remote-User": "carla", "X-Forwarded-For": "127.0.5.1"})
    assert forger.get("/", headers=BROWSER).status_code == 401
    assert forger.post("/api/syncs/sync-a/pause").status_code == 401


def test_the_proxy_names_nobody_to_who_has_not_signed_in_there(visit):
    assert visit("127.0.5.1").get("/health").status_code == 401
    doubled = httpx.Headers([("Remote-User", "dora"), ("Remote-User", "carla")])
    assert visit("127.0.5.1").get("/health", headers=doubled).status_code == 401


def test_guesses_are_counted_for_the_client_and_not_for_the_proxy(visit):
    proxy = visit("127.0.5.1")
    codes = {
        proxy.get("/health", headers={**bearer(f"guess {number}"), "X-Forwarded-For": "198.51.100.66"}).status_code
        for number in range(20)
    }
    assert codes == {401, 429}
    assert proxy.get("/health", headers={**bearer(VIEW), "X-Forwarded-For": "198.51.100.67"}).status_code in (200, 503)


def test_a_request_reads_each_file_of_tokens_once(running_group, visit, operators):
    """The kernel counts: each file is opened anew for each request, and once for all that is asked of it."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, str(operators).encode(), OPENED_AND_CLOSED) > 0
    for headers in (bearer(ANN), BROWSER, {**BROWSER, "Cookie": "x=y"}):
        for path in ("/", "/syncs/sync-a", "/health", "/api/syncs/sync-a"):
            visit(**headers).get(path)
            assert (path, len(os.read(watch, 4096)) // EVENT_SIZE) == (path, 2)
    os.close(watch)
