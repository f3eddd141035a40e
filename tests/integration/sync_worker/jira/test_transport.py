"""Requests that are not answered."""

from __future__ import annotations

import time

import httpx
import pytest

from sync_worker.core.errors import Unavailable
from sync_worker.jira import http_client


@pytest.mark.defect(12)
def test_a_call_that_is_never_answered_ends(simulator, connect, monkeypatch):
    monkeypatch.setattr(http_client, "TIMEOUT", httpx.Timeout(0.2))
    simulator.control.fault("site", "hang")
    jira = connect(simulator.url)
    with pytest.raises(Unavailable, match="no answer"):
        jira.account()
    assert jira.calls == {("GET /myself", 0): 4}


def test_a_write_without_an_answer_is_not_sent_twice(simulator, connect, monkeypatch):
    monkeypatch.setattr(http_client, "TIMEOUT", httpx.Timeout(0.2))
    jira = connect(simulator.url)
    jira.account()
    simulator.control.fault("site", "hang", method="POST")
    with pytest.raises(Unavailable) as error:
        jira.comment("10000", "x", "m")
    assert error.value.ambiguous
    assert jira.calls == {("GET /myself", 200): 1, ("POST /issue/{}/comment", 0): 1}


@pytest.mark.parametrize(
    # an answer of Jira's, or an error page   seconds that our idea of the site's time moves by
    ("is_jiras", "moves"),
    [(True, 8), (False, 0)],
)
def test_a_date_near_jira_s_time_is_believed_if_the_answer_is_jira_s(simulator, connect, is_jiras, moves):
    jira = connect(simulator.url)
    before, began = jira.now(), time.monotonic()
    if not is_jiras:
        simulator.control.fault("site", "answer", status=502, body="<html>", path="/myself$")
    simulator.control.fault("site", "wrong_date", offset=8, path="/myself$")
    if is_jiras:
        jira.account()
    else:
        with pytest.raises(Unavailable):
            jira.account()
    assert abs((jira.now() - before).total_seconds() - (time.monotonic() - began) - moves) < 2
