"""Snapshots of groups that do not run."""

from __future__ import annotations

from generator.running.settings import from_environ
from health_monitor.observation.capture import take_snapshot


def test_an_empty_folder_is_reported_as_trouble(tmp_path):
    """More often the folder was not mounted than it is empty on purpose."""
    environ = {"CONFIG_DIR": str(tmp_path), "RUN_DIR": str(tmp_path / "run")}
    snapshot = take_snapshot(from_environ(environ), environ)
    assert (snapshot.is_healthy, snapshot.supervisor_error) == (False, "supervisord does not run")
    assert f"no sync is there to be run: {tmp_path} holds none" in snapshot.trouble
