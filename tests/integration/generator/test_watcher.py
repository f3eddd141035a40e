"""The watcher of the folder, as a program of the group."""

from __future__ import annotations

import fcntl
import json
import sys

WATCHER = "config-watcher"
BROKEN = '"level": "error", "sync": "config-watcher", "event": "sync-a.json: line 1'


def test_the_watcher_applies_every_edit_reports_broken_files_and_never_stops_itself(group, tmp_path):
    group.write("sync-a.json")
    assert group.run("start", WATCH="1").code == 0
    log = group.run_dir / "logs" / f"{WATCHER}.log"

    def said(what: str) -> bool:
        return what in log.read_text()

    group.wait_until(lambda: said("= 1 unchanged"), "its first apply")
    group.write("sync-b.json")
    group.wait_until(lambda: said("+ sync-b started"), "a new file to be applied")
    (group.configs / "sync-a.json").write_text("{")
    group.wait_until(lambda: said("! sync-a keeps running as it was"), "a broken file to be reported")
    group.wait_until(lambda: said(BROKEN), "what is wrong with it")

    # A folder that is gone, as when a volume is not mounted, changes nothing.
    before = group.pids()
    group.configs.rename(tmp_path / "elsewhere")
    group.wait_until(lambda: said('"event": "CONFIG_DIR: '), "the folder to be missed")
    (tmp_path / "elsewhere").rename(group.configs)
    assert group.pids() == before
    assert log.read_text().count(BROKEN) == 1
    assert {json.loads(line)["sync"] for line in log.read_text().splitlines()} == {WATCHER}

    # Another interpreter changes the program of all, its own included.
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    record = group.run_dir / "settings.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "python": str(other)}))
    group.write("sync-a.json")
    group.wait_until(lambda: said("~ sync-b restarted (its program changed)"), "the others to be restarted")
    group.wait_until(lambda: log.read_text().endswith('~ sync-b restarted (its program changed)"}\n'), "the end of it")
    assert group.pids()[WATCHER] == before[WATCHER]
    assert group.states()["sync-b"].state == "RUNNING"
    assert f"~ {WATCHER} restarted (its program changed)" in group.run("apply").out
    assert group.pids()[WATCHER] != before[WATCHER]

    # `stop` holds the lock while it waits for the watcher to end.
    with (group.run_dir / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        group.write("sync-b.json", description="edited")
        group.wait_until(lambda: log.read_text().endswith('waiting for it …"}\n'), "it to wait for the lock")
        group.supervisor.stop(WATCHER)
        group.wait_until(lambda: group.states()[WATCHER].state == "STOPPED", "it to end")
    assert "stopped: config-watcher (exit status 0)" in (group.run_dir / "logs/supervisord.log").read_text()
