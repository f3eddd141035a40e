"""The log of the calls that reached a site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


def test_the_log_holds_each_call_with_its_answer(jira: SiteClient) -> None:
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


def test_calls_are_counted_by_endpoint_and_status(jira: SiteClient) -> None:
    key = jira.create()
    jira.control.forget_calls(jira.name)
    jira.read(key)
    jira.http.get("/issue/SUP-99")
    jira.http.get("/myself")
    assert jira.control.call_summary(jira.name) == {
        "calls": 3,
        "byEndpoint": {"GET /issue/{issue}": {"200": 1, "404": 1}, "GET /myself": {"200": 1}},
    }
