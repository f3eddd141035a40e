"""The commands, on a real supervisord with real workers."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TOKEN = "s3cr3t-literal-token"


def test_an_edit_restarts_only_the_sync_it_touched(group):
    for name in ("sync-a", "sync-b", "sync-c"):
        group.write(f"{name}.json")
    group.start()
    before = group.pids()
    group.write("sync-b.json", syncIntervalMinutes=7)
    ran = group.run("apply")
    after = group.pids()
    assert (ran.code, ran.out) == (0, "~ sync-b restarted (config changed)\n= 2 unchanged\n")
    assert [name for name in before if before[name] != after[name]] == ["sync-b"]


def test_a_new_file_starts_its_sync_and_a_removed_or_disabled_one_stops_it(group):
    for name in ("sync-a", "sync-b", "sync-c"):
        group.write(f"{name}.json")
    group.start()
    before = group.pids()
    group.write("sync-d.json")
    group.write("sync-b.json", enabled=False)
    (group.configs / "sync-a.json").unlink()
    ran = group.run("apply")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "+ sync-d started",
            "- sync-a stopped (file removed; its database is untouched)",
            "- sync-b stopped (disabled; its database is untouched)",
            "= 1 unchanged",
        ],
    )
    after = group.pids()
    assert (sorted(after), after["sync-c"]) == (["health-monitor", "sync-c", "sync-d"], before["sync-c"])
    assert sorted(path.name for path in (group.run_dir / "syncs").glob("[!.]*")) == ["sync-c.json", "sync-d.json"]


def test_a_sync_whose_file_breaks_keeps_running_and_comes_back_as_it_was_after_a_crash(group):
    group.write("sync-a.json")
    group.write("sync-b.json")
    group.start()
    group.wait_until(lambda: len(group.digests()) == 2, "both to say what they run")
    before, digest = group.pids(), group.digests()["sync-a"]
    (group.configs / "sync-a.json").write_text('{"name": "sync-a",')
    group.write("sync-b.json", syncIntervalMinutes=9)
    ran = group.run("apply")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "~ sync-b restarted (config changed)",
        "! sync-a keeps running as it was: sync-a.json has 1 problem",
    ]
    assert "error: sync-a.json: line 1, column 19: is not valid JSON" in ran.err
    assert group.pids()["sync-a"] == before["sync-a"]
    os.kill(before["sync-a"], signal.SIGKILL)
    group.wait_until(lambda: group.pids()["sync-a"] not in (0, before["sync-a"]), "sync-a to come back")
    group.wait_until(lambda: group.states()["sync-a"].state == "RUNNING", "sync-a to run")
    assert group.digests()["sync-a"] == digest
    group.write("sync-a.json")
    assert group.run("apply").out == "= 2 unchanged\n"


def test_strict_changes_nothing_when_a_file_is_broken(group):
    group.write("sync-a.json")
    group.start()
    before = group.pids()
    group.write("sync-b.json")
    (group.configs / "sync-c.json").write_text("{")
    ran = group.run("apply", "--strict")
    assert (ran.code, ran.out, group.pids()) == (1, "", before)
    assert "nothing was changed" in ran.err


def test_what_apply_does_does_not_depend_on_the_shell_it_is_typed_in(group):
    group.write("sync-a.json")
    group.start()
    before = group.pids()
    bare = dict.fromkeys(("CONFIG_DIR", "DATABASE_URL", "MONGODB_PORT"))
    ran = group.run("apply", **bare)
    assert (ran.code, ran.out, group.pids()) == (0, "= 1 unchanged\n", before)
    ran = group.run("apply", LOG_DIR="/tmp", JIRA_SIMULATOR_PORT="1", DATABASE_URL="mongodb://other")
    assert (ran.code, ran.out, group.pids()) == (0, "= 1 unchanged\n", before)


def test_apply_with_another_folder_takes_nothing_away(group, tmp_path):
    group.write("sync-a.json")
    group.start()
    before = group.pids()
    (tmp_path / "other").mkdir()
    ran = group.run("apply", CONFIG_DIR=str(tmp_path / "other"))
    assert (ran.code, ran.out, group.pids()) == (1, "", before)
    assert "error: CONFIG_DIR is" in ran.err


def test_many_changes_at_once(group):
    for number in range(24):
        group.write(f"sync-{number:02}.json")
    group.start()
    before = group.pids()
    for number in range(0, 24, 2):
        group.write(f"sync-{number:02}.json", syncIntervalMinutes=8)
    ran = group.run("apply")
    after = group.pids()
    assert ran.code == 0, ran
    assert ran.out.count("restarted (config changed)") == 12
    assert sorted(name for name in before if before[name] != after[name]) == [f"sync-{n:02}" for n in range(0, 24, 2)]


@pytest.mark.defect(25)
def test_nothing_is_left_after_stop_and_stop_may_be_repeated(group):
    group.write("sync-a.json")
    group.start()
    assert set(group.members()) == {group.supervisord, *group.pids().values()}
    assert group.run("stop").code == 0
    assert group.members() == []
    assert not (group.run_dir / "supervisor.sock").exists()
    ran = group.run("stop")
    assert (ran.code, ran.out) == (0, "nothing was running\n")


def test_what_a_killed_supervisord_leaves_behind_is_said_and_can_be_ended(group):
    group.write("sync-a.json")
    group.start()
    log = group.run_dir / "logs/health-monitor.log"
    group.wait_until(lambda: "monitor started" in log.read_text(), "the monitor's line")
    # The worker ends once it has something to say: nobody takes its lines any more.
    orphan, supervisord = group.pids()["health-monitor"], group.supervisord
    os.kill(supervisord, signal.SIGKILL)
    group.wait_until(lambda: supervisord not in group.members(), "supervisord to be gone")
    ran = group.run("start")
    assert ran.code == 1
    assert re.search(rf"are left \(.*\b{orphan}\b.*\); `stop` ends them", ran.err)
    assert group.run("stop").code == 0
    assert group.members() == []
    group.start()


def test_a_group_that_runs_is_not_started_twice(group):
    group.write("sync-a.json")
    group.start()
    before = group.pids()
    ran = group.run("start")
    assert (ran.code, group.pids()) == (1, before)
    assert "runs already" in ran.err


def test_apply_without_a_group_says_how_to_start_one(group):
    group.write("sync-a.json")
    ran = group.run("apply")
    assert ran.code == 1
    assert "no group runs in" in ran.err
    assert "jira-sync start" in ran.err


def test_the_good_files_start_when_others_are_broken(group):
    group.write("sync-a.json")
    (group.configs / "bad.json").write_text("[]")
    ran = group.run("start")
    assert ran.code == 1
    assert "error: bad.json: must hold one object" in ran.err
    assert group.states()["sync-a"].state == "RUNNING"


def test_strict_starts_nothing_when_a_file_is_broken(group):
    (group.configs / "bad.json").write_text("[]")
    ran = group.run("start", STRICT="1")
    assert ran.code == 1
    assert group.members() == []


def test_a_group_without_syncs_starts_and_takes_them_later(group):
    ran = group.run("start")
    assert ran.code == 0, ran
    assert "no sync to run" in ran.err
    group.write("sync-a.json")
    assert group.run("apply").out == "+ sync-a started\n"


def test_rendering_twice_writes_once(group):
    group.write("sync-a.json")
    conf = group.run_dir / "supervisord.conf"
    assert group.run("render").out == f"{conf} written\n"
    before = conf.stat()
    assert group.run("render").out == f"{conf} unchanged\n"
    assert conf.stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_mode & 0o077 == 0
    assert group.run("render", "--diff").out == ""
    group.write("sync-b.json")
    assert "+[program:sync-b]" in group.run("render", "--diff").out
    assert "[program:sync-b]" in group.run("render", "--stdout").out
    assert "[program:sync-b]" not in conf.read_text()


@pytest.mark.defect(13)
def test_check_says_everything_and_exits_1_for_problems_only(group):
    group.write("sync-a.json")
    ran = group.run("check")
    assert ran.code == 0
    assert "sync-a  sync-a.json  USYNCA ↔ DSYNCA  127.0.0.1:1  5 min  sync_a" in ran.out
    assert "warning: sync-a.json: jira.apiToken: is written in the file itself" in ran.err
    group.write("sync-b.json", rulez=[], name="all")
    ran = group.run("check")
    assert ran.code == 1
    assert "error: sync-b.json: name: is reserved" in ran.err
    assert "error: sync-b.json: rulez: is not a known key; did you mean rules?" in ran.err


@pytest.mark.defect(21)
def test_no_token_is_in_the_conf_the_manifest_or_a_command_line(group):
    group.write("sync-a.json")
    group.start()
    texts = [path.read_text() for path in (group.run_dir / "supervisord.conf", group.run_dir / "syncs/.manifest.json")]
    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in group.members()]
    logs = [path.read_text() for path in (group.run_dir / "logs").iterdir()]
    assert not [text for text in texts + lines + logs if TOKEN in text]
    assert (group.run_dir / "syncs/sync-a.json").stat().st_mode & 0o077 == 0
    assert group.run_dir.stat().st_mode & 0o077 == 0
    assert (group.run_dir / "supervisor.sock").stat().st_mode & 0o077 == 0


def test_the_embedded_database_starts_first_and_stops_last(group):
    group.write("sync-a.json")
    ran = group.run("start", DATABASE_URL=None)
    assert ran.code == 0, ran
    assert group.states()["mongodb"].state == "RUNNING"
    assert group.run("stop").code == 0
    log = (group.run_dir / "logs/supervisord.log").read_text()
    order = [
        "spawned: 'mongodb'", "spawned: 'health-monitor'", "spawned: 'sync-a'",
        "stopped: sync-a", "stopped: health-monitor (exit status 0)", "stopped: mongodb (exit status 0)",
    ]  # fmt: skip
    positions = [log.index(event) for event in order]
    assert positions == sorted(positions)


@pytest.mark.parametrize("name", ["MONGODB_PORT", "PORT"])
def test_a_taken_port_is_said_with_what_to_do(group, name):
    group.write("sync-a.json")
    port = group.environ[name]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(port)))
        taken.listen()
        ran = group.run("start", DATABASE_URL=None)
    assert ran.code == 1
    assert f"error: port {port} is taken by process {os.getpid()} (" in ran.err
    assert f"set {name} to a free one" in ran.err
    assert group.members() == []


@pytest.mark.parametrize(
    # what the loader says                                                                         what is said
    ("loader", "said"),
    [
        (
            "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file",
            "mongod needs libcurl4; install it: sudo apt-get install -y libcurl4",
        ),
        ("Illegal instruction", "does not run: Illegal instruction"),
    ],
)
def test_a_mongod_that_cannot_run_is_said_with_what_to_do(group, tmp_path, loader, said):
    fake = tmp_path / "bin" / "mongod"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho '{loader}' >&2\nexit 127\n")
    fake.chmod(0o755)
    ran = group.run("start", DATABASE_URL=None, PATH=f"{fake.parent}:{os.environ['PATH']}")
    assert ran.code == 1
    assert said in ran.err


def test_commands_at_the_same_time_wait_for_each_other(group):
    group.write("sync-a.json")
    group.start()
    with (group.run_dir / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [sys.executable, "-m", "generator", "apply"],
            env=group.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert second.stderr is not None
        assert "waiting for it" in second.stderr.readline()
        assert second.poll() is None
    out, _ = second.communicate(timeout=30)
    assert (second.returncode, out) == (0, "= 1 unchanged\n")


def test_an_apply_that_is_interrupted_leaves_no_sync_missing(group):
    group.write("sync-a.json")
    group.start()
    group.write("sync-a.json", syncIntervalMinutes=7)
    command = [sys.executable, "-m", "generator", "apply"]
    applying = subprocess.Popen(command, env=group.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    group.wait_until(lambda: (s := group.states().get("sync-a")) is None or s.state != "RUNNING", "it to be replaced")
    applying.send_signal(signal.SIGINT)
    assert applying.wait(60) == 130
    group.wait_until(lambda: group.states()["sync-a"].state == "RUNNING", "it to run again")


def test_the_manifest_that_cannot_be_read_costs_nothing_but_what_it_knew(group):
    group.write("sync-a.json")
    group.start()
    (group.run_dir / "syncs/.manifest.json").write_text("{")
    ran = group.run("apply")
    assert (ran.code, ran.out) == (0, "= 1 unchanged\n")
    assert json.loads((group.run_dir / "syncs/.manifest.json").read_text())["sync-a"]["file"] == "sync-a.json"


def test_a_sync_that_takes_over_a_database_starts_only_when_the_one_before_has_ended(group):
    group.write("sync-a.json")
    group.start()
    group.write("sync-a.json", name="sync-n", databaseName="sync_a")
    ran = group.run("apply")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        ["+ sync-n started", "- sync-a stopped (sync-a.json says sync-n now; its database is untouched)"],
    )
    log = (group.run_dir / "logs/supervisord.log").read_text()
    assert log.index("stopped: sync-a") < log.index("spawned: 'sync-n'")


def test_render_leaves_a_running_group_alone(group):
    group.write("sync-a.json")
    group.start()
    snapshot = group.run_dir / "syncs/sync-a.json"
    before = snapshot.read_bytes()
    group.write("sync-a.json", syncIntervalMinutes=9)
    ran = group.run("render")
    assert ran.code == 1
    assert "`apply` changes it" in ran.err
    assert snapshot.read_bytes() == before
    assert "+" in group.run("render", "--diff").out


def test_an_emptied_folder_is_asked_about_before_everything_stops(group):
    for name in ("sync-a", "sync-b"):
        group.write(f"{name}.json")
    group.start()
    before = group.pids()
    for path in group.configs.iterdir():
        path.unlink()
    ran = group.run("apply")
    assert (ran.code, ran.out, group.pids()) == (1, "", before)
    assert "holds no sync, but 2 run; nothing was changed" in ran.err
    assert group.run("apply", "--allow-empty").code == 0
    assert list(group.pids()) == ["health-monitor"]


def test_files_are_judged_by_the_environment_that_the_workers_have(group):
    started_with = {"JIRA_BASE_URL": "http://127.0.0.1:1", "JIRA_API_TOKEN": TOKEN}
    group.write("sync-a.json", jira={})
    assert group.run("start", **started_with).code == 0
    before = group.pids()
    ran = group.run("apply")
    assert (ran.code, ran.out, group.pids()) == (0, "= 1 unchanged\n", before)


def test_another_mongod_on_the_path_does_not_replace_the_one_that_runs(group, tmp_path):
    group.write("sync-a.json")
    assert group.run("start", DATABASE_URL=None).code == 0
    before = group.pids()
    other = tmp_path / "bin" / "mongod"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    ran = group.run("apply", DATABASE_URL=None, PATH=f"{other.parent}:{os.environ['PATH']}")
    assert (ran.code, ran.out, group.pids()) == (0, "= 1 unchanged\n", before)


def test_a_variable_that_has_no_effect_on_what_runs_is_said(group):
    group.write("sync-a.json")
    group.start()
    assert "warning: LOG_LEVEL here has no effect on a group that runs" in group.run("apply", LOG_LEVEL="debug").err


def test_a_supervisord_that_does_not_answer_is_said_and_can_be_ended(group):
    group.write("sync-a.json")
    group.start()
    os.kill(group.supervisord, signal.SIGSTOP)
    ran = group.run("apply")
    assert ran.code == 1
    assert "supervisord does not answer" in ran.err
    assert group.run("stop").code == 0
    assert group.members() == []


def test_a_run_directory_that_cannot_be_made_is_said(group, tmp_path):
    (tmp_path / "file").write_text("")
    ran = group.run("start", RUN_DIR=str(tmp_path / "file" / "run"))
    assert ran.code == 1
    assert ran.err.startswith("error: ")


def test_lines_of_workers_survive_in_a_file_that_standard_output_leads_to(group, tmp_path):
    group.write("sync-a.json")
    with (tmp_path / "out").open("w") as out:
        command = [sys.executable, "-m", "generator", "start", "--foreground"]
        process = subprocess.Popen(command, env=group.environ, stdout=out, stderr=subprocess.DEVNULL)
        group.wait_until(lambda: "worker started" in (tmp_path / "out").read_text(), "the worker's first line")
        group.wait_until(lambda: "entered RUNNING state" in (tmp_path / "out").read_text(), "supervisord's line")
        assert "worker started" in (tmp_path / "out").read_text()
        process.terminate()
        assert process.wait(30) == 0
