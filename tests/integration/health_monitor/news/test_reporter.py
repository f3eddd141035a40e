"""The reporter with a real receiver, over restarts and while the receiver takes nothing."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
import structlog

from health_monitor.news import changes, outbox, reporter, sending
from health_monitor.news.reporter import Reporter
from health_monitor.observation.news_trouble import news_path, read_news_trouble
from health_monitor.observation.snapshot import Snapshot, SyncView
from sync_model.definition.sync import Sync
from sync_model.health.heartbeat import Heartbeat, Phase
from sync_model.health.judgement import Facts, ProcessInfo, judge

DEFINITION = {"userProjectKey": "U", "devProjectKey": "D", "rules": [{"sourceStatus": "A", "syncDirection": "both"}]}


class Group:
    """A group whose syncs are in the states that a test gives them, and a monitor that can be ended and started."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.syncs: dict[str, dict[str, object]] = {}
        self.notify: dict[str, list[str]] = {}
        self.trouble: str | None = None
        self.reporter: Reporter | None = None

    def snapshot(self) -> Snapshot:
        now = datetime.now(UTC)
        return Snapshot(now, tuple(self._view(name, now) for name in self.syncs), trouble=self.trouble)

    def _view(self, name: str, now: datetime) -> SyncView:
        ago = now - timedelta(minutes=9)
        known = {"phase": Phase.WAITING, "pid": 7, "digest": "d", "since": ago, "sent": now, "last_success": now}
        heartbeat = Heartbeat(name=name, **{**known, **self.syncs[name]})
        facts = Facts(name, ProcessInfo("RUNNING", 7, ago), heartbeat)
        sync = Sync.model_validate({"name": name, **DEFINITION, "notify": self.notify.get(name)})
        return SyncView(name, f"{name}.json", sync, facts, judge(facts, now))

    @contextmanager
    def monitor(self, **environ: str) -> Iterator[None]:
        """Run a reporter until the context is left."""
        loop, stopped = asyncio.new_event_loop(), asyncio.Event()
        self.reporter = Reporter(self.run_dir, {"NOTIFY_AFTER": "0", **environ}, self.snapshot, structlog.get_logger())
        thread = Thread(target=loop.run_until_complete, args=(self.reporter.run(stopped),))
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stopped.set)
            thread.join()
            loop.close()

    @property
    def trouble_of_news(self) -> str:
        return read_news_trouble(self.run_dir) or ""


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Group:
    monkeypatch.setattr(reporter, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(reporter, "READ_SETTINGS_SECONDS", 0.1)
    monkeypatch.setattr(changes, "LEAST_PAUSE", 0.1)
    monkeypatch.setattr(outbox, "FIRST_PAUSE", 0.05)
    return Group(tmp_path)


Wait = Callable[..., object]
REFUSED = {"phase": Phase.REFUSED, "reason": "s3cr3t words of Jira"}


def test_a_sync_that_fails_and_is_well_again_is_told_of_twice(group: Group, receiver, wait_until: Wait):
    group.syncs = {"a": REFUSED, "b": {}}
    with group.monitor(NOTIFY_URL=receiver.url, PAGE_URL="https://sync.example.com/base/"):
        wait_until(lambda: receiver.changes == [("a", "needs you")], "the news")
        group.syncs["a"] = {}
        wait_until(lambda: receiver.changes == [("a", "needs you"), ("a", "is well again")], "the end of it")
    assert receiver.got[0]["group"] == "sync.example.com"
    assert receiver.got[0]["changes"][0]["page"] == "https://sync.example.com/base/syncs/a"
    assert "s3cr3t" not in str(receiver.got)


def test_the_trouble_of_the_group_is_told_of(group: Group, receiver, wait_until: Wait):
    group.trouble = "mongodb has failed"
    with group.monitor(NOTIFY_URL=receiver.url):
        wait_until(lambda: receiver.changes == [(None, "needs you")], "the news")
    assert receiver.got[0]["changes"][0]["why"] == "mongodb has failed"


def test_a_restart_repeats_nothing_and_loses_no_end(group: Group, receiver, wait_until: Wait):
    group.syncs = {"a": REFUSED}
    for _ in range(3):
        with group.monitor(NOTIFY_URL=receiver.url):
            wait_until(lambda: receiver.changes == [("a", "needs you")], "the news")
    group.syncs = {"a": {}}
    for _ in range(2):
        with group.monitor(NOTIFY_URL=receiver.url):
            wait_until(lambda: len(receiver.changes) == 2, "the end of it")
    assert receiver.changes == [("a", "needs you"), ("a", "is well again")]


def test_what_could_not_be_sent_is_kept_over_a_restart_for_its_owner_alone(group: Group, receiver, wait_until: Wait):
    receiver.status = 500
    group.syncs = {"a": REFUSED}
    with group.monitor(NOTIFY_URL=receiver.url):
        wait_until(lambda: "it answers 500" in group.trouble_of_news, "the failure")
    assert "1 message could not be sent to the webhook at 127.0.0.1: it answers 500" in group.trouble_of_news
    kept = news_path(group.run_dir)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "hook-s3cr3t" not in kept.read_text()
    receiver.status = 200
    with group.monitor(NOTIFY_URL=receiver.url):
        wait_until(lambda: receiver.changes == [("a", "needs you")], "the news")
        wait_until(lambda: not group.trouble_of_news, "the trouble to be over")
    assert json.loads(kept.read_text())["outbox"] == []


def test_a_receiver_that_takes_nothing_is_asked_less_and_less(
    group: Group, receiver, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbox, "FIRST_PAUSE", 0.5)
    receiver.status = 503
    group.syncs = {"a": REFUSED}
    with group.monitor(NOTIFY_URL=receiver.url):
        wait_until(lambda: len(receiver.paths) == 3, "the third attempt")
        asked = json.loads(news_path(group.run_dir).read_text())
        assert len(receiver.paths) == 3
    assert len(asked["outbox"]) == 1


def test_how_long_a_receiver_asks_to_wait_is_heeded(group: Group, receiver, new_receiver, wait_until: Wait):
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    group.syncs = {"a": REFUSED}
    other = new_receiver()
    path = group.run_dir / "notify"
    path.write_text(f"team {other.url}")
    group.notify["b"] = ["team"]
    with group.monitor(NOTIFY_URL=receiver.url, NOTIFY_FILE=str(path)):
        wait_until(lambda: "429" in group.trouble_of_news, "the failure")
        for turn in range(1, 4):
            group.syncs["b"] = REFUSED if turn % 2 else {}
            wait_until(lambda turn=turn: len(other.got) == turn, "the others to be told")
    assert len(receiver.paths) == 1


def test_a_receiver_that_hangs_keeps_nobody_else_from_news(
    group: Group, receiver, new_receiver, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reporter, "SECONDS_TO_STOP", 0.1)
    receiver.hangs = True
    other = new_receiver()
    path = group.run_dir / "notify"
    path.write_text(f"team {receiver.url}\nteam {other.url}")
    group.syncs, group.notify = {"a": REFUSED}, {"a": ["team"]}
    with group.monitor(NOTIFY_FILE=str(path)):
        wait_until(lambda: other.changes == [("a", "needs you")], "the news")
        wait_until(lambda: receiver.paths, "the attempt that hangs")
    receiver.released.set()
    receiver.hangs = False
    with group.monitor(NOTIFY_FILE=str(path)):
        wait_until(lambda: receiver.changes == [("a", "needs you")], "the news that had hung")
    assert other.changes == [("a", "needs you")]


def test_what_is_being_sent_is_on_the_disk_before_so_that_a_monitor_which_is_killed_loses_nothing(
    group: Group, receiver, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reporter, "SECONDS_TO_STOP", 0.1)
    receiver.hangs = True
    group.syncs = {"a": REFUSED}
    with group.monitor(NOTIFY_URL=receiver.url):
        wait_until(lambda: receiver.paths, "the attempt that hangs")
        kept = json.loads(news_path(group.run_dir).read_text())
    assert len(kept["outbox"]) == 1
    assert kept["followed"]["a"]["told"] == "error"


def test_each_sync_goes_to_whom_its_file_names(group: Group, receiver, new_receiver, wait_until: Wait):
    team = new_receiver()
    path = group.run_dir / "notify"
    path.write_text(f"team {team.url}")
    group.syncs = dict.fromkeys(("plain", "both", "nobody", "of-team", "misspelt"), REFUSED)
    group.notify = {"of-team": ["team"], "both": ["team", "group"], "nobody": [], "misspelt": ["tema"]}
    with group.monitor(NOTIFY_URL=receiver.url, NOTIFY_FILE=str(path)):
        wait_until(lambda: receiver.got and team.got, "the news")
        wait_until(lambda: "misspelt: notify: nobody is called tema" in group.trouble_of_news, "the mistake")
    assert [sync for sync, _ in team.changes] == ["both", "of-team"]
    assert [sync for sync, _ in receiver.changes] == ["both", "misspelt", "plain"]


def test_a_file_that_cannot_be_read_for_a_while_loses_no_message(group: Group, receiver, wait_until: Wait):
    path = group.run_dir / "url"
    group.syncs = {"a": REFUSED}
    with group.monitor(NOTIFY_URL_FILE=str(path)):
        wait_until(lambda: "NOTIFY_URL_FILE" in group.trouble_of_news, "the fault")
        path.write_text(receiver.url)
        wait_until(lambda: receiver.changes == [("a", "needs you")], "the news")
        wait_until(lambda: not group.trouble_of_news, "the fault to be over")


def test_a_message_that_waits_is_kept_while_the_file_with_its_address_is_gone(group: Group, receiver, wait_until: Wait):
    path = group.run_dir / "url"
    path.write_text(receiver.url)
    receiver.status = 500
    group.syncs = {"a": REFUSED}
    with group.monitor(NOTIFY_URL_FILE=str(path)):
        wait_until(lambda: "it answers 500" in group.trouble_of_news, "the failure")
        path.unlink()
        wait_until(lambda: "NOTIFY_URL_FILE" in group.trouble_of_news, "the fault")
        receiver.status = 200
        path.write_text(receiver.url)
        wait_until(lambda: receiver.changes == [("a", "needs you")], "the news")


def test_with_nobody_to_be_told_nothing_is_remembered(group: Group, receiver, wait_until: Wait):
    group.syncs = {"a": REFUSED}
    with group.monitor(NOTIFY_URL=receiver.url):
        wait_until(lambda: receiver.got, "the news")
    assert news_path(group.run_dir).exists()
    with group.monitor():
        wait_until(lambda: not news_path(group.run_dir).exists(), "the file to be gone")


def test_a_run_directory_that_cannot_be_written_keeps_nobody_from_news(
    group: Group, receiver, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reporter, "write_state", full)
    group.syncs = {"a": REFUSED}
    with group.monitor(NOTIFY_URL=receiver.url):
        wait_until(lambda: receiver.changes == [("a", "needs you")], "the news")


@pytest.mark.parametrize("content", ["", "{}", "null", '{"outbox": 7}', "\xff"])
def test_what_was_remembered_and_is_damaged_stops_nothing(group: Group, receiver, wait_until: Wait, content):
    news_path(group.run_dir).write_text(content, encoding="latin-1")
    group.syncs = {"a": REFUSED}
    with group.monitor(NOTIFY_URL=receiver.url):
        wait_until(lambda: receiver.changes == [("a", "needs you")], "the news")


def test_a_fault_of_ours_in_sending_is_tried_again_with_a_pause(
    group: Group, receiver, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise KeyError("s3cr3t")

    group.syncs = {"a": REFUSED}
    with monkeypatch.context() as patch:
        patch.setattr(sending, "body", broken)
        with group.monitor(NOTIFY_URL=receiver.url):
            wait_until(lambda: "a fault of jira-sync (KeyError)" in group.trouble_of_news, "the fault")
    with group.monitor(NOTIFY_URL=receiver.url):
        wait_until(lambda: receiver.changes == [("a", "needs you")], "the news")
