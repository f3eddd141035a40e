"""Who can read the logs of a group: its own user alone, wherever they are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LARGEST = 10 * 1024 * 1024


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder of logs outside of the run directory, with what a version before has left, about to be rotated."""
    folder = tmp_path / "logs"
    folder.mkdir()
    folder.chmod(0o755)
    for name in ("supervisord.log", "sync-a.log", "sync-a.log.1", "of-another-service.log"):
        (folder / name).touch()
        os.truncate(folder / name, LARGEST)
        (folder / name).chmod(0o644)
    return folder


@pytest.mark.parametrize("foreground", [False, True])
def test_logs_are_their_owner_s_alone_old_and_new_and_rotated_ones(group, logs, foreground):
    group.write("sync-a.json")
    environ = {**group.environ, "LOG_DIR": str(logs)}
    started = None
    if foreground:
        command = [sys.executable, "-m", "generator", "start", "--foreground"]
        started = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, umask=0o022)
    else:
        assert group.run("start", LOG_DIR=str(logs)).code == 0
    group.wait_until(lambda: "sync-a" in group.digests(), "the worker to be ready")
    group.wait_until((logs / "sync-a.log.2").exists, "the worker's log to be rotated")
    (logs / "sync-a.log").rename(logs / "moved")  # as logrotate does
    os.kill(group.supervisord, signal.SIGUSR2)
    group.wait_until((logs / "sync-a.log").exists, "another log")
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in logs.iterdir()}
    assert {"supervisord.log", "supervisord.log.1", "health-monitor.log", "sync-a.log.1", "moved"} < modes.keys()
    assert {name for name, mode in modes.items() if mode != "0o600"} == {"of-another-service.log"}
    if started:
        started.terminate()
        assert started.wait(30) == 0


def test_a_link_in_the_folder_of_the_logs_is_not_followed_to_another_file(group, logs, tmp_path):
    other = tmp_path / "other"
    other.touch(mode=0o644)
    other.chmod(0o644)
    (logs / "sync-a.log.3").symlink_to(other)
    os.mkfifo(logs / "sync-a.log.2")
    group.write("sync-a.json")
    assert group.run("start", LOG_DIR=str(logs)).code == 0
    assert other.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("spawn", ["fork", "exec"])
def test_every_line_of_a_group_on_standard_output_is_one_json_object(group, spawn, tmp_path):
    """A container's log is read by machines: supervisord's own lines, the watcher's and those of the start, too."""
    group.write("sync-a.json")
    (group.configs / "sync-b.json").write_text("{")
    environ = {**group.environ, "SPAWN": spawn, "WATCH": "1"}
    with (tmp_path / "out").open("ab") as out:
        command = [sys.executable, "-m", "generator", "start", "--foreground"]
        process = subprocess.Popen(command, env=environ, stdout=out, stderr=subprocess.STDOUT)

    def events() -> list[tuple[str, str]]:
        lines = (tmp_path / "out").read_text().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [(line["sync"], line["event"]) for line in found]

    try:
        group.wait_until(lambda: ("config-watcher", "= 1 unchanged") in events(), "the watcher's first apply")
    finally:
        process.terminate()
        assert process.wait(60) == 0
    of_supervisord = [event for program, event in events() if program == "supervisord"]
    assert any("spawned: 'sync-a'" in event for event in of_supervisord)
    assert any("received SIGTERM" in event for event in of_supervisord)
    assert any(program == "jira-sync" and event.startswith("sync-b.json: ") for program, event in events())
