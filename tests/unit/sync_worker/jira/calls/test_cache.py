"""How long an answer is believed."""

from __future__ import annotations

from sync_worker.jira.calls import cache
from sync_worker.jira.calls.cache import Cache


def numbers():
    return iter(range(10)).__next__


def test_an_answer_is_looked_up_once():
    kept, look_up = Cache(), numbers()
    assert [kept.get("a", look_up), kept.get("a", look_up), kept.get("b", look_up)] == [0, 0, 1]


def test_an_answer_that_has_lived_too_long_is_looked_up_again(monkeypatch):
    kept, look_up = Cache(), numbers()
    kept.get("a", look_up)
    monkeypatch.setattr(cache, "SECONDS_TO_LIVE", -1.0)
    assert kept.get("a", look_up) == 1


def test_a_forgotten_answer_is_looked_up_again_and_others_are_not():
    kept, look_up = Cache(), numbers()
    kept.get("a", look_up), kept.get("b", look_up)
    kept.forget("a")
    kept.forget("c")
    assert (kept.get("a", look_up), kept.get("b", look_up)) == (2, 1)


def test_nothing_is_left_of_a_cleared_cache():
    kept, look_up = Cache(), numbers()
    kept.get("a", look_up), kept.get("b", look_up)
    kept.clear()
    assert (kept.get("a", look_up), kept.get("b", look_up)) == (2, 3)
