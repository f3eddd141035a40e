"""Who may control syncs."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from health_monitor.access import Gate


def request_with(cookie: str) -> web.BaseRequest:
    """Return a request with this session cookie."""
    return make_mocked_request("GET", "/", headers={"Cookie": f"c={cookie}"})


def test_a_session_is_valid_until_it_ends_or_the_token_changes_and_cannot_be_forged(monkeypatch):
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
