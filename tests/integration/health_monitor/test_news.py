"""News of a real group with a real monitor: what it sends, what it shows, and what its programs know of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jira_sync.__main__ import main
from receivers import Receiver, ReceiverServer
from sync_model.health.heartbeat import Phase


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    server = ReceiverServer()
    yield server.receiver
    server.close()


@pytest.fixture(scope="module")
def told_group(start_group, receiver) -> Iterator:
    environ = {"NOTIFY_URL": receiver.url, "NOTIFY_AFTER": "0", "PAGE_URL": "https://sync.example.com"}
    with start_group(STUCK_AFTER="86400", **environ) as group:
        yield group


def test_a_monitor_that_is_killed_repeats_no_news_and_tells_the_end(told_group, receiver, wait_until):
    group = told_group
    for name in ("sync-a", "sync-b", "sync-c"):
        group.beat(name)
    group.expect_ready()
    group.beat("sync-a", Phase.REFUSED, reason="s3cr3t words of Jira")
    wait_until(lambda: receiver.changes == [("sync-a", "needs you")], "the news")
    # What is killed between the answer and its note of it sends the same message again, with the same id.
    noted = group.run_dir / "news.json"
    wait_until(lambda: json.loads(noted.read_text())["outbox"] == [], "the note of it")
    pid = group.pid("health-monitor")
    group.supervisor.signal("health-monitor", "KILL")
    wait_until(lambda: group.pid("health-monitor") not in (0, pid) and group.answers(), "another monitor")
    group.beat("sync-b", dead_letters=2)
    wait_until(lambda: receiver.changes[1:] == [("sync-b", "needs a look")], "other news")
    group.beat("sync-a")
    group.beat("sync-b")
    wait_until(lambda: {turn for _, turn in receiver.changes[2:]} == {"is well again"}, "the end")
    wait_until(lambda: len(receiver.changes) == 4, "the end of both")
    assert receiver.got[0]["group"] == "sync.example.com"
    assert "s3cr3t" not in str(receiver.got)


def test_what_cannot_be_sent_is_on_the_page_in_the_api_the_metrics_and_the_status(
    told_group, receiver, wait_until, monkeypatch, capsys
):
    group = told_group
    receiver.status = 404
    group.beat("sync-c", Phase.REFUSED, reason="no")

    def trouble() -> str:
        return str(group.http.get("/api/syncs").json()["newsTrouble"])

    wait_until(lambda: "the webhook at 127.0.0.1: it answers 404" in trouble(), "the trouble")
    page = group.http.get("/", headers={"Accept": "text/html"}).text
    assert "Not everybody could be told: 1 message could not be sent to the webhook at 127.0.0.1" in page
    assert "jira_sync_news_failing 1.0" in group.http.get("/metrics").text
    for name, value in group.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(Path(__file__).parents[3])
    assert main(["status"]) == 1
    printed = capsys.readouterr()
    assert "not everybody could be told: 1 message could not be sent" in printed.err
    for text in (trouble(), page, printed.out, printed.err, str(group.log())):
        assert "hook-s3cr3t" not in text
    receiver.status = 200
    wait_until(lambda: ("sync-c", "needs you") in receiver.changes, "the news")
    wait_until(lambda: trouble() == "None", "the trouble to be over")
    group.beat("sync-c")
