"""The client's own promises, where a whole cycle would not show them."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from jira_simulator.client import SimulatorControl
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from sync_model.connection import Connection
from sync_worker.core.errors import InvalidRequest, NeedsOperator, Unavailable
from sync_worker.core.issue import Attachment
from sync_worker.jira import JiraClient, client, transport

REPO = Path(__file__).parents[4]
USER = {"name": "sync", "email": "sync@example.com", "token": "t"}
EPOCH = datetime.fromtimestamp(0, UTC)
LARGE = 24 * 1024 * 1024


def seed(**options: Any) -> dict[str, Any]:
    projects = [{"key": "SUP"}, {"key": "OTHER"}]
    return {"sites": [{"name": "site", "users": [USER], "projects": projects, **options}]}


def connected(url: str, pause: Callable[[float], None] = lambda _seconds: None, *, cloud: bool = True) -> JiraClient:
    connection = Connection(f"{url}/site", f"{url}/site", SecretStr("t"), "sync@example.com" if cloud else None)
    return JiraClient(lambda: connection, pause)


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with RunningSimulator(Seed.model_validate(seed())) as running:
        yield running


@pytest.mark.defect(5)
def test_pages_that_shift_under_our_hands_are_read_again(monkeypatch):
    """An issue leaves the project between two pages, so that the next page begins one too far."""
    monkeypatch.setattr(client, "PAGE", 2)
    with RunningSimulator(Seed.model_validate(seed(flavor="data_center"))) as simulator:
        person = simulator.control.person("site", "sync", "t", bearer=True)
        keys = [person.create("SUP", f"issue {number}") for number in range(6)]
        moved = []

        def pause(_seconds: float) -> None:
            searches = [each for each in simulator.control.calls("site") if each["endpoint"].endswith("/search")]
            if len(searches) == 1 and not moved:
                moved.append(simulator.control.move("site", keys[0], "OTHER"))

        jira = connected(simulator.url, pause, cloud=False)
        found = {each.id for each in jira.changed_since(jira.project_id("SUP"), None)}
        assert moved
        assert found >= {each["id"] for each in simulator.control.issues("site", "SUP")}
        person.http.close()
        jira.close()


@pytest.mark.defect(12)
def test_a_call_that_is_never_answered_ends(simulator, monkeypatch):
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.2))
    simulator.control.fault("site", "hang")
    jira = connected(simulator.url)
    with pytest.raises(Unavailable, match="no answer"):
        jira.account()
    assert jira.calls == {("GET /myself", 0): 4}
    jira.close()


def test_a_write_without_an_answer_is_not_sent_twice(simulator, monkeypatch):
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.2))
    jira = connected(simulator.url)
    jira.account()
    simulator.control.fault("site", "hang", method="POST")
    with pytest.raises(Unavailable) as error:
        jira.comment("10000", "x", "m")
    assert error.value.ambiguous
    assert jira.calls == {("GET /myself", 200): 1, ("POST /issue/{}/comment", 0): 1}
    jira.close()


@pytest.mark.parametrize(
    # status   error         ambiguous
    ("status", "kind", "ambiguous"),
    [
        (400, InvalidRequest, None),
        (403, InvalidRequest, None),
        (404, InvalidRequest, None),
        (409, InvalidRequest, None),
        (413, InvalidRequest, None),
        (422, InvalidRequest, None),
        (500, Unavailable, True),
        (503, Unavailable, True),
        (408, Unavailable, True),
        (429, Unavailable, False),
    ],
)
def test_what_an_answer_means_for_a_write(simulator, status, kind, ambiguous):
    simulator.control.fault("site", "status", status=status, method="POST", message="because of this")
    jira = connected(simulator.url)
    with pytest.raises(kind, match="because of this") as error:
        jira.comment("10000", "x", "m")
    assert error.value.status == status
    assert getattr(error.value, "ambiguous", None) is ambiguous
    jira.close()


def test_a_page_that_repeats_ends_the_search(simulator):
    jira = connected(simulator.url)
    pages = [{"issues": [], "nextPageToken": "a"}, {"issues": [], "nextPageToken": "a"}]
    with pytest.raises(Unavailable, match="repeats a page"):
        list(client.all_pages(lambda _body: pages.pop(0), {}))
    jira.close()


def test_the_whole_of_a_long_history_is_read_where_it_is_needed(simulator):
    with simulator.control.person("site", "sync@example.com", "t") as person:
        key = person.create("SUP", "x")
        person.move(key, "Will Do")
        for number in range(130):
            person.edit(key, summary=f"edit {number}")
    jira = connected(simulator.url)
    identity = simulator.control.issue("site", key)["id"]
    (issue,) = jira.read([identity]).issues
    assert issue.changes == ()
    assert issue.history_from is not None
    assert [change.to_status for change in jira.with_history(issue).changes] == ["Will Do"]
    whole = jira.issue(identity)
    assert whole is not None
    assert [change.to_status for change in whole.changes] == ["Will Do"]
    jira.close()


@pytest.mark.defect(18)
def test_a_file_is_never_whole_in_memory(tmp_path, free_port, wait_until):
    """The simulator, which does hold it, is another process here."""
    (tmp_path / "seed.json").write_text(json.dumps(seed(uploadLimit=2 * LARGE)))
    port = free_port()
    command = [sys.executable, "-m", "jira_simulator", "--seed", str(tmp_path / "seed.json"), "--port", str(port)]
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    control = SimulatorControl(f"http://127.0.0.1:{port}")
    try:
        with control.person("site", "sync@example.com", "t") as person:
            source, target = person.create("SUP", "a"), person.create("SUP", "b")
            person.attach(source, "large.bin", b"x" * LARGE)
        before = control.issue("site", source)["attachments"][0]
        jira = connected(control.url)
        file = Attachment(before["id"], "large.bin", LARGE, "application/octet-stream")
        tracemalloc.start()
        with jira.download(file) as content:
            jira.upload(control.issue("site", target)["id"], file, content)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert control.issue("site", target)["attachments"][0]["sha256"] == before["sha256"]
        assert peak < LARGE / 8
        jira.close()
    finally:
        control.close()
        process.terminate()
        process.wait()
        process.stdout.close()


def test_a_captcha_is_told_from_a_wrong_token(simulator):
    """Jira's answer says both: that it denies authentication, and that it wants a captcha solved."""
    simulator.control.fault("site", "captcha")
    with pytest.raises(NeedsOperator, match="solve its captcha"):
        connected(simulator.url).account()
