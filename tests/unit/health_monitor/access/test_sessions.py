"""Sessions of browsers."""

from __future__ import annotations

import pytest

from health_monitor.access.credentials import Credential
from health_monitor.access.sessions import IDLE_SECONDS, Sessions


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def sessions_of(*credentials: Credential, **options) -> Sessions:
    return Sessions({credential.id: credential for credential in credentials}.get, **options)


def test_a_session_is_valid_until_it_ends_and_cannot_be_forged(monkeypatch):
    sessions = sessions_of(Credential("one"))
    cookie = sessions.new(Credential("one"))
    session = sessions.read(cookie)
    assert session.cookie == cookie
    until, nonce, signature = cookie.split(".")
    for forged in (f"{int(until) + 1}.{nonce}.{signature}", f"{until}.{nonce}.{session.csrf}", "", "x.y.z"):
        assert sessions.read(forged) is None
    monkeypatch.setattr("time.time", lambda: float(until))
    assert sessions.read(cookie) is None


def test_a_session_ends_when_the_token_of_its_person_changes_or_goes():
    cookie = sessions_of(Credential("one", "ann")).new(Credential("one", "ann"))
    assert sessions_of(Credential("one", "ann")).read(cookie).credential.name == "ann"
    assert sessions_of(Credential("two", "ann")).read(cookie) is None
    assert sessions_of(Credential("one", "bob")).read(cookie) is None
    assert sessions_of().read(cookie) is None


@pytest.mark.parametrize(
    "cookie", ["1.\udcff.x", "9" * 400 + ".a.b", "9" * 9000, "9.n.\udcff\udcff.s", "9.n.%.s", "..."]
)
def test_a_cookie_that_is_none_of_ours_is_no_session(cookie):
    assert sessions_of(Credential("one")).read(cookie) is None


def test_a_session_that_was_ended_stays_ended_in_a_later_process(tmp_path):
    file, credential = tmp_path / "ended.json", Credential("one")
    sessions = sessions_of(credential, file=file)
    ended, other = sessions.read(sessions.new(credential)), sessions.read(sessions.new(credential))
    sessions.end(ended)
    assert ended.cookie not in file.read_text()
    for again in (sessions, sessions_of(credential, file=file)):
        assert again.read(ended.cookie) is None
        assert again.read(other.cookie) is not None


def test_what_was_ended_is_remembered_no_longer_than_it_would_have_lasted(tmp_path, monkeypatch):
    file, credential = tmp_path / "ended.json", Credential("one")
    sessions = sessions_of(credential, file=file)
    first = sessions.read(sessions.new(credential))
    sessions.end(first)
    monkeypatch.setattr("time.time", lambda: first.until + 1.0)
    second = sessions.read(sessions.new(credential))
    sessions.end(second)
    assert first.digest not in file.read_text()
    assert second.digest in file.read_text()


def test_a_session_that_nobody_uses_ends_for_good_and_a_page_that_renews_itself_does_not_use_it():
    clock, credential = Clock(), Credential("one")
    sessions = sessions_of(credential, clock=clock)
    cookie = sessions.new(credential)
    assert sessions.read(cookie)
    clock.now += IDLE_SECONDS - 1
    assert sessions.read(cookie)
    clock.now += IDLE_SECONDS - 1
    assert sessions.read(cookie, is_use=False)
    clock.now += 1
    assert sessions.read(cookie, is_use=False) is None
    assert sessions.read(cookie) is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": "b"}', '{"a": null}', "\xff"])
def test_a_file_of_ended_sessions_that_is_broken_ends_nothing(tmp_path, content):
    file, credential = tmp_path / "ended.json", Credential("one")
    file.write_text(content, encoding="latin-1")
    sessions = sessions_of(credential, file=file)
    assert sessions.read(sessions.new(credential))
