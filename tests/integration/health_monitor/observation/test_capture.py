"""Snapshots of groups that do not run."""

from __future__ import annotations

import json

from generator.running.settings.group import from_environ
from health_monitor.observation.capture import take_snapshot
from sync_model.health.heartbeat import HeartbeatReader


def test_an_empty_folder_is_reported_as_trouble(tmp_path):
    """More often the folder was not mounted than it is empty on purpose."""
    environ = {"CONFIG_DIR": str(tmp_path), "RUN_DIR": str(tmp_path / "run")}
    snapshot = take_snapshot(from_environ(environ), environ)
    assert (snapshot.is_healthy, snapshot.supervisor_error) == (False, "supervisord does not run")
    assert f"no sync is there to be run: {tmp_path} holds none" in snapshot.trouble


def test_a_sync_whose_heartbeat_cannot_be_judged_hides_no_other(tmp_path, monkeypatch):
    """What nobody has foreseen yet is shown by a fault in the code, because no known heartbeat causes one."""
    environ = {"CONFIG_DIR": str(tmp_path), "RUN_DIR": str(tmp_path / "run")}
    for name in ("sync-a", "sync-b"):
        jira = {"baseUrl": "https://jira.example.com", "apiToken": "${T}"}
        keys = {"userProjectKey": f"U{name[-1]}", "devProjectKey": "D", "rules": []}
        (tmp_path / f"{name}.json").write_text(json.dumps({"name": name, "jira": jira, **keys}))

    def read(_reader, _run_dir, name):
        if name == "sync-a":
            raise OverflowError

    monkeypatch.setattr(HeartbeatReader, "read", read)
    snapshot = take_snapshot(from_environ(environ), environ)
    views = {view.name: view for view in snapshot.syncs}
    assert set(views) == {"sync-a", "sync-b"}
    assert "what it says of itself cannot be judged" in "".join(views["sync-a"].facts.problems)
    assert views["sync-b"].facts.problems == ()
