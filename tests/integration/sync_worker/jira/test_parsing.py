"""Answers of Jira that cannot be understood: each is a problem of its own issue."""

from __future__ import annotations

from typing import Any

import pytest

from sync_worker.jira.parsing import issue_json

LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""


@pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
def test_an_answer_that_cannot_be_understood_holds_up_no_other_issue_and_is_asked_for_again(bench, monkeypatch):
    pairs = [bench.pair() for _ in range(3)]
    key, counterpart = pairs[1]
    identity, understand = bench.issue(counterpart)["id"], issue_json.issue

    def odd(data: dict[str, Any]):
        if str(data["id"]) == identity and "odd" not in healed:
            data = {**data, "fields": {**data["fields"], "status": None}}
        return understand(data)

    healed: list[str] = []
    monkeypatch.setattr(issue_json, "issue", odd)
    for _, each in pairs:
        bench.dev.move(each, "Closed")
    for _ in range(3):
        assert bench.cycle().failed == 1
        bench.pass_time(LONG_ENOUGH)  # search does not show the change any more
    assert [bench.status(each) for each, _ in pairs] == ["Resolved", "Will Do", "Resolved"]
    assert f"Jira's answer for {counterpart} cannot be understood" in bench.logged("issue left alone")[0]["error"]
    healed.append("odd")
    assert bench.cycle().failed == 0
    assert bench.status(key) == "Resolved"


def test_an_answer_that_cannot_be_understood_is_not_said_to_be_an_issue_that_is_gone(bench, monkeypatch):
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.control.fault("one", "status", status=500, times=1, method="POST", path="/transitions$")
    bench.cycle()
    identity, understand = bench.issue(counterpart)["id"], issue_json.issue

    def odd(data):
        if str(data["id"]) == identity:
            data = {**data, "fields": {**data["fields"], "status": None}}
        return understand(data)

    monkeypatch.setattr(issue_json, "issue", odd)
    bench.pass_time(400)
    bench.cycle()
    assert "is gone" not in bench.failures()[0]
