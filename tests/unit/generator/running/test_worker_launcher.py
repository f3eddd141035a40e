"""What a worker with a user of its own is given before it becomes that user."""

from __future__ import annotations

import os

import pytest

from generator.running import worker_launcher
from generator.running.worker_users import WorkerUser, worker_folder, write_users

GROUP = {
    "PATH": "/bin", "URL_A": "http://a", "URL_B": "http://b", "ADMIN_TOKEN": "s3cr3t-x", "JIRA_API_TOKEN": "s3cr3t-j"
}  # fmt: skip


@pytest.fixture
def executed(monkeypatch) -> list:
    calls: list = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    return calls


def test_a_worker_is_given_what_its_file_refers_to_and_nothing_else_of_the_group(tmp_path, executed):
    (tmp_path / "url").write_text("mongodb://user:pw@db\n")
    (tmp_path / "heartbeats").mkdir()
    write_users(tmp_path, {"sync-a": WorkerUser(os.getuid(), ("URL_A",)), "sync-b": WorkerUser(20002, ("URL_B",))})
    environ = {**GROUP, "DATABASE_URL_FILE": str(tmp_path / "url")}
    worker_launcher.main("sync-a", str(tmp_path), "snapshot.json", environ)
    ((_, command, kept),) = executed
    assert kept == {"PATH": "/bin", "URL_A": "http://a", "DATABASE_URL": "mongodb://user:pw@db"}
    own = str(worker_folder(tmp_path, "sync-a"))
    assert command[1:] == (
        "-m", "sync_worker", "--config", "snapshot.json", "--run-dir", own, "--user", str(os.getuid())
    )  # fmt: skip


def test_without_a_user_it_does_not_run_as_root_instead(tmp_path, executed, capsys):
    write_users(tmp_path, {"sync-b": WorkerUser(20002)})
    assert worker_launcher.main("sync-a", str(tmp_path), "snapshot.json", GROUP) == 1
    assert executed == []
    assert "sync-a cannot start" in capsys.readouterr().err
