"""The commands on a running group. It is started once. Each test leaves it as it was: two syncs, both waiting."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading

import httpx

TOKEN = "s3cr3t-sync-token"

BY = r"\S+@\S+ at \d{4}-\d\d-\d\d \d\d:\d\d UTC"


def rows(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def on_a_terminal(project, *arguments: str, end_with: signal.Signals | None = None, after: str = "") -> str:
    """Run a command on a terminal; return its output.

    With `end_with`, end it by a signal once the terminal shows `after`.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "jira_sync", *arguments]
    environ = {**project.shell, "TERM": "xterm", "COLUMNS": "200", "LINES": "50"}
    process = subprocess.Popen(command, env=environ, cwd=project.folder, stdout=theirs, stderr=theirs)
    os.close(theirs)
    too_long = threading.Timer(60.0, process.kill)
    too_long.start()
    said = ""
    while True:
        try:
            said += os.read(ours, 65536).decode()
        except OSError:
            break
        if end_with and after in said:
            process.send_signal(end_with)
            end_with = None
    os.close(ours)
    process.wait(30)
    too_long.cancel()
    assert process.returncode != -signal.SIGKILL, f"it did not end: {said}"
    return said


def test_status_has_one_row_per_sync_and_its_json_has_the_fields_of_the_monitor(group):
    ran = group.jira_sync("status")
    header, *syncs = rows(ran.stdout)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert header == ["SYNC", "CONDITION", "LAG", "LAST SUCCESS", "NEXT CYCLE", "QUEUE", "GIVEN UP", "WHY"]
    assert [(row[0], row[1], row[5:]) for row in syncs] == [
        ("sync-a", "ok", ["0", "0", "waiting"]),
        ("sync-b", "ok", ["0", "0", "waiting"]),
    ]
    said = json.loads(group.jira_sync("status", "--json").stdout)
    served = httpx.get(f"{group.api}/api/syncs", trust_env=False).json()
    assert [sync.keys() for sync in said["syncs"]] == [sync.keys() for sync in served["syncs"]]
    assert said.keys() == served.keys()
    assert [sync["name"] for sync in said["syncs"]] == ["sync-a", "sync-b"]
    one = group.jira_sync("status", "sync-b", "--json").stdout
    assert [sync["name"] for sync in json.loads(one)["syncs"]] == ["sync-b"]


def test_status_shows_the_syncs_of_a_condition_or_a_site_only(group):
    name, other = "sync-a", "sync-b"
    for asked in (("--condition", "ok"), ("--condition", "in-step"), ("--condition", "well", "--condition", "stuck")):
        ran = group.jira_sync("status", *asked)
        assert (name in ran.stdout, other in ran.stdout, ran.returncode) == (True, True, 0)
    for asked in (("--condition", "error"), ("--site", "nowhere.example"), ("--condition", "ok", "--site", "x")):
        ran = group.jira_sync("status", *asked)
        assert (ran.stdout, ran.returncode) == ("none of 2 syncs\n", 0)
    site = group.url.removeprefix("http://")
    found = json.loads(group.jira_sync("status", "--site", f"{site}/site", "--json").stdout)
    assert {sync["name"]: sync["sites"] for sync in found["syncs"]} == {name: [f"{site}/site"], other: [f"{site}/site"]}


def test_status_refuses_what_is_no_condition_and_a_shard_where_there_are_none(group):
    ran = group.jira_sync("status", "--condition", "sttuck")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "sttuck is no condition; these are: error, attention, well, off, failed, stuck" in ran.stderr
    ran = group.jira_sync("status", "--shard", "1/2")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "this group has no SHARD" in ran.stderr


def test_status_exits_with_1_and_says_why_when_a_person_must_act(group, wait_until):
    (group.configs / "sync-c.json").write_text('{"name": ')
    os.kill(group.pid("health-monitor"), signal.SIGSTOP)  # it is not needed for this
    group.supervisor.stop("sync-b")
    wait_until(lambda: group.supervisor.states()["sync-b"].state == "STOPPED", "sync-b to be stopped")
    try:
        ran = group.jira_sync("status")
        assert (ran.returncode, ran.stderr) == (1, "")
        assert [row[:2] for row in rows(ran.stdout)[1:4]] == [
            ["sync-c", "invalid"],
            ["sync-b", "stopped"],
            ["sync-a", "ok"],
        ]
        assert "stopped by an operator (jira-sync start sync-b)" in ran.stdout
        assert "sync-c.json: line 1, column 10: is not valid JSON" in ran.stdout.splitlines()[-1]
        assert group.jira_sync("status", "sync-a").returncode == 0
        ran = group.jira_sync("sync-now", "sync-b")
        assert ran.returncode == 1
        assert "no worker runs sync-b now; start it: jira-sync start sync-b; or run one cycle here: " in ran.stderr
    finally:
        os.kill(group.pid("health-monitor"), signal.SIGCONT)
        (group.configs / "sync-c.json").unlink()
        group.supervisor.start("sync-b")
    assert group.jira_sync("sync-now", "sync-b").returncode == 0


def test_status_watch_refreshes_in_colours_until_interrupted(group):
    said = on_a_terminal(group, "status", "--watch", end_with=signal.SIGINT, after="\x1b[2K")
    assert said.count("sync-a") > 1  # it looked again
    assert "\x1b[32mok" in said
    assert "Traceback" not in said
    assert "\x1b[" not in group.jira_sync("status").stdout


def test_sync_now_waits_for_the_cycle_and_prints_its_counts(group):
    group.report("A")
    ran = group.jira_sync("sync-now", "sync-a")
    assert ran.returncode == 0, ran
    assert re.fullmatch(
        r"sync-a begins its next cycle at once\nsync-a: 1 fetched, 1 created \(\d+\.\d s\)\n", ran.stdout
    )
    ran = group.jira_sync("sync-now", "--all")
    assert [line.partition(" ")[0] for line in ran.stdout.splitlines()] == ["sync-a", "sync-b", "sync-a:", "sync-b:"]
    ran = group.jira_sync("sync-now", "sync-a", "--no-wait")
    assert (ran.returncode, ran.stdout) == (0, "sync-a begins its next cycle at once\n")


def test_sync_now_prints_the_error_of_a_failed_cycle(group):
    fault = group.control.fault("site", "unauthorized", user="sync")
    try:
        ran = group.jira_sync("sync-now", "sync-b")
    finally:
        group.control.heal("site", fault)
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: sync-b: the cycle failed: ")
    assert group.jira_sync("sync-now", "sync-b").returncode == 0


def test_a_pause_shows_who_and_why_and_survives_a_restart(group, wait_until):
    ran = group.jira_sync("pause", "sync-a", "sync-b", "--reason", "the workflow is rebuilt")
    assert (ran.returncode, ran.stdout) == (
        0,
        "sync-a is paused, until somebody resumes it\nsync-b is paused, until somebody resumes it\n",
    )
    assert group.run("supervisorctl", "restart", "sync-a").returncode == 0
    why = rf"paused by {BY}: the workflow is rebuilt"

    def says() -> bool:
        ran = group.jira_sync("status")
        found = {row[0]: row for row in rows(ran.stdout)[1:]}
        paused = [re.fullmatch(rf"{why} \(jira-sync resume {name}\)", row[-1]) for name, row in found.items()]
        return ran.returncode == 0 and all(paused) and {row[4] for row in found.values()} == {"–"}

    wait_until(says, "both to say that they are paused")
    group.report("A")
    ran = group.jira_sync("sync-now", "sync-a")
    assert ran.returncode == 1
    assert re.fullmatch(rf"error: sync-a is {why}; resume it first\n", ran.stderr)
    assert re.fullmatch(rf"error: sync-b is {why}\n", group.jira_sync("pause", "sync-b").stderr)
    ran = group.jira_sync("resume", "--all")
    assert (ran.returncode, ran.stdout) == (0, "sync-a goes on\nsync-b goes on\n")
    ran = group.jira_sync("resume", "sync-a")
    assert (ran.returncode, ran.stderr) == (1, "error: sync-a is not paused\n")
    wait_until(lambda: group.is_waiting("sync-a") and group.is_waiting("sync-b"), "both to wait")
    wait_until(lambda: len(group.control.issues("site", "DEVA")) == 2, "what was reported meanwhile")


def test_supervisorctl_works_in_the_folder_of_the_project_without_options(group, wait_until):
    ran = group.run("supervisorctl", "status")
    assert ran.returncode == 0
    assert [(row[0], row[1].split()[0]) for row in rows(ran.stdout)] == [
        (name, "RUNNING") for name in ("health-monitor", "sync-a", "sync-b")
    ]
    before = group.pid("sync-a")
    assert group.run("supervisorctl", "restart", "sync-a").stdout == "sync-a: stopped\nsync-a: started\n"
    assert group.pid("sync-a") != before
    wait_until(lambda: group.is_waiting("sync-a"), "sync-a to end its first cycle")


def test_logs_of_several_syncs_are_sorted_by_time(group):
    lines = [json.loads(line) for line in group.jira_sync("logs", "--json", "-n", "1000").stdout.splitlines()]
    assert {line["sync"] for line in lines} == {"sync-a", "sync-b"}
    assert sorted(lines, key=lambda line: line["time"]) == lines
    last = group.jira_sync("logs", "--json", "-n", "2").stdout.splitlines()
    assert [json.loads(line) for line in last] == lines[-2:]
    said = group.jira_sync("logs", "sync-b", "-n", "1").stdout
    assert re.fullmatch(r"\d\d:\d\d:\d\d info    sync-b cycle completed duration=\S+ .*\n", said)
    ran = group.jira_sync("logs", "health-monitr")
    assert (ran.returncode, ran.stderr) == (2, "error: no sync is called health-monitr; did you mean health-monitor?\n")


def test_logs_follow_prints_new_lines_in_colours_until_interrupted(group):
    asking = group.popen(sys.executable, "-m", "jira_sync", "sync-now", "sync-b")
    said = on_a_terminal(group, "logs", "-f", "-n", "0", end_with=signal.SIGINT, after="cycle completed")
    asking.communicate(timeout=30)
    assert re.search(r"\x1b\[\d+msync-b\x1b\[0m cycle completed", said)
    assert "Traceback" not in said


def test_retry_has_the_worker_carry_out_what_it_gave_up(group):
    group.report("B")
    group.jira_sync("sync-now", "sync-b")
    (issue,) = group.control.issues("site", "DEVB")
    group.ann.move(issue["key"], "In Progress")
    group.control.fault("site", "status", status=400, times=1, method="POST", path="/transitions$")
    ran = group.jira_sync("sync-now", "sync-b")
    assert ran.stdout.splitlines()[-1].startswith("sync-b: 1 fetched, 1 failed, 1 dead (")
    ran = group.jira_sync("status", "sync-b")
    assert (ran.returncode, rows(ran.stdout)[1][1]) == (0, "needs a look")
    ran = group.jira_sync("retry", "sync-b")
    assert ran.stdout.startswith(f"{issue['key']}: given up: ")
    ran = group.jira_sync("retry", "sync-b", issue["key"])
    assert (ran.returncode, ran.stdout) == (0, f"{issue['key']}: done\n"), ran
    assert [issue["status"] for issue in group.control.issues("site", "SUPB")] == ["In Progress"]


def test_check_uses_the_environment_of_the_running_group(group):
    """This shell knows no TOKEN."""
    ran = group.jira_sync("check", "--json")
    assert ran.returncode == 0, ran
    said = json.loads(ran.stdout)
    site = group.url.removeprefix("http://") + "/site"
    assert [(sync["name"], sync["sites"], sync["intervalMinutes"]) for sync in said["syncs"]] == [
        (name, [site, site], 60) for name in ("sync-a", "sync-b")
    ]
    assert (said["problems"], said["broken"]) == ([], [])


def without_waits(said: str) -> list[str]:
    """Leave out what `apply` waits for. Whether it says that depends on how long it takes."""
    return [line for line in said.splitlines() if not line.startswith("waiting ")]


def test_apply_json_lists_the_changes(group):
    pid = group.pid("sync-a")
    group.write("sync-a", description="edited")
    (group.configs / "sync-d.json").write_text("[]")
    try:
        assert "sync-a.json was edited since; jira-sync apply makes sync-a follow" in group.jira_sync("status").stdout
        ran = group.jira_sync("apply", "--json")
    finally:
        (group.configs / "sync-d.json").unlink()
    said = json.loads(ran.stdout)
    assert (ran.returncode, without_waits(ran.stderr)) == (1, [])
    assert said["changes"] == [
        {
            "name": "sync-a",
            "change": "restarted",
            "why": "config changed",
            "state": "RUNNING",
            "pid": group.pid("sync-a"),
        }
    ]
    assert (said["unchanged"], [problem["file"] for problem in said["problems"]]) == (1, ["sync-d.json"])
    assert group.pid("sync-a") != pid


def test_watch_applies_an_edit_and_ends_on_sigterm(group):
    pid = group.pid("sync-b")
    watch = group.popen(sys.executable, "-m", "jira_sync", "watch")
    assert watch.stdout is not None
    assert watch.stdout.readline() == "= 2 unchanged\n"
    group.write("sync-b", description="edited")
    assert watch.stdout.readline() == "~ sync-b restarted (config changed)\n"
    assert watch.stdout.readline() == "= 1 unchanged\n"
    assert group.pid("sync-b") != pid
    watch.send_signal(signal.SIGTERM)
    out, err = watch.communicate(timeout=20)
    assert (watch.returncode, out, without_waits(err)) == (0, "", [])


def test_commands_find_the_group_from_any_folder_below_that_of_the_project(group, monkeypatch, tmp_path):
    below = group.folder / "docs/images"
    below.mkdir(parents=True)
    (group.folder / "tokens").mkdir()
    (group.folder / "tokens/token").write_text(TOKEN)
    jira = {"baseUrl": f"{group.url}/site", "email": "sync@example.com", "apiToken": "${file:tokens/token}"}
    group.write("sync-b", jira=jira)
    commands = (["status"], ["check"], ["apply"], ["doctor", "-q", "sync-b"], ["logs", "-n", "1"], ["plan", "sync-b"])
    try:
        in_project = [group.jira_sync(*command) for command in commands]
        assert [ran.returncode for ran in in_project] == [0] * len(commands), in_project
        monkeypatch.setattr(group, "folder", below)
        for command, expected in zip(commands, in_project, strict=True):
            ran = group.jira_sync(*command)
            assert (ran.returncode, without_waits(ran.stderr)) == (0, without_waits(expected.stderr)), (command, ran)
        ran = group.jira_sync("backup", "sync-a", "of-sync-a")
        assert ran.returncode == 0, ran
        assert (below / "of-sync-a").exists()
        assert list(below.iterdir()) == [below / "of-sync-a"]
    finally:
        monkeypatch.undo()
        group.write("sync-b")
        assert group.jira_sync("apply").returncode == 0


def test_where_no_group_is_a_command_says_where_it_looked(group, monkeypatch, tmp_path):
    monkeypatch.setattr(group, "folder", tmp_path)
    looked = f"no group runs in {tmp_path / 'run'}, nor is there a group in a folder above it; start one: "
    needs_group = (["stop"], ["apply"], ["status"], ["watch"], ["logs"], ["sync-now", "--all"], ["pause", "sync-a"])
    for command in (*needs_group, ["plan", "sync-a"], ["history", "sync-a", "SUPA-1"], ["backup", "sync-a", "x"]):
        ran = group.jira_sync(*command, DATABASE_URL=group.mongo_url)
        assert (ran.returncode, looked in ran.stderr) == (1, True), (command, ran)
    assert not (tmp_path / "run").exists()


def test_stop_from_a_folder_below_ends_the_group_removes_the_link_and_leaves_the_logs(group, monkeypatch):
    """Runs last, because it stops the group of all tests here."""
    conf, below = group.folder / "supervisord.conf", group.folder / "below"
    assert conf.is_symlink()
    below.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(group, "folder", below)
        assert group.jira_sync("stop").returncode == 0
        assert group.jira_sync("stop").stdout == f"nothing was running in {group.run_dir}\n"
    assert not conf.is_symlink()
    ran = group.jira_sync("logs", "-n", "1")
    assert ran.returncode == 0
    assert ran.stderr.startswith("warning: no group runs in ")
    assert "worker stopped" in ran.stdout
